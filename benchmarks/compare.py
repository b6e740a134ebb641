"""Before any timing: do all servers answer the same? Nobody shall win by doing less."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.servers import post
from benchmarks.workload import Workload

GREY_LEVELS = 1
NUMBERS = 1e-4
SAMPLES = 5


def check_same_answers(urls: dict[str, str], workload: Workload) -> None:
    """Send the first bodies to each server. Raises RuntimeError where an answer differs from the first server's."""
    for body in workload.bodies[:SAMPLES]:
        given = {
            name: post(url + workload.path, body).raise_for_status().json()
            for name, url in urls.items()
        }
        (first, expected), *others = given.items()
        for name, answer in others:
            if not same(expected, answer):
                raise RuntimeError(
                    f"{workload.name}: {name} answers something else than {first}"
                )


def same(first: Any, second: Any) -> bool:  # noqa: ANN401 - JSON
    """Tell whether two answers have the same shape, numbers and pixels."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            same(first[key], second[key]) for key in first
        )
    if isinstance(first, list):
        return len(first) == len(second) and all(
            same(a, b) for a, b in zip(first, second, strict=True)
        )
    if isinstance(first, str):
        return bool(np.abs(pixels(first) - pixels(second)).max() <= GREY_LEVELS)
    return bool(abs(first - second) <= NUMBERS)


def pixels(text: str) -> np.ndarray[Any, np.dtype[np.int16]]:
    """What a base64 picture shows."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))), dtype=np.int16)
