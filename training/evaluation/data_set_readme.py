"""The README of a model that was made from a data set: written from its card."""

from pathlib import Path
from typing import Any

from training.artifact.model_card import Card
from training.evaluation.data_set_limits import limits
from training.evaluation.image_sets import TEST_IMAGES
from training.evaluation.inspection_picture import INSPECTION_FILE
from training.evaluation.markdown import code, picture, table
from training.evaluation.model_pictures import (
    INTERPOLATIONS_FILE,
    MAP_FILE,
    PRIOR_FILE,
    RECONSTRUCTIONS_FILE,
    SAMPLE_ROWS,
    SAMPLES_FILE,
)
from training.evaluation.model_readme import (
    finds_defects,
    inspection_table,
    measured_images,
    model_measures,
)

Quality = dict[str, Any]

MAX_LISTED_CLASSES = 20
READING = """\
**Reading the tables.** Pixels are in [0, 1]; a colour image has three values a pixel,
which count as three pixels. SSIM is 1 for equal images. *linear* is the linear model
with as many latents, fitted to the same images in closed form: what it does as well needs
no network. {features} Even two sets of real images have a Fréchet distance
above 0: the *real-versus-real distance* is the distance between the test images and as
many training images. Distances of other models or data are not comparable. Samples that
are closer to the nearest training image than reconstructions are may be copies of it."""
CLASSIFIER_FEATURES = """\
The Fréchet distance compares features of a small classifier of the classes, trained on
the training images; it is correct for {accuracy:.1%} of the test images."""
RANDOM_FEATURES = """\
The Fréchet distance compares features of a small network of random weights, since there
are no classes to train a classifier on."""


def readme_text(card: Card, pictures: list[Path]) -> str:
    """Return the Markdown text, from the card of an evaluated model.

    pictures: those in the model's folder.
    """
    names = {path.name for path in pictures}
    parts = [introduction(card)]
    if finds_defects(card):
        parts.extend(inspection_parts(card))
    parts += [
        picture("Reconstructions", RECONSTRUCTIONS_FILE),
        f"{measured_images(card).capitalize()}, and their reconstructions below.",
        serving(card),
        data_text(card),
        training_text(card),
        "## Measures",
        model_measures(card).rstrip(),
        reading(card["quality"]),
        "## Samples",
        picture("Samples", SAMPLES_FILE),
        samples_caption(card),
        picture("Samples from the prior", PRIOR_FILE),
        "Samples from the prior, which knows nothing of the data.",
        picture("Interpolations", INTERPOLATIONS_FILE),
        "Interpolations between the latents of two test images.",
    ]
    if MAP_FILE in names:
        parts.append(picture("Latent map", MAP_FILE))
        parts.append("Latents of test images, laid out in two dimensions by t-SNE.")
    parts.append("## Limits")
    parts.append("\n".join(f"- {limit}" for limit in limits(card)))
    return "\n\n".join(parts) + "\n"


def inspection_parts(card: Card) -> list[str]:
    """Return the inspection's picture and table."""
    return [
        "## Inspection",
        picture("Inspection", INSPECTION_FILE),
        "Test images with defects, and below in red what is above the threshold.",
        inspection_table(card["inspection"]["quality"]).rstrip(),
        "## The model",
    ]


def introduction(card: Card) -> str:
    """Return one paragraph on the network."""
    image = card["image"]
    color = "grey" if image["color"] == "grey" else "colour"
    size = f"{image['width']} x {image['height']}"
    return (
        f"A variational autoencoder of {color} images, {size} pixels, with "
        f"{card['latent_size']} latent dimensions and {card['parameters']:,} "
        f"parameters, made from {code(card['data']['name'])}. `model.json` describes "
        "it for programs."
    )


def serving(card: Card) -> str:
    """Return the command that serves the model."""
    command = f"vae-service --model models/{card['name']}"
    return f"**Serve it.**\n\n```sh\n{command}\n```"


