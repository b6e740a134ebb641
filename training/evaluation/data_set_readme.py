"""The README of a model that was made from a data set: written from its card."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.artifact.model_card import Card
from training.evaluation.image_sets import (
    CLASS_SAMPLES,
    MIXTURE_SAMPLES,
    PRIOR_SAMPLES,
    RECONSTRUCTIONS,
    TEST_IMAGES,
    TRAINING_IMAGES,
)
from training.evaluation.model_pictures import (
    INTERPOLATIONS_FILE,
    MAP_FILE,
    PRIOR_FILE,
    RECONSTRUCTIONS_FILE,
    SAMPLE_ROWS,
    SAMPLES_FILE,
)
from training.evaluation.model_readme import measures, table

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
    parts = [
        introduction(card),
        picture("Reconstructions", RECONSTRUCTIONS_FILE),
        "Test images, and their reconstructions below.",
        serving(card),
        data_text(card),
        training_text(card),
        "## Measures",
        measures(card).rstrip(),
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


def picture(title: str, name: str) -> str:
    """Return a picture in Markdown."""
    return f"![{title}]({name})"


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
        f"**Data.** {code(data['source'])}: {numbers}.",
        fit_text(card["fit"]),
        f"Licence: {data['licence'] or 'not stated'}.",
        hash_text(data["sha256"]),
    ]
    if data["skipped"]:
        parts.append(f"{len(data['skipped'])} unreadable files were left out.")
    text = " ".join(parts)
    if not card["labels"]:
        return f"{text} There are no classes."
    return f"{text}\n\n{class_table(card['labels'])}".rstrip()


def fit_text(fit: dict[str, Any]) -> str:
    """Return a sentence on the way pictures are brought to the model's size."""
    sentence = f"Pictures are brought to this size by `{fit['method']}`"
    if fit["background"] is None:
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


def limits(card: Card) -> Iterator[str]:
    """Yield what the model is not good at, by its figures."""
    quality = card["quality"]
    if quality["image_sets"][TRAINING_IMAGES]["frechet_distance"] > 0:
        yield sample_limit(quality["image_sets"])
    if "linear" in quality:
        yield linear_limit(quality)
    agreement = quality["image_sets"].get(CLASS_SAMPLES, {})
    if agreement:
        share = agreement["classification_accuracy"]
        yield f"{share:.0%} of the samples by class are classified as the class asked for."
    yield calibration_limit(card["data"]["images"]["calibration"])
    if "inspection" in card:
        yield inspection_limit(card["inspection"])
    yield (
        "The test images are from the same source as the training images. Pictures of "
        "another camera, light or lot were not measured."
    )


def sample_limit(images: dict[str, Quality]) -> str:
    """Return sentences on the quality of samples beside that of reconstructions."""
    real = images[TRAINING_IMAGES]["frechet_distance"]
    names = [RECONSTRUCTIONS, MIXTURE_SAMPLES, PRIOR_SAMPLES]
    reconstructions, mixture, prior = (
        images[name]["frechet_distance"] / real for name in names
    )
    return (
        "A larger Fréchet distance means less resemblance to real images. In real-versus-"
        f"real distances it is {reconstructions:.1f} for reconstructions, {mixture:.1f} for "
        f"samples from the mixture, and {prior:.1f} for samples from the prior."
    )


def linear_limit(quality: Quality) -> str:
    """Return a sentence that compares the squared error with the linear model's."""
    error = quality["squared_error_per_pixel"]
    linear = quality["linear"]["squared_error_per_pixel"]
    if error < linear:
        return (
            f"The squared error is {error / linear:.0%} of the linear model's, which is "
            "made in seconds."
        )
    return (
        f"The linear model, made in seconds, reconstructs better: its squared error is "
        f"{linear / error:.0%} of this network's. Prefer it, or train longer."
    )


def calibration_limit(count: int) -> str:
    """Return a sentence on the resolution of the anomaly percentile."""
    return (
        f"The anomaly percentile is measured on {count:,} calibration images, so its "
        f"steps are of {100 / count:.2g} %."
    )


def inspection_limit(inspection: Quality) -> str:
    """Return sentences on the false alarms to expect of inspection."""
    low, high = inspection["interval"]
    text = (
        f"The inspection's threshold is for {inspection['false_alarm_rate']:.1%} false "
        f"alarms. With {inspection['images']:,} calibration images, the rate on new "
        f"images is {low:.1%} to {high:.1%} with a probability of 95 %"
    )
    if inspection["group"] is None:
        return f"{text}, if they are of the same lots; `--group` was not given."
    return f"{text}."


def code(text: str) -> str:
    """Return text as code, without the characters that end code or a table's cell."""
    escaped = text.replace("`", "'").replace("|", "/")
    return f"`{escaped}`"
