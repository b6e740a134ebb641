"""The requests sent to every server, over many different digits to defeat caches."""

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.artifact.exported_model import ExportedModel
from training.data.idx import gunzip, parse_idx

Images = NDArray[np.uint8]

DIGITS = Path("tests/data/t10k-images-idx3-ubyte.gz")
MODEL = Path("models/mnist")
MAX_BODIES = 200
LATENT_DECIMALS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """A path and the bodies that are sent to it in turn.

    json_bytes: of each body, which binary tensors follow; None if it is all JSON.
    """

    name: str
    path: str
    bodies: list[bytes]
    json_bytes: int | None = None


def workloads() -> Iterator[Workload]:
    """Yield every operation with 1 and 64 items, and an interpolation of 11 frames."""
    digits = read_digits()
    pictures = [png(digit) for digit in digits]
    latents = encode(digits)
    for count in (1, 64):
        yield workload("/reconstruct", "images", pictures, count)
        yield workload("/encode", "images", pictures, count)
        yield workload("/decode", "latents", latents, count)
    bodies = []
    for start, end in chunks(pictures, 2):
        request = {
            "start": {"image": start},
            "end": {"image": end},
            "steps": 11,
        }
        body = json.dumps(request).encode()
        bodies.append(body)
    yield Workload("/interpolate, 11 frames", "/interpolate", bodies)


def workload(
    path: str,
    key: str,
    items: list[Any],
    count: int,
) -> Workload:
    """Return a workload of ``count`` items a request, in the field ``key``."""
    unit = "item" if count == 1 else "items"
    return Workload(
        f"{path}, {count} {unit}",
        path,
        item_bodies(key, items, count),
    )


def reconstruct_workload(count: int) -> Workload:
    """Return reconstructions of ``count`` digits a request."""
    pictures = [png(digit) for digit in read_digits()]
    return Workload(
        f"/reconstruct, {count}",
        "/reconstruct",
        item_bodies("images", pictures, count),
    )


def item_bodies(
    key: str,
    items: list[Any],
    count: int,
) -> list[bytes]:
    """Return JSON bodies with ``count`` items each in the field ``key``."""
    bodies = []
    for chunk in chunks(items, count):
        body = json.dumps({key: chunk}).encode()
        bodies.append(body)
    return bodies


def read_digits() -> Images:
    """Return the test digits of this repository, (count, height, width)."""
    content = gunzip(DIGITS.read_bytes(), str(DIGITS))
    return parse_idx(content, DIGITS)


def encode(digits: Images) -> list[list[float]]:
    """Return the digits' posterior means, rounded."""
    pixels = digits[:, np.newaxis].astype(np.float32)
    means, _ = ExportedModel(MODEL).encode(pixels / np.float32(255))
    latents = []
    for mean in means.tolist():
        latent = [round(value, LATENT_DECIMALS) for value in mean]
        latents.append(latent)
    return latents


def png(image: Images) -> str:
    """Return a digit (height, width) as a base64 PNG with Pillow's defaults."""
    content = io.BytesIO()
    picture = Image.fromarray(image)
    picture.save(content, format="PNG")
    return base64_text(content.getvalue())


def base64_text(content: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(content).decode()


def chunks(items: list[Any], count: int) -> list[list[Any]]:
    """Return disjoint chunks of ``count`` items, at most ``MAX_BODIES``."""
    starts = range(0, len(items) - count + 1, count)
    return [items[start : start + count] for start in starts[:MAX_BODIES]]
