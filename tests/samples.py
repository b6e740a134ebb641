"""Real digits that travel with the tests, and a fake autoencoder whose answers are known."""

import base64
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from service.model.autoencoder import Floats, Pixels, Posterior, unit_pixels
from service.model.card import ModelCard
from service.model.errors import InferenceError
from service.model.statistics import LatentStatistics

DATA = Path(__file__).parent / "data"
REPOSITORY = Path(__file__).parent.parent
MODEL = REPOSITORY / "models" / "mnist"

LAYER = {"inputs": 6, "outputs": 6, "activation": "Identity", "parameters": 42}
HEIGHT, WIDTH, LATENT_SIZE = 2, 3, 6


def png(image: Image.Image, **options: object) -> str:
    """A picture as a base64 PNG."""
    content = io.BytesIO()
    image.save(content, format="PNG", **options)
    return base64.b64encode(content.getvalue()).decode()


def grey_png(values: list[list[int]]) -> str:
    """Rows of grey levels as a base64 PNG."""
    return png(Image.fromarray(np.array(values, dtype=np.uint8)))


def pixels_of(text: str) -> Pixels:
    """What a base64 PNG shows, read by Pillow alone."""
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
    assert (image.format, image.mode) == ("PNG", "L")
    return np.asarray(image)


FIRST, SECOND = (
    grey_png([[0, 1, 2], [3, 4, 5]]),
    grey_png([[250, 251, 252], [253, 254, 255]]),
)


def fake_card() -> ModelCard:
    """The card of a model whose sizes are no digit's."""
    graph = {"file": "graph.onnx", "sha256": "0" * 64}
    return ModelCard.model_validate(
        {
            "format_version": 1,
            "name": "fake",
            "image_shape": [1, HEIGHT, WIDTH],
            "latent_size": LATENT_SIZE,
            "parameters": 168,
            "architecture": {
                "encoder": [LAYER],
                "sampler": {"mean": LAYER, "log_variance": LAYER},
                "decoder": [LAYER],
            },
            "objective": {"name": "squared-error", "c": 16.0},
            "training": {"seed": 0},
            "data": {"name": "none", "training_images": 1, "sha256": {}},
            "quality": None,
            "graphs": {"encoder": graph, "decoder": graph},
            "examples": [FIRST, SECOND],
        }
    )


def fake_statistics() -> LatentStatistics:
    """Two Gaussians of class 0, far apart, and one each of 1 and 3; there is no 2."""
    middles = np.array([0, 1, 0.25, 0.75], dtype=np.float32)
    return LatentStatistics(
        weights=np.array([0.3, 0.1, 0.4, 0.2], dtype=np.float32),
        classes=np.array([0, 0, 1, 3]),
        means=np.repeat(middles[:, np.newaxis], LATENT_SIZE, axis=1),
        cholesky=np.tile(np.tri(LATENT_SIZE, dtype=np.float32) / 100, (4, 1, 1)),
        anomaly_quantiles=np.array([-20, -10, 0, 100, 1000], dtype=np.float32),
        class_temperature=np.array(2, dtype=np.float32),
    )


@dataclass
class FakeAutoencoder:
    """Its latents are the pixels themselves, so that a reconstruction is the image; it counts its calls."""

    card: ModelCard = field(default_factory=fake_card)
    statistics: LatentStatistics = field(default_factory=fake_statistics)
    broken: bool = False
    batches: list[int] = field(default_factory=list)

    def encode(self, pixels: Pixels | Floats) -> Posterior:
        """Give each image's pixels in [0, 1] as mean, and half of them as log-variance."""
        mean = self._seen(unit_pixels(pixels).reshape(len(pixels), -1))
        return Posterior(mean, mean / np.float32(2))

    def decode(self, latents: Floats) -> Floats:
        """Give each latent's numbers as pixels, whatever their range."""
        return self._seen(latents).reshape(-1, *self.card.image_shape)

    def _seen(self, batch: Floats) -> Floats:
        if self.broken:
            raise InferenceError("the fake is broken")
        self.batches.append(len(batch))
        return batch


def card_examples() -> list[str]:
    """Digits of the model in the repository, as base64 PNGs."""
    examples: list[str] = json.loads((MODEL / "model.json").read_bytes())["examples"]
    return examples
