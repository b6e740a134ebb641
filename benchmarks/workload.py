"""What is asked of every server: requests over many different digits, so that no answer can be kept."""

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.artifact.exported_model import ExportedModel
from training.data.idx import gunzip, parse_idx

DIGITS = Path("tests/data/t10k-images-idx3-ubyte.gz")
MODEL = Path("models/mnist")
DISTINCT = 200


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """A path and the bodies that are sent to it in turn."""

    name: str
    path: str
    bodies: list[str]


def png(image: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    """A digit as Pillow writes it by default, in base64."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, format="PNG")
    return base64.b64encode(content.getvalue()).decode()


def workloads() -> Iterator[Workload]:
    """Every operation, with one item and with 64, and the walk of 11 frames."""
    digits = parse_idx(gunzip(DIGITS.read_bytes(), str(DIGITS)), DIGITS)
    means, _ = ExportedModel(MODEL).encode(
        digits[:, np.newaxis].astype(np.float32) / np.float32(255)
    )
    pictures = [png(digit) for digit in digits]
    latents = [[round(value, 5) for value in mean] for mean in means.tolist()]
    for count in (1, 64):
        for path, key, items in (
            ("/reconstruct", "images", pictures),
            ("/encode", "images", pictures),
            ("/decode", "latents", latents),
        ):
            bodies = [json.dumps({key: chunk}) for chunk in chunks(items, count)]
            yield Workload(f"{path}, {count} item{'s' * (count > 1)}", path, bodies)
    ends = [
        {"start": {"image": a}, "end": {"image": b}, "steps": 11}
        for a, b in chunks(pictures, 2)
    ]
    yield Workload(
        "/interpolate, 11 frames", "/interpolate", [json.dumps(body) for body in ends]
    )


def reconstruct_workload(count: int) -> Workload:
    """Reconstructions of so many digits a request."""
    digits = parse_idx(gunzip(DIGITS.read_bytes(), str(DIGITS)), DIGITS)
    bodies = [
        json.dumps({"images": chunk})
        for chunk in chunks([png(digit) for digit in digits], count)
    ]
    return Workload(f"/reconstruct, {count}", "/reconstruct", bodies)


def chunks(items: list[Any], count: int) -> list[list[Any]]:
    """Different chunks of so many items, at most ``DISTINCT``."""
    return [
        items[first : first + count]
        for first in range(0, len(items) - count + 1, count)
    ][:DISTINCT]
