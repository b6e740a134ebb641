"""Encoder and decoder as models of the Open Inference Protocol."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from service.model.autoencoder import Autoencoder, Floats
from service.operations.limits import Limits

VERSION = "1"
MODEL_NAMES = ("encoder", "decoder")
PIXELS = "pixels"  # input of the encoder, output of the decoder


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
    max_items: largest size of a batch.
    """

    name: str
    input: TensorSpec
    low: float
    high: float
    setting: str
    outputs: tuple[TensorSpec, ...]
    compute: Callable[[Autoencoder, Floats], Awaitable[Sequence[Floats]]]
    max_items: int


def model_paths(name: str) -> tuple[str, str]:
    """Return the paths of a model, without and with its version."""
    path = f"/v2/models/{name}"
    return path, f"{path}/versions/{VERSION}"


@lru_cache(maxsize=2)
def model_specs(limits: Limits) -> dict[str, ModelSpec]:
    """Return the specs of the encoder and the decoder by name."""
    shape = limits.image_shape
    pixels = TensorSpec(PIXELS, (shape.channels, shape.height, shape.width))
    latent = TensorSpec("latent", (limits.latent_size,))
    mean = TensorSpec("mean", (limits.latent_size,))
    log_variance = TensorSpec("log_variance", (limits.latent_size,))
    encoder = ModelSpec(
        name="encoder",
        input=pixels,
        low=0,
        high=1,
        setting="",
        outputs=(mean, log_variance),
        compute=encode,
        max_items=limits.max_items,
    )
    decoder = ModelSpec(
        name="decoder",
        input=latent,
        low=-limits.max_latent,
        high=limits.max_latent,
        setting=" (VAE_MAX_LATENT)",
        outputs=(pixels,),
        compute=decode,
        max_items=limits.max_items,
    )
    return {"encoder": encoder, "decoder": decoder}


async def encode(model: Autoencoder, pixels: Floats) -> Sequence[Floats]:
    """Return mean and log-variance, each (batch, latent)."""
    posterior = await model.encode(pixels)
    return posterior.mean, posterior.log_variance


async def decode(model: Autoencoder, latents: Floats) -> Sequence[Floats]:
    """Return pixels (batch, channels, height, width)."""
    return (await model.decode(latents),)
