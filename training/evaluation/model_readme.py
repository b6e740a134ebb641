"""The measures in a model's README: tables of its card's quality figures."""

from collections.abc import Iterator
from typing import Any

from training.artifact.model_card import Card
from training.evaluation.features import NEIGHBORS
from training.evaluation.image_sets import TRAINING_IMAGES
from training.evaluation.likelihood import IMPORTANCE_SAMPLES
from training.evaluation.markdown import cell, table, without_empty_columns

Measures = dict[str, Any]
Figures = Iterator[tuple[str, str]]  # name and value

OBJECTIVES = {
    "squared-error": "with C · squared error, without the Gaussian's constant",
    "gaussian": "with a Gaussian of learned variance",
    "bernoulli": "with binary cross-entropy",
    "importance-weighted": "with binary cross-entropy",
}
IMAGE_COLUMNS = [
    "images",
    "Fréchet distance",
    "relative to the real-versus-real distance",
    "classified as their label",
    "nearest training image: mean, 1st percentile",
]
DETECTION_COLUMNS = [
    "out-of-distribution images",
    "AUROC against test images",
    "above the calibration images' 99th percentile",
]


def measures(card: Card) -> str:
    """Return Markdown tables of an evaluated model's measures."""
    tables = [model_measures(card)]
    if is_inspected(card):
        tables.append(inspection_table(card["inspection"]["quality"]))
    if finds_defects(card):
        tables.reverse()
    return "\n".join(tables)


def is_inspected(card: Card) -> bool:
    """Return whether the inspection of images was measured."""
    return "inspection" in card and card["inspection"]["quality"] is not None


def finds_defects(card: Card) -> bool:
    """Return whether it was measured on a data set's own images with defects."""
    foreign = card["quality"]["anomalies"]["out_of_distribution"]
    return is_inspected(card) and not foreign


def model_measures(card: Card) -> str:
    """Return the tables without that of inspection.

    Its false alarms stand in place of the anomaly score's.
    """
    quality = card["quality"]
    anomalies = quality["anomalies"]
    tables = [model_table(card), image_table(card)]
    if anomalies["out_of_distribution"]:
        tables.append(detection_table(anomalies["out_of_distribution"]))
    if anomalies["out_of_distribution"] or "inspection" not in card:
        tables.append(false_alarm_table(quality))
    return "\n".join(tables)


def measured_images(card: Card) -> str:
    """Return the name of the images that the model was measured on."""
    name = f"{card['quality']['split']} images"
    return f"{name} without defects" if finds_defects(card) else name


def model_table(card: Card) -> str:
    """Return the table of single figures, with a column for the linear baseline."""
    quality = card["quality"]
    figures = [dict(model_figures(card, quality))]
    columns = [f"on {quality['test_images']:,} {measured_images(card)}", ""]
    if "linear" in quality:
        columns = [columns[0], card["name"], "linear"]
        figures.append(dict(model_figures(card, quality["linear"])))
    rows = []
    for name in figures[0]:
        values = [column.get(name, "") for column in figures]
        rows.append([name, *values])
    return table(columns, rows)


def model_figures(card: Card, quality: Measures) -> Figures:
    """Return the single figures of the model, or of its baseline."""
    yield from autoencoder_figures(card, quality)
    yield from feature_figures(quality)
    yield from classification_figures(quality)


def autoencoder_figures(card: Card, quality: Measures) -> Figures:
    """Return the autoencoder's own measures."""
    images = " of binarised images" if card["training"]["binarize"] else ""
    error = quality["squared_error_per_pixel"]
    name = f"squared error per pixel{images}"
    yield f"{name}, reconstructed from the posterior mean", f"{error:.5f}"
    similarity = quality["structural_similarity"]
    yield "structural similarity (SSIM) of the same", f"{similarity:.3f}"
    kl = quality["kl_divergence"]
    yield f"KL divergence{images}", f"{kl:.1f} nats"
    elbo = quality["negative_elbo"]
    deviation = quality["negative_elbo_deviation"]
    objective = OBJECTIVES[card["objective"]["name"]]
    name = f"negative ELBO{images}, {objective}; mean of five draws"
    yield name, f"{elbo:.2f} ± {deviation:.2f} nats"
    likelihood = quality.get("negative_log_likelihood")
    if likelihood is not None:
        name = "negative log-likelihood of binarised images"
        samples = f"{IMPORTANCE_SAMPLES:,} importance samples"
        yield f"{name}, {samples}", f"{likelihood:.2f} nats"
    active, size = quality["active_units"], card["latent_size"]
    yield "active units", f"{active} of {size}"
    if active < size:
        loss = quality["inactive_units_loss"]
        name = "increase of the reconstruction loss with inactive units set to 0"
        yield name, f"{loss:.2f} nats"


