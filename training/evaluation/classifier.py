"""A small convolutional network that tells digits apart: the judge of reconstructions and samples.

The network, the objective and the shifted digits are those that every textbook has (LeCun et al. 1998); the features
that the Frechet distance compares are the values before its last layer.
"""

import io
from pathlib import Path
from typing import cast

import torch
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional

from training.data.digits import Digits
from training.files import read_saved, write_file

EPOCHS = 12
BATCH_SIZE = 128
LEARNING_RATE = 3e-3  # the highest of the one-cycle schedule, arXiv:1708.07120
SEED = 0
FEATURES = 128
SHIFT, TURN, STRETCH = (
    0.1,
    0.15,
    0.1,
)  # of half the image's width, in radians, as a share
INFERENCE_BATCH_SIZE = 100  # what a layer puts out stays in the processor's cache


class ClassifierError(Exception):
    """A file is not a classifier; the message names it."""


class Classifier(nn.Module):
    """Pixels (batch, 1, 28, 28) in [0, 1] to one logit a digit, (batch, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *convolution(1, 32, kernel=5, padding=2),
            nn.MaxPool2d(2),
            *convolution(32, 64, kernel=3, padding=1),
            nn.MaxPool2d(2),
            *convolution(64, 64, kernel=3, padding=0),
            nn.Flatten(),
            nn.Linear(64 * 5 * 5, FEATURES),
            nn.ReLU(),
        )
        self.output = nn.Linear(FEATURES, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        """Give the logits."""
        logits: Tensor = self.output(self.body(pixels))
        return logits


def convolution(
    inputs: int, outputs: int, kernel: int, padding: int
) -> tuple[nn.Module, ...]:
    """A convolution, normalised over the batch, and ReLU."""
    return (
        nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def train_classifier(digits: Digits) -> Classifier:
    """Fit the classifier to digits, each moved a little anew every time."""
    pixels, generator = digits.pixels(), torch.Generator().manual_seed(SEED)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    batches = [
        batch
        for _ in range(EPOCHS)
        for batch in torch.randperm(len(pixels), generator=generator).split(BATCH_SIZE)
    ]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=len(batches)
    )
    for batch in track(batches, description="training the classifier"):
        loss = functional.cross_entropy(
            model(move(pixels[batch], generator)), digits.labels[batch]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def move(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, turn and stretch each image a little, by amounts uniform within the limits above."""
    shift, turn, stretch = (
        limit * (2 * torch.rand(len(pixels), 2, generator=generator) - 1)
        for limit in (SHIFT, TURN, STRETCH)
    )
    cosine, sine = torch.cos(turn[:, 0]), torch.sin(turn[:, 0])
    rotation = torch.stack(
        [torch.stack([cosine, -sine], dim=1), torch.stack([sine, cosine], dim=1)], dim=1
    )
    transform = torch.cat(
        [rotation * (1 + stretch[:, :, None]), shift[:, :, None]], dim=2
    )
    grid = functional.affine_grid(transform, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, align_corners=False)


def features_and_classes(model: Classifier, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The values before the last layer, float32 (count, 128), and the most likely digits, int64 (count,)."""
    with torch.inference_mode():
        features = torch.cat(
            [model.body(batch) for batch in pixels.split(INFERENCE_BATCH_SIZE)]
        )
        return features, model.output(features).argmax(dim=1)


def accuracy(model: Classifier, digits: Digits) -> float:
    """Share of the digits that the classifier tells."""
    _, classes = features_and_classes(model, digits.pixels())
    return (classes == digits.labels).double().mean().item()


def save_classifier(model: Classifier, path: Path) -> None:
    """Write the weights, whole or not at all."""
    content = io.BytesIO()
    torch.save(model.state_dict(), content)
    write_file(path, content.getvalue())


def read_classifier(path: Path) -> Classifier:
    """The classifier in a file. Raises OSError, and ClassifierError, naming the file, if it is not one."""
    model, weights = Classifier(), read_saved(path)
    try:
        model.load_state_dict(cast("dict[str, Tensor]", weights))
    except (
        AttributeError,
        RuntimeError,
        TypeError,
    ) as error:  # the first: of names that are no text
        raise ClassifierError(f"{path} is not a classifier of this program") from error
    return model.eval()
