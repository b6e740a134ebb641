"""The measures in words: the part of a model's README that evaluation writes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.evaluation.likelihood import IMPORTANCE_SAMPLES
from training.files import write_file

README_FILE = "README.md"
START, END = (
    "<!-- measures: written by python -m training evaluate -->\n",
    "<!-- end of measures -->\n",
)
OBJECTIVES = {
    "squared-error": "with C · squared error, without the Gaussian's constant",
    "bernoulli": "with binary cross-entropy",
    "importance-weighted": "with binary cross-entropy",
}


def write_measures(folder: Path, card: dict[str, Any]) -> None:
    """Write the card's measures between the marks in the README of a model's folder, where it has both."""
    path = folder / README_FILE
    before, start, rest = (path.read_text() if path.exists() else "").partition(START)
    _, end, after = rest.partition(END)
    if start and end:
        write_file(path, f"{before}{START}\n{measures(card)}\n{END}{after}".encode())


def measures(card: dict[str, Any]) -> str:
    """Tables in Markdown: the measures of the model, of its reconstructions and samples, and of the anomaly score."""
    quality = card["quality"]
    if quality is None:
        return "None yet: `python -m training evaluate` writes them.\n"
    rows = [
        f"| on {quality['test_images']:,} {quality['split']} digits | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in measures_of_model(card)),
        "",
        "| pictures | Fréchet distance | in floors | taken for the digit meant | nearest training digit: mean, 1 % |",
        "|---|---|---|---|---|",
        *measures_of_pictures(quality["pictures"]),
        "",
        *measures_of_anomalies(quality["anomalies"]),
    ]
    return "".join(f"{row}\n" for row in rows)


def measures_of_model(card: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and value of each measure, with its unit."""
    quality, objective = card["quality"], card["objective"]["name"]
    digits = "binarised" if card["training"]["binarize"] else "grey"
    yield (
        f"squared error per pixel of {digits} digits, from the posterior mean",
        f"{quality['squared_error_per_pixel']:.5f}",
    )
    yield f"KL divergence of {digits} digits", f"{quality['kl_divergence']:.1f} nats"
    yield (
        f"negative ELBO of {digits} digits, {OBJECTIVES[objective]}; five draws",
        f"{quality['negative_elbo']:.2f} ± {quality['negative_elbo_deviation']:.2f} nats",
    )
    if quality["negative_log_likelihood"] is not None:
        yield (
            f"negative log-likelihood of binarised digits, {IMPORTANCE_SAMPLES:,} importance samples",
            f"{quality['negative_log_likelihood']:.2f} nats",
        )
    yield "active units", f"{quality['active_units']} of {card['latent_size']}"
    if quality["active_units"] < card["latent_size"]:
        yield (
            "reconstruction lost with the other units at 0",
            f"{quality['inactive_units_loss']:.2f} nats",
        )
    yield (
        "digits told by the 15 nearest means",
        f"{quality['nearest_neighbors_accuracy']:.2%}",
    )
    yield (
        "digits told by logistic regression on the mean",
        f"{quality['linear_probe_accuracy']:.2%}",
    )
    anomalies = quality["anomalies"]
    told = f"of the {anomalies['digits']:,} not used to calibrate"
    yield (
        f"digits told by the samplers' densities, {told}",
        f"{anomalies['class_accuracy']:.2%}",
    )
    yield (
        f"cross-entropy and calibration error of their probabilities, {told}",
        f"{anomalies['class_cross_entropy']:.3f} nats, {anomalies['class_calibration_error']:.1%}",
    )


def measures_of_anomalies(anomalies: dict[str, Any]) -> Iterator[str]:
    """A table of what is no digit, and one of the digits that calibration has not seen, by class."""
    yield "| no digits | told from digits by anomaly score (AUROC) | above the 99th percentile |"
    yield "|---|---|---|"
    for name, these in anomalies["pictures"].items():
        yield f"| {name} | {these['auroc']:.4f} | {these['alarms']:.1%} |"
    yield ""
    alarms = {"all": anomalies["alarms"], **anomalies["alarms_by_class"]}
    yield f"| the {anomalies['digits']:,} digits not used to calibrate | {' | '.join(alarms)} |"
    yield f"|---|{'---|' * len(alarms)}"
    yield f"| above the 99th percentile | {' | '.join(f'{share:.1%}' for share in alarms.values())} |"


def measures_of_pictures(pictures: dict[str, dict[str, Any]]) -> Iterator[str]:
    """One row of the table for each kind of picture."""
    floor = pictures["training digits"]["frechet_distance"]
    for name, these in pictures.items():
        distance, agreement = these["frechet_distance"], these["class_agreement"]
        told = "" if agreement is None else f"{agreement:.1%}"
        nearest = f"{these['nearest_training_digit']:.2f}, {these['nearest_training_digit_closest']:.2f}"
        yield f"| {name} | {distance:.2f} | {distance / floor:.1f} | {told} | {nearest} |"