def feature_figures(quality: Measures) -> Figures:
    """Return the features' measures, if there are classes."""
    neighbors = quality["knn_accuracy"]
    if neighbors is None:
        return
    yield f"k-NN accuracy on posterior means, k = {NEIGHBORS}", f"{neighbors:.2%}"
    probe = quality["linear_probe_accuracy"]
    yield "linear probe accuracy on posterior means", f"{probe:.2%}"


def classification_figures(quality: Measures) -> Figures:
    """Return the class probabilities' measures, if there are classes."""
    anomalies = quality["anomalies"]
    if "classification_accuracy" not in anomalies:
        return
    images = f"on the {scored_images(quality)}"
    accuracy = anomalies["classification_accuracy"]
    name = "classification accuracy of the latent mixtures"
    yield f"{name}, {images}", f"{accuracy:.2%}"
    entropy = anomalies["cross_entropy"]
    error = anomalies["expected_calibration_error"]
    name = "cross-entropy and expected calibration error of the class probabilities"
    yield f"{name}, {images}", f"{entropy:.3f} nats, {error:.1%}"


def scored_images(quality: Measures) -> str:
    """Return the number and name of the test images not used for calibration."""
    count = quality["anomalies"]["images"]
    if count == quality["test_images"]:
        split = quality.get("split", "test")  # the linear baseline's is the model's
        return f"{count:,} {split} images"
    return f"{count:,} images not used for calibration"


def image_table(card: Card) -> str:
    """Return the table of real images, reconstructions and samples."""
    quality = card["quality"]
    images = quality["image_sets"]
    real_distance = images[TRAINING_IMAGES]["frechet_distance"]
    rows = image_rows(images, real_distance)
    rows[1][0] = f"{measured_images(card)}, the reference"
    if "linear" in quality:
        linear = image_rows(quality["linear"]["image_sets"], real_distance)
        rows.extend([f"linear: {name}", *cells] for name, *cells in linear[2:])
    return without_empty_columns(IMAGE_COLUMNS, rows)


def image_rows(images: dict[str, Measures], real_distance: float) -> list[list[str]]:
    """Return the rows of image sets: two of real ones, then the model's."""
    rows = []
    for name, measured in images.items():
        distance = measured["frechet_distance"]
        agreement = measured["classification_accuracy"]
        nearest = measured["nearest_training_distance"]
        closest = measured["nearest_training_distance_1st_percentile"]
        row = [
            name,
            f"{distance:.2f}",
            relative(distance, real_distance),
            "" if agreement is None else f"{agreement:.1%}",
            f"{nearest:.2f}, {closest:.2f}",
        ]
        rows.append(row)
    return rows


def relative(distance: float, real_distance: float) -> str:
    """Return a distance in real-versus-real ones; nothing if the real images agree."""
    if real_distance == 0:
        return ""
    return f"{distance / real_distance:.1f}"


def detection_table(images: dict[str, Measures]) -> str:
    """Return the table of out-of-distribution images."""
    rows = []
    for name, measured in images.items():
        auroc = measured["auroc"]
        rate = measured["detection_rate"]
        rows.append([name, f"{auroc:.4f}", f"{rate:.1%}"])
    return table(DETECTION_COLUMNS, rows)


def false_alarm_table(quality: Measures) -> str:
    """Return the table of false alarms, by class."""
    anomalies = quality["anomalies"]
    rates = {"all": anomalies["false_alarm_rate"]}
    rates |= anomalies["false_alarm_rate_by_label"]
    columns = [f"the {scored_images(quality)}"]
    columns.extend(rates)
    row = ["false-alarm rate at the 99th percentile"]
    row.extend(f"{rate:.1%}" for rate in rates.values())
    return table(columns, [row])


def inspection_table(quality: Measures) -> str:
    """Return the table of an inspector's detections, by kind of defect."""
    rates = quality["recall"]
    columns = ["inspection", "AUROC"]
    columns.extend(
        f"above the threshold of {100 * float(rate):g}% false alarms" for rate in rates
    )
    good = [f"the {quality['good_images']:,} test images without defects", ""]
    good.extend(f"{share:.1%}" for share in quality["false_alarms"].values())
    rows = [good]
    for kind, area in quality["auroc_by_defect"].items():
        shares = [f"{recall[kind]:.1%}" for recall in rates.values()]
        rows.append([cell(kind), f"{area:.4f}", *shares])
    text = table(columns, rows)
    if quality["pro"] is None:
        return text
    return (
        f"{text}\nThe maps' pixel AUROC is {quality['pixel_auroc']:.3f}, and their "
        f"per-region overlap (PRO) {quality['pro']:.3f}.\n"
    )
