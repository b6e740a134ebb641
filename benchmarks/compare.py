"""Check, before any measurement, that all servers return the same results."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.load import post
from benchmarks.workload import Workload

MAX_GREY_DIFFERENCE = 1
MAX_NUMBER_DIFFERENCE = 1e-4
SAMPLES = 5


def check_same_responses(urls: dict[str, str], workload: Workload) -> None:
    """Send the first bodies to each server.

    Raise RuntimeError if a response differs from the first server's.
    """
    for index in range(min(SAMPLES, len(workload.bodies))):
        first = ""
        expected = None
        for name, url in urls.items():
            response = post(url, workload, index=index)
            result = response.raise_for_status().json()
            if not first:
                first, expected = name, result
            elif not same(expected, result):
                raise RuntimeError(
                    f"{workload.name}: {name} and {first} return different results"
                )


def same(first: Any, second: Any) -> bool:  # noqa: ANN401 - JSON
    """Return True if two responses agree in structure, numbers and pixels."""
    if isinstance(first, dict):
        if first.keys() != second.keys():
            return False
        return all(same(first[key], second[key]) for key in first)
    if isinstance(first, list):
        if len(first) != len(second):
            return False
        pairs = zip(first, second, strict=True)
        return all(same(*pair) for pair in pairs)
    if isinstance(first, str):
        differences = pixels(first) - pixels(second)
        largest = int(np.abs(differences).max())
        return largest <= MAX_GREY_DIFFERENCE
    difference = float(abs(first - second))
    return difference <= MAX_NUMBER_DIFFERENCE


def pixels(text: str) -> NDArray[np.int16]:
    """Return the grey levels of a base64 image."""
    content = base64.b64decode(text)
    image = Image.open(io.BytesIO(content))
    return np.asarray(image, dtype=np.int16)