def data_text(card: Card) -> str:
    """Return counts, classes, format, licence and hash of the data."""
    data = card["data"]
    counts = data["images"]
    numbers = (
        f"{counts['train']:,} images to train on, {counts['calibration']:,} to "
        f"calibrate with and {counts['test']:,} to test on"
    )
    parts = [
        f"**Data.** {source_text(data)}: {numbers}.",
        fit_text(card["fit"]),
        f"Licence: {data['licence'] or 'not stated'}.",
        hash_text(data["sha256"]),
    ]
    if data["skipped"]:
        parts.append(f"{len(data['skipped'])} unreadable files were left out.")
    text = " ".join(parts)
    if not card["labels"]:
        return f"{text} There are no classes."
    classes = defect_table(card) if finds_defects(card) else class_table(card["labels"])
    return f"{text}\n\n{classes}".rstrip()


def source_text(data: dict[str, Any]) -> str:
    """Return the origin of the data, as the beginning of a sentence."""
    if data["source"] == f"folder {data['name']}":
        return f"The folder {code(data['name'])}"
    source: str = data["source"]
    return source


def fit_text(fit: dict[str, Any]) -> str:
    """Return a sentence on the way pictures are brought to the model's size."""
    sentence = f"Pictures are brought to this size by `{fit['method']}`"
    if fit["background"] is None or fit["method"] == "stretch":
        return f"{sentence}."
    return f"{sentence}, with the background {fit['background']}."


def hash_text(hashes: dict[str, str]) -> str:
    """Return a sentence with the hash of the list of files, if there is but one."""
    if len(hashes) > 1:
        return "`model.json` has the SHA-256 of each file."
    ((name, sha256),) = hashes.items()
    return f"SHA-256 of the {name}: `{sha256}`."


def class_table(labels: list[dict[str, Any]]) -> str:
    """Return the table of the classes, with their training images."""
    shown = labels[:MAX_LISTED_CLASSES]
    rows = [[code(label["name"]), f"{label['images']:,}"] for label in shown]
    left_out = len(labels) - len(shown)
    if left_out:
        rows.append([f"{left_out} more, in `model.json`", ""])
    return table(["class", "training images"], rows)


def defect_table(card: Card) -> str:
    """Return the table of the class without defects and those of defects."""
    quality = card["inspection"]["quality"]
    (normal,) = card["labels"]
    good = [
        code(normal["name"]),
        f"{normal['images']:,}",
        f"{quality['good_images']:,}",
    ]
    counts = quality["images_by_defect"]
    defects = [[code(kind), "0", f"{count:,}"] for kind, count in counts.items()]
    return table(["class", "training images", "test images"], [good, *defects])


def training_text(card: Card) -> str:
    """Return the objective and the recipe."""
    objective = card["objective"]
    constants = [
        f"{name} = {value:.3g}"
        for name, value in objective.items()
        if name != "name" and value is not None
    ]
    settings = ", ".join(f"{name} {value}" for name, value in card["training"].items())
    described = ", ".join([f"`{objective['name']}`", *constants])
    return f"**Training.** Objective: {described}. Recipe: {settings}."


def reading(quality: Quality) -> str:
    """Return an explanation of the tables."""
    accuracy = quality["image_sets"][TEST_IMAGES]["classification_accuracy"]
    if accuracy is None:
        return READING.format(features=RANDOM_FEATURES)
    return READING.format(features=CLASSIFIER_FEATURES.format(accuracy=accuracy))


def samples_caption(card: Card) -> str:
    """Return the caption of the samples."""
    trained = [label for label in card["labels"] if label["images"]]
    if len(trained) < 2:  # noqa: PLR2004 - one class is no classes
        return "Samples from the mixture of all images' latents."
    names = ", ".join(code(label["name"]) for label in trained[:SAMPLE_ROWS])
    return f"Samples by class, a row each: {names}."
