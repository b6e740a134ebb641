"""The measures in a model's README: tables of its card's quality figures."""

from collections.abc import Iterable, Iterator
from typing import Any

from training.artifact.model_card import Card
from training.evaluation.features import NEIGHBORS
from training.evaluation.image_sets import TRAINING_IMAGES
from training.evaluation.likelihood import IMPORTANCE_SAMPLES

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
    quality = card["quality"]
    anomalies = quality["anomalies"]
    tables = [model_table(card), image_table(quality)]
    if anomalies["out_of_distribution"]:
        tables.append(detection_table(anomalies["out_of_distribution"]))
    tables.append(false_alarm_table(anomalies))
    inspection = card.get("inspection")
    if inspection is not None and inspection["quality"] is not None:
        tables.append(inspection_table(inspection["quality"]))
    return "\n".join(tables)


def model_table(card: Card) -> str:
    """Return the table of single figures, with a column for the linear baseline."""
    quality = card["quality"]
    figures = [dict(model_figures(card, quality))]
    columns = [f"on {quality['test_images']:,} {quality['split']} images", ""]
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
    yield from classification_figures(quality["anomalies"])


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


def classification_figures(anomalies: Measures) -> Figures:
    """Return the class probabilities' measures, if there are classes."""
    if "classification_accuracy" not in anomalies:
        return
    images = f"on the {uncalibrated_images(anomalies)}"
    accuracy = anomalies["classification_accuracy"]
    name = "classification accuracy of the latent mixtures"
    yield f"{name}, {images}", f"{accuracy:.2%}"
    entropy = anomalies["cross_entropy"]
    error = anomalies["expected_calibration_error"]
    name = "cross-entropy and expected calibration error of the class probabilities"
    yield f"{name}, {images}", f"{entropy:.3f} nats, {error:.1%}"


def uncalibrated_images(anomalies: Measures) -> str:
    """Return a name of the images that were neither trained nor calibrated on."""
    return f"{anomalies['images']:,} images not used for calibration"


def image_table(quality: Measures) -> str:
    """Return the table of real images, reconstructions and samples."""
    images = quality["image_sets"]
    real_distance = images[TRAINING_IMAGES]["frechet_distance"]
    rows = image_rows(images, real_distance)
    if "linear" in quality:
        linear = image_rows(quality["linear"]["image_sets"], real_distance)
        rows.extend([f"linear: {name}", *cells] for name, *cells in linear[2:])
    return without_empty_columns(IMAGE_COLUMNS, rows)


def without_empty_columns(columns: list[str], rows: list[list[str]]) -> str:
    """Return a table without the columns that have no value, such as those of classes."""
    cells = zip(*rows, strict=True)
    filled = [number for number, values in enumerate(cells) if any(values)]
    kept = [[row[number] for number in filled] for row in rows]
    return table([columns[number] for number in filled], kept)


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


def false_alarm_table(anomalies: Measures) -> str:
    """Return the table of false alarms, by class."""
    rates = {"all": anomalies["false_alarm_rate"]}
    rates |= anomalies["false_alarm_rate_by_label"]
    columns = [f"the {uncalibrated_images(anomalies)}"]
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


def cell(text: str) -> str:
    """Return a name without the character that ends a table's cell."""
    return text.replace("|", "/")


def table(columns: list[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [table_row(columns), "|" + "---|" * len(columns)]
    lines.extend(table_row(row) for row in rows)
    return "\n".join(lines) + "\n"


def table_row(cells: Iterable[str]) -> str:
    """Return one row of a Markdown table."""
    return f"| {' | '.join(cells)} |"
