"""Encoder, decoder and inspector as models of the Open Inference Protocol."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.model.autoencoder import Autoencoder, Floats, require_calibration
from service.model.errors import NoInspectorError
from service.model.inspection import inspect
from service.operations.cost import ImageCost
from service.operations.limits import Limits

VERSION = "1"
MAX_CACHED = 128  # models whose specs are kept
REQUIRED_NAMES = ("encoder", "decoder")  # of each model
MODEL_NAMES = (*REQUIRED_NAMES, "inspector")
PIXELS = "pixels"  # input of encoder and inspector, output of the decoder


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of a model: float32 (batch, *shape)."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model of the protocol.

    input: its one input, whose numbers are from ``low`` to ``high``.
    setting: name of the setting that bounds the numbers, in parentheses, or empty.
    outputs: in the order of ``compute``'s results.
    compute: batched function of the input.
    cost: processor time of an item, without its numbers as JSON.
    max_items: largest size of a batch.
    """

    name: str
    input: TensorSpec
    low: float
    high: float
    setting: str
    outputs: tuple[TensorSpec, ...]
    compute: Callable[[Autoencoder, Floats], Awaitable[Sequence[Floats]]]
    cost: Callable[[ImageCost], float]
    max_items: int


def model_paths(name: str) -> tuple[str, str]:
    """Return the paths of a model, without and with its version."""
    path = f"/v2/models/{name}"
    return path, f"{path}/versions/{VERSION}"


@lru_cache(maxsize=MAX_CACHED)
def model_specs(limits: Limits, prefix: str) -> dict[str, ModelSpec]:
    """Return the specs of the models by their names without the prefix.

    There is no inspector if inspections are not calibrated.
    """
    shape = limits.image_shape
    pixels = TensorSpec(PIXELS, (shape.channels, shape.height, shape.width))
    specs = {
        "encoder": encoder_spec(pixels, limits, prefix),
        "decoder": decoder_spec(pixels, limits, prefix),
    }
    if limits.calibration_images:
        specs["inspector"] = inspector_spec(pixels, limits, prefix)
    return specs


def model_spec(name: str, limits: Limits, prefix: str) -> ModelSpec:
    """Return the spec of a model of ``MODEL_NAMES``.

    Raises NoInspectorError for the inspector if inspections are not calibrated.
    """
    spec = model_specs(limits, prefix).get(name)
    if spec is None:
        raise NoInspectorError
    return spec


def encoder_spec(pixels: TensorSpec, limits: Limits, prefix: str) -> ModelSpec:
    """Return the spec of the encoder, whose input is ``pixels``."""
    mean = TensorSpec("mean", (limits.latent_size,))
    log_variance = TensorSpec("log_variance", (limits.latent_size,))
    return ModelSpec(
        name=f"{prefix}encoder",
        input=pixels,
        low=0,
        high=1,
        setting="",
        outputs=(mean, log_variance),
        compute=encode,
        cost=lambda image: image.encode,
        max_items=limits.max_items,
    )


def decoder_spec(pixels: TensorSpec, limits: Limits, prefix: str) -> ModelSpec:
    """Return the spec of the decoder, whose output is ``pixels``."""
    latent = TensorSpec("latent", (limits.latent_size,))
    return ModelSpec(
        name=f"{prefix}decoder",
        input=latent,
        low=-limits.max_latent,
        high=limits.max_latent,
        setting=" (VAE_MAX_LATENT)",
        outputs=(pixels,),
        compute=decode,
        cost=lambda image: image.decode,
        max_items=limits.max_items,
    )


def inspector_spec(pixels: TensorSpec, limits: Limits, prefix: str) -> ModelSpec:
    """Return the spec of the inspector, whose input is ``pixels``."""
    _, height, width = pixels.shape
    score = TensorSpec("score", (1,))
    percentile = TensorSpec("percentile", (1,))
    anomalous = TensorSpec("anomalous", (1,))
    anomaly_map = TensorSpec("map", (height, width))
    return ModelSpec(
        name=f"{prefix}inspector",
        input=pixels,
        low=0,
        high=1,
        setting="",
        outputs=(score, percentile, anomalous, anomaly_map),
        compute=inspect_pixels,
        cost=lambda image: image.encode + image.decode + image.inspect,
        max_items=limits.max_items,
    )


async def encode(model: Autoencoder, pixels: Floats) -> Sequence[Floats]:
    """Return mean and log-variance, each (batch, latent)."""
    posterior = await model.encode(pixels)
    return posterior.mean, posterior.log_variance


async def decode(model: Autoencoder, latents: Floats) -> Sequence[Floats]:
    """Return pixels (batch, channels, height, width)."""
    return (await model.decode(latents),)


async def inspect_pixels(model: Autoencoder, pixels: Floats) -> Sequence[Floats]:
    """Return score, percentile and anomalous, each (batch, 1), and the maps.

    ``anomalous`` is 1 or 0, by the false-alarm rate in the model card.
    """
    inspections = await inspect(model, pixels)
    calibration = require_calibration(model)
    threshold = calibration.at_rate(calibration.rate).score
    anomalous = inspections.scores > threshold
    return (
        as_column(inspections.scores),
        as_column(inspections.percentiles),
        as_column(anomalous),
        inspections.maps,
    )


def as_column(values: NDArray[Any]) -> Floats:
    """Return one value of each image, (batch,), as float32 (batch, 1)."""
    numbers = values.astype(np.float32)
    return numbers[:, np.newaxis]
