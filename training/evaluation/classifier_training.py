"""Training of the classifier, on randomly shifted, rotated and scaled images.

Objective and augmentation are the textbook's (LeCun et al. 1998).
"""

import math

import torch
from rich.progress import track
from torch import Generator, Tensor, nn
from torch.nn import functional
from torch.optim import Adam
from torch.optim.lr_scheduler import OneCycleLR

from training.data.images import MAX_LEVEL, LabelledImages
from training.evaluation.classifier import CLASSES, Classifier

EPOCHS = 12
BATCH_SIZE = 128
MAX_LEARNING_RATE = 3e-3  # of the one-cycle schedule, arXiv:1708.07120
SEED = 0
NORMALIZATION_IMAGES = 2_000
# Limits of the augmentation.
SHIFT = 0.1  # of half the image's width
ROTATION = 0.15  # radians
SCALE = 0.1  # relative change of the size


def train_classifier(
    images: LabelledImages,
    classes: int = CLASSES,
    steps: int | None = None,
) -> Classifier:
    """Fit the classifier to images, each augmented differently in each epoch.

    steps: number of batches; None for 12 epochs.
    """
    generator = Generator().manual_seed(SEED)
    model = untrained_classifier(images, classes)
    batches = random_batches(len(images), steps, generator)
    optimizer = Adam(model.parameters(), lr=MAX_LEARNING_RATE)
    schedule = OneCycleLR(
        optimizer,
        MAX_LEARNING_RATE,
        total_steps=len(batches),
    )
    for batch in track(batches, description="training the classifier"):
        pixels = images.images[batch].float() / MAX_LEVEL
        augmented = augment(pixels, generator)
        logits = model(augmented)
        labels = images.labels[batch]
        loss = functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def random_features(images: LabelledImages) -> Classifier:
    """Return a classifier with random weights, for images without classes.

    Its batch normalisation has the statistics of the images. Features of random weights
    suit distances between image sets of any kind (Naeem et al. 2020, arXiv:2002.09797,
    section 4.1).
    """
    model = untrained_classifier(images, classes=1)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # an average over all batches, not a moving one
    order = torch.randperm(len(images), generator=Generator().manual_seed(SEED))
    with torch.no_grad():
        for batch in order[:NORMALIZATION_IMAGES].split(BATCH_SIZE):
            model.body(images.images[batch].float() / MAX_LEVEL)
    return model.eval()


def untrained_classifier(images: LabelledImages, classes: int) -> Classifier:
    """Build a classifier, in training mode, with the same initial weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        return Classifier(images.image_shape, classes)


def random_batches(
    count: int,
    steps: int | None,
    generator: Generator,
) -> list[Tensor]:
    """Return the indices of each batch, in a new order each epoch.

    steps: number of batches; None for those of 12 epochs.
    """
    epoch_steps = math.ceil(count / BATCH_SIZE)
    if steps is None:
        steps = EPOCHS * epoch_steps
    batches: list[Tensor] = []
    while len(batches) < steps:
        order = torch.randperm(count, generator=generator)
        batches.extend(order.split(BATCH_SIZE))
    return batches[:steps]


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
