"""The limits of a model that was made from a data set, by the figures of its card."""

from collections.abc import Iterator
from typing import Any

from training.artifact.model_card import Card
from training.evaluation.image_sets import (
    CLASS_SAMPLES,
    MIXTURE_SAMPLES,
    PRIOR_SAMPLES,
    RECONSTRUCTIONS,
    TRAINING_IMAGES,
)

Quality = dict[str, Any]


def limits(card: Card) -> Iterator[str]:
    """Yield what the model is not good at, by its figures."""
    quality = card["quality"]
    if quality["image_sets"][TRAINING_IMAGES]["frechet_distance"] > 0:
        yield sample_limit(quality["image_sets"])
    if "linear" in quality:
        yield linear_limit(card)
    agreement = quality["image_sets"].get(CLASS_SAMPLES, {})
    if agreement:
        share = agreement["classification_accuracy"]
        yield f"{share:.0%} of the samples by class are classified as the class asked for."
    if "inspection" in card:
        yield inspection_limit(card["inspection"])
    else:
        yield calibration_limit(card["data"]["images"]["calibration"])
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


def linear_limit(card: Card) -> str:
    """Return sentences that compare the squared error with the linear model's."""
    quality = card["quality"]
    error = quality["squared_error_per_pixel"]
    linear = quality["linear"]["squared_error_per_pixel"]
    if error < linear:
        return (
            f"The squared error is {error / linear:.0%} of the linear model's, which is "
            "made in seconds."
        )
    return (
        f"The linear model, made in seconds, reconstructs better: its squared error is "
        f"{linear / error:.0%} of this network's. Train longer, or make it by `vae-train "
        f"create FOLDER --model models/{card['name']}-linear --network linear`."
        + unmeasured_inspection(card)
    )


def unmeasured_inspection(card: Card) -> str:
    """Return a sentence on the linear model's inspection, if this model's is measured."""
    if "inspection" not in card or card["inspection"]["quality"] is None:
        return ""
    return " Whether it finds more defects was not measured."


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
