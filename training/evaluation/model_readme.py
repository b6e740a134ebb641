"""The measures in a model's README: tables of its card's quality figures."""

from collections.abc import Iterable, Iterator
from typing import Any

from training.artifact.model_card import Card
from training.evaluation.features import NEIGHBORS
from training.evaluation.image_sets import TRAINING_IMAGES
from training.evaluation.likelihood import IMPORTANCE_SAMPLES

Measures = dict[str, Any]

OBJECTIVES = {
    "squared-error": "with C · squared error, without the Gaussian's constant",
    "bernoulli": "with binary cross-entropy",
    "importance-weighted": "with binary cross-entropy",
}
IMAGE_COLUMNS = [
    "images",
    "Fréchet distance",
    "relative to the real-versus-real distance",
    "classified as their label",
    "nearest training digit: mean, 1st percentile",
]
DETECTION_COLUMNS = [
    "out-of-distribution images",
    "AUROC against test digits",
    "above the 99th percentile of digits",
]


def measures(card: Card) -> str:
    """Return Markdown tables of an evaluated model's measures."""
    quality = card["quality"]
    anomalies = quality["anomalies"]
    tables = [
        model_table(card),
        image_table(quality["image_sets"]),
        detection_table(anomalies["out_of_distribution"]),
        false_alarm_table(anomalies),
    ]
    return "\n".join(tables)


def model_table(card: Card) -> str:
    """Return the table of single figures."""
    quality = card["quality"]
    title = f"on {quality['test_images']:,} {quality['split']} digits"
    rows: list[tuple[str, str]] = []
    rows.extend(autoencoder_rows(card))
    rows.extend(feature_rows(quality))
    rows.extend(classification_rows(quality["anomalies"]))
    return table([title, ""], rows)


def autoencoder_rows(card: Card) -> Iterator[tuple[str, str]]:
    """Return name and value of the autoencoder's own measures."""
    quality = card["quality"]
    objective = OBJECTIVES[card["objective"]["name"]]
    digits = "binarised" if card["training"]["binarize"] else "grey"
    error = quality["squared_error_per_pixel"]
    name = f"squared error per pixel of {digits} digits"
    yield f"{name}, reconstructed from the posterior mean", f"{error:.5f}"
    kl = quality["kl_divergence"]
    yield f"KL divergence of {digits} digits", f"{kl:.1f} nats"
    elbo = quality["negative_elbo"]
    deviation = quality["negative_elbo_deviation"]
    name = f"negative ELBO of {digits} digits, {objective}; mean of five draws"
    yield name, f"{elbo:.2f} ± {deviation:.2f} nats"
    likelihood = quality["negative_log_likelihood"]
    if likelihood is not None:
        name = "negative log-likelihood of binarised digits"
        samples = f"{IMPORTANCE_SAMPLES:,} importance samples"
        yield f"{name}, {samples}", f"{likelihood:.2f} nats"
    active, size = quality["active_units"], card["latent_size"]
    yield "active units", f"{active} of {size}"
    if active < size:
        loss = quality["inactive_units_loss"]
        name = "increase of the reconstruction loss with inactive units set to 0"
        yield name, f"{loss:.2f} nats"


def feature_rows(quality: Measures) -> Iterator[tuple[str, str]]:
    """Return name and value of the features' measures."""
    neighbors = quality["knn_accuracy"]
    yield f"k-NN accuracy on posterior means, k = {NEIGHBORS}", f"{neighbors:.2%}"
    probe = quality["linear_probe_accuracy"]
    yield "linear probe accuracy on posterior means", f"{probe:.2%}"


def classification_rows(anomalies: Measures) -> Iterator[tuple[str, str]]:
    """Return name and value of the class probabilities' measures."""
    digits = f"on the {anomalies['images']:,} digits not used for calibration"
    accuracy = anomalies["classification_accuracy"]
    name = "classification accuracy of the latent mixtures"
    yield f"{name}, {digits}", f"{accuracy:.2%}"
    entropy = anomalies["cross_entropy"]
    error = anomalies["expected_calibration_error"]
    name = "cross-entropy and expected calibration error of the class probabilities"
    yield f"{name}, {digits}", f"{entropy:.3f} nats, {error:.1%}"


def image_table(images: dict[str, Measures]) -> str:
    """Return the table of digits, reconstructions and samples."""
    real_distance = images[TRAINING_IMAGES]["frechet_distance"]
    rows = []
    for name, measured in images.items():
        distance = measured["frechet_distance"]
        agreement = measured["classification_accuracy"]
        nearest = measured["nearest_training_distance"]
        closest = measured["nearest_training_distance_1st_percentile"]
        row = [
            name,
            f"{distance:.2f}",
            f"{distance / real_distance:.1f}",
            "" if agreement is None else f"{agreement:.1%}",
            f"{nearest:.2f}, {closest:.2f}",
        ]
        rows.append(row)
    return table(IMAGE_COLUMNS, rows)


def detection_table(images: dict[str, Measures]) -> str:
    """Return the table of out-of-distribution images."""
    rows = []
    for name, measured in images.items():
        auroc = measured["auroc"]
        rate = measured["detection_rate"]
        rows.append([name, f"{auroc:.4f}", f"{rate:.1%}"])
    return table(DETECTION_COLUMNS, rows)


def false_alarm_table(anomalies: Measures) -> str:
    """Return the table of false alarms, by class."""
    rates = {"all": anomalies["false_alarm_rate"]}
    rates |= anomalies["false_alarm_rate_by_label"]
    columns = [f"the {anomalies['images']:,} digits not used for calibration"]
    columns.extend(rates)
    row = ["false-alarm rate at the 99th percentile"]
    row.extend(f"{rate:.1%}" for rate in rates.values())
    return table(columns, [row])


def table(columns: list[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [table_row(columns), "|" + "---|" * len(columns)]
    lines.extend(table_row(row) for row in rows)
    return "\n".join(lines) + "\n"


def table_row(cells: Iterable[str]) -> str:
    """Return one row of a Markdown table."""
    return f"| {' | '.join(cells)} |"
