"""Test images, and a fake autoencoder whose results are known."""

import base64
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from service.imaging.pixels import ImageShape
from service.model.autoencoder import Floats, Pixels, Posterior, unit_pixels
from service.model.batching import BatchScheduler, Job
from service.model.calibration import Calibration
from service.model.card import Inspection, ModelCard
from service.model.cost import ModelCost
from service.model.errors import InferenceError, OverloadedError
from service.model.statistics import LatentStatistics
from service.observability.request_context import RequestContext
from service.operations.cost import ImageCost
from tests.color_model import DECILES

DATA = Path(__file__).parent / "data"
REPOSITORY = Path(__file__).parent.parent
MODEL = REPOSITORY / "models" / "mnist"

LAYER = {
    "type": "dense",
    "output_shape": [6],
    "activation": "Identity",
    "parameters": 42,
}
HEIGHT, WIDTH, LATENT_SIZE = 2, 3, 6


def png(image: Image.Image, **options: object) -> str:
    """Return an image as a base64 PNG."""
    content = io.BytesIO()
    image.save(content, format="PNG", **options)
    return base64.b64encode(content.getvalue()).decode()


def grey_png(values: list[list[int]]) -> str:
    """Return rows of grey levels as a base64 PNG."""
    pixels = np.array(values, dtype=np.uint8)
    return png(Image.fromarray(pixels))


def pixels_of(text: str) -> Pixels:
    """Return the pixels (height, width) of a grey PNG in base64, read with Pillow."""
    content = base64.b64decode(text, validate=True)
    image = Image.open(io.BytesIO(content))
    assert image.format == "PNG"
    assert image.mode == "L"
    return np.asarray(image)


FIRST = grey_png([[0, 1, 2], [3, 4, 5]])
SECOND = grey_png([[250, 251, 252], [253, 254, 255]])
SQUARE = grey_png([[0, 10, 20], [30, 40, 50], [60, 70, 80]])

# Black ink on white paper, larger than the fake model's images, and its preprocessing.
INK = Image.new("L", (24, 16), 255)
INK.paste(0, (4, 3, 19, 13))
INK_PREPROCESSING = {
    "oriented": False,
    "inverted": True,
    "cropped": [4, 3, 19, 13],
    "scaled": [2, 1],
    "removed": [],
    "others": 0,
    "confidence": 0.2,
}
# An image of the fake model's size with ink.
SMALL_INK = grey_png([[0, 250, 0], [0, 90, 0]])
NO_PREPROCESSING = {"oriented": False, "inverted": False, "removed": [], "others": 0}


def fake_card() -> ModelCard:
    """Return the card of a model whose sizes are unlike MNIST's."""
    graph = {"file": "graph.onnx", "sha256": "0" * 64}
    return ModelCard.model_validate(
        {
            "format_version": 2,
            "name": "fake",
            "title": "Shades",
            "version": "1",
            "licence": None,
            "image": {
                "channels": 1,
                "height": HEIGHT,
                "width": WIDTH,
                "color": "grey",
            },
            "fit": {"method": "stretch", "background": None, "resampling": "hamming"},
            "latent_size": LATENT_SIZE,
            "labels": [{"name": name, "images": 1} for name in "0123"],
            "parameters": 168,
            "layers": {
                "encoder": [LAYER],
                "sampler": {"mean": LAYER, "log_variance": LAYER},
                "decoder": [LAYER],
            },
            "objective": {"name": "squared-error", "c": 16.0, "variance": None},
            "training": {"seed": 0},
            "data": {
                "name": "none",
                "source": None,
                "images": {"train": 4, "calibration": 0, "test": 0},
                "sha256": {},
                "licence": None,
                "skipped": [],
            },
            "quality": None,
            "cost": None,
            "statistics": None,
            "graphs": {"encoder": graph, "decoder": graph, "inspector": None},
            "inspection": None,
            "examples": [FIRST, SECOND],
        }
    )


