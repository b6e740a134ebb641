"""Processor time that a model takes, measured when it is loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.model.card import ModelCard

BATCH_SIZES = (1, 8)
MAX_RUNS = 5  # of each batch size
MAX_MEASURING_MS = 20  # of each graph; one run may take longer
MS = 1000  # in a second

Function = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class ModelCost:
    """Processor time of the model for one image, in milliseconds of one core.

    inspect: of the anomaly map alone; 0 if the model cannot inspect.
    """

    encode: float
    decode: float
    inspect: float = 0.0


def measure_cost(
    encode: Function,
    decode: Function,
    map_anomalies: Function | None,
    card: ModelCard,
) -> ModelCost:
    """Measure the functions of a model on black images and zero latents.

    Takes less than 1 ms for the MNIST model, and at most 60 ms if an image takes less.
    map_anomalies: None if the model cannot inspect.
    """
    count = max(BATCH_SIZES)
    images = np.zeros((count, *card.image_shape), np.uint8)
    latents = np.zeros((count, card.latent_size), np.float32)
    inspect = 0.0
    if map_anomalies is not None:
        pairs = np.concatenate([images, images], axis=1, dtype=np.float32)
        inspect = ms_per_row(map_anomalies, pairs)
    return ModelCost(
        encode=ms_per_row(encode, images),
        decode=ms_per_row(decode, latents),
        inspect=inspect,
    )


def ms_per_row(function: Function, rows: NDArray[Any]) -> float:
    """Return the processor time of a function for one row of a batch, in milliseconds.

    It is the median at the largest batch size for which there is time. The time of this
    thread is taken, so that other work on the machine does not count.
    """
    spent = 0.0
    per_row = 0.0
    for size in BATCH_SIZES:
        if spent + size * per_row > MAX_MEASURING_MS:
            break
        times: list[float] = []
        end = spent + MAX_MEASURING_MS / len(BATCH_SIZES)
        while not times or (len(times) < MAX_RUNS and spent < end):
            started = thread_time()
            function(rows[:size])
            milliseconds = MS * (thread_time() - started)
            times.append(milliseconds)
            spent += milliseconds
        per_row = median(times) / size
    return per_row


def rows_within(milliseconds: float, per_row: float) -> int:
    """Return the number of rows, at least one, that a function computes in a time."""
    smallest = 1e-6  # the clock may be too coarse
    return max(1, int(milliseconds / max(per_row, smallest)))
