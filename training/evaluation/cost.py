"""Time that an exported model takes for an image."""

import time
from statistics import median

import numpy as np

from training.artifact.exported_model import ExportedModel

BATCH_SIZE = 64
RUNS = 25
MIN_SECONDS = 0.05  # of a run: the clock and interruptions are negligible beside it
MS_PER_SECOND = 1000


def milliseconds_per_image(model: ExportedModel) -> float:
    """Return the time of both graphs for one image of a batch of 64, on one thread.

    The median of 25 runs, in milliseconds, rounded to two digits.
    """
    image = model.card["image"]
    shape = BATCH_SIZE, image["channels"], image["height"], image["width"]
    pixels = np.zeros(shape, dtype=np.float32)

    def seconds(repeats: int) -> float:
        started = time.perf_counter()
        for _ in range(repeats):
            latents, _ = model.encode(pixels)
            model.decode(latents)
        return time.perf_counter() - started

    repeats = 1
    while seconds(repeats) < MIN_SECONDS:
        repeats *= 2
    batch_seconds = median(seconds(repeats) for _ in range(RUNS)) / repeats
    milliseconds = batch_seconds * MS_PER_SECOND / BATCH_SIZE
    return float(f"{milliseconds:.2g}")
