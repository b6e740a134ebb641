"""Training of the classifier, on randomly shifted, rotated and scaled digits.

Objective and augmentation are the textbook's (LeCun et al. 1998).
"""

import torch
from rich.progress import track
from torch import Generator, Tensor
from torch.nn import functional
from torch.optim import Adam
from torch.optim.lr_scheduler import OneCycleLR

from training.data.images import LabelledImages
from training.evaluation.classifier import Classifier

EPOCHS = 12
BATCH_SIZE = 128
MAX_LEARNING_RATE = 3e-3  # of the one-cycle schedule, arXiv:1708.07120
SEED = 0
# Limits of the augmentation.
SHIFT = 0.1  # of half the image's width
ROTATION = 0.15  # radians
SCALE = 0.1  # relative change of the size


def train_classifier(digits: LabelledImages) -> Classifier:
    """Fit the classifier to digits, each augmented differently in each epoch."""
    pixels = digits.pixels()
    generator = Generator().manual_seed(SEED)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = Classifier()
    batches = random_batches(len(pixels), generator)
    optimizer = Adam(model.parameters(), lr=MAX_LEARNING_RATE)
    schedule = OneCycleLR(
        optimizer,
        MAX_LEARNING_RATE,
        total_steps=len(batches),
    )
    for batch in track(batches, description="training the classifier"):
        augmented = augment(pixels[batch], generator)
        logits = model(augmented)
        labels = digits.labels[batch]
        loss = functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def random_batches(count: int, generator: Generator) -> list[Tensor]:
    """Return the indices of each batch of all epochs, in a new order each epoch."""
    batches: list[Tensor] = []
    for _ in range(EPOCHS):
        order = torch.randperm(count, generator=generator)
        batches.extend(order.split(BATCH_SIZE))
    return batches


def augment(pixels: Tensor, generator: Generator) -> Tensor:
    """Shift, rotate and scale each image by uniform random amounts."""
    shape = len(pixels), 2

    def draw(limit: float) -> Tensor:
        unit = torch.rand(shape, generator=generator)
        return limit * (2 * unit - 1)

    shift = draw(SHIFT).unsqueeze(2)
    angle = draw(ROTATION)[:, 0]
    scale = draw(SCALE).unsqueeze(2)
    linear = rotation_matrices(angle) * (1 + scale)
    transform = torch.cat([linear, shift], dim=2)
    grid = functional.affine_grid(
        transform,
        list(pixels.shape),
        align_corners=False,
    )
    return functional.grid_sample(
        pixels,
        grid,
        align_corners=False,
    )


def rotation_matrices(angles: Tensor) -> Tensor:
    """Return the rotation matrices (count, 2, 2) of angles (count,) in radians."""
    cosine = torch.cos(angles)
    sine = torch.sin(angles)
    rows = [
        torch.stack([cosine, -sine], dim=1),
        torch.stack([sine, cosine], dim=1),
    ]
    return torch.stack(rows, dim=1)
