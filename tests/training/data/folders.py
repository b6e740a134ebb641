"""Folders of pictures made for tests."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.data.folder import FolderReading, read_folder
from training.data.folder_options import FolderOptions

Content = Mapping[str, bytes]  # of files, by their name


def picture(
    seed: int, size: tuple[int, int] = (32, 32), mode: str = "L"
) -> Image.Image:
    """Return a picture of noise on a dark border, different for each seed."""
    random = np.random.default_rng(seed)
    width, height = size
    levels = random.integers(0, 256, (height, width, 3), np.uint8)
    levels[[0, -1]] = 20
    levels[:, [0, -1]] = 20
    return Image.fromarray(levels).convert(mode)


def png(seed: int, size: tuple[int, int] = (32, 32), mode: str = "L") -> bytes:
    """Return a picture as a PNG."""
    return encode(picture(seed, size, mode), "PNG")


def encode(image: Image.Image, name: str, **options: Any) -> bytes:
    """Return a picture as a file of a format."""
    content = io.BytesIO()
    image.save(content, name, **options)
    return content.getvalue()


def pngs(folder: str, count: int, first_seed: int = 0, mode: str = "L") -> Content:
    """Return different PNGs with names in a folder."""
    prefix = f"{folder}/" if folder else ""
    return {
        f"{prefix}{seed:04}.png": png(seed, mode=mode)
        for seed in range(first_seed, first_seed + count)
    }


def write_tree(root: Path, files: Content) -> Path:
    """Write files under a folder and return it."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def read(root: Path, **options: Any) -> FolderReading:
    """Read a folder with these options."""
    return read_folder(root, FolderOptions(**options))