def ink_card() -> ModelCard:
    """Return the card of a model whose images are fitted by their ink."""
    card = fake_card()
    fit = card.fit.model_copy(update={"method": "ink"})
    examples = [SMALL_INK, SMALL_INK]
    return card.model_copy(update={"fit": fit, "examples": examples})


def fake_statistics() -> LatentStatistics:
    """Return two distant Gaussians of class 0, and one each of classes 1 and 3."""
    means = np.array([0, 1, 0.25, 0.75], dtype=np.float32)
    triangle = np.tri(LATENT_SIZE, dtype=np.float32) / 100
    return LatentStatistics(
        weights=np.array([0.3, 0.1, 0.4, 0.2], dtype=np.float32),
        classes=np.array([0, 0, 1, 3]),
        means=np.repeat(means[:, np.newaxis], LATENT_SIZE, axis=1),
        cholesky=np.tile(triangle, (4, 1, 1)),
        class_temperature=np.array(2, dtype=np.float32),
    )


def fake_calibration() -> Calibration:
    """Return a calibration by 99 maps, whose largest values are 0.01 to 0.99."""
    inspection = Inspection(
        parts=["map"],
        weights=[1],
        images=99,
        false_alarm_rate=0.1,
        threshold=0.9,
        brightness_deciles=DECILES,
    )
    scores = np.arange(1, 100, dtype=np.float64) / 100
    return Calibration.from_scores(inspection, scores[np.newaxis])


# Costs of the MNIST model and of its images.
MODEL_COST = ModelCost(encode=0.004, decode=0.004)
DIGIT_COST = ImageCost.of(ImageShape(1, 28, 28), MODEL_COST)


def pending_job() -> Job:
    """Return a job that is only admitted, never run."""

    async def compute(*_: object) -> None:
        raise NotImplementedError

    return Job(
        cost=0,
        is_light=lambda: True,
        prepare=list,
        compute=compute,
        finish=bytes,
        timings=RequestContext("pending"),
    )


@contextmanager
def full_queue(scheduler: BatchScheduler) -> Iterator[None]:
    """Have so many jobs pending that no other is admitted."""
    jobs = []
    with suppress(OverloadedError):
        while True:
            job = pending_job()
            scheduler.admit(job, job.cost)
            jobs.append(job)
    try:
        yield
    finally:
        for job in jobs:
            scheduler.release(job)


@dataclass
class FakeAutoencoder:
    """Autoencoder whose latents are the pixels, so that a reconstruction is the image.

    broken: whether inference fails.
    calibration: of maps that are the images themselves; None: it cannot inspect.
    cost: that of the MNIST model.
    batches: sizes of the batches computed so far.
    """

    card: ModelCard = field(default_factory=fake_card)
    statistics: LatentStatistics = field(default_factory=fake_statistics)
    calibration: Calibration | None = field(default_factory=fake_calibration)
    broken: bool = False
    cost: ModelCost = MODEL_COST
    batches: list[int] = field(default_factory=list)

    def encode(self, pixels: Pixels | Floats) -> Posterior:
        """Return the pixels in [0, 1] as mean, and half of them as log-variance."""
        self._count(len(pixels))
        mean = unit_pixels(pixels).reshape(len(pixels), -1)
        return Posterior(mean, mean / np.float32(2))

    def decode(self, latents: Floats) -> Floats:
        """Return the numbers of the latents as pixels, whatever their range."""
        self._count(len(latents))
        return latents.reshape(-1, *self.card.image_shape)

    def map_anomalies(self, pairs: Floats) -> Floats:
        """Return the first channel of the images."""
        self._count(len(pairs))
        return pairs[:, 0]

    def _count(self, size: int) -> None:
        if self.broken:
            raise InferenceError("the fake is broken")
        self.batches.append(size)


def card_examples() -> list[str]:
    """Return example digits of the model in the repository, as base64 PNGs."""
    card = json.loads((MODEL / "model.json").read_bytes())
    examples: list[str] = card["examples"]
    return examples
