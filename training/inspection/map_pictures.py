"""Anomaly maps as pictures, on a scale that the threshold fixes."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.data.images import MAX_LEVEL
from training.data.picture import Pixels
from training.evaluation.contact_sheet import save_sheet
from training.files import write_file
from training.inspection.folder import Finding, FolderInspection

Floats = NDArray[np.float32]

THRESHOLD_LEVEL = 128  # grey level of the threshold
ALARM_COLOR = (255, 0, 0)
ALARM_OPACITY = 0.5
SHEET_FILE = "worst.png"
SHEET_COLUMNS = 8
SHEET_PICTURES = 24


def write_maps(
    inspection: FolderInspection, findings: Sequence[Finding], folder: Path
) -> None:
    """Write each picture's map, and a sheet of the worst.

    A map is a grey PNG, named as the picture with ``.png`` added. The sheet has the
    pictures with the highest scores, and below each the same with what is above the
    threshold in red.
    """
    threshold = inspection.threshold.score
    worst = {finding.file: None for finding in findings[:SHEET_PICTURES]}
    shown: dict[str, tuple[Pixels, Floats]] = {}
    for name, pixels, anomaly_map in inspection.maps(findings):
        levels = map_levels(anomaly_map, threshold)
        write_file(folder / f"{name}.png", png(levels))
        if name in worst:
            shown[name] = pixels, anomaly_map
    rows = []
    for first in range(0, len(worst), SHEET_COLUMNS):
        row = [shown[name] for name in list(worst)[first : first + SHEET_COLUMNS]]
        rows.extend(sheet_rows(row, threshold))
    images = np.stack(rows).astype(np.float32)
    images /= MAX_LEVEL
    save_sheet(images, SHEET_COLUMNS, folder / SHEET_FILE)


def map_levels(anomaly_map: Floats, threshold: float) -> NDArray[np.uint8]:
    """Return grey levels: a pixel is above 128 exactly if it is above the threshold."""
    values = anomaly_map.astype(np.float64)
    scaled = np.rint(THRESHOLD_LEVEL * values / threshold)
    low = scaled.clip(0, THRESHOLD_LEVEL)
    high = scaled.clip(THRESHOLD_LEVEL + 1, MAX_LEVEL)
    return np.where(values > threshold, high, low).astype(np.uint8)


def png(levels: NDArray[np.uint8]) -> bytes:
    """Return grey levels (height, width) as a PNG."""
    content = io.BytesIO()
    Image.fromarray(levels).save(content, format="PNG")
    return content.getvalue()


def sheet_rows(
    row: Sequence[tuple[Pixels, Floats]], threshold: float
) -> list[NDArray[np.uint8]]:
    """Return a row of pictures in colour and one of their overlays, filled with white."""
    pictures = [in_color(pixels) for pixels, _ in row]
    overlays = [overlay(*cell, threshold) for cell in row]
    white = np.full_like(pictures[0], MAX_LEVEL)
    missing = [white] * (SHEET_COLUMNS - len(row))
    return pictures + missing + overlays + missing


def overlay(pixels: Pixels, anomaly_map: Floats, threshold: float) -> NDArray[np.uint8]:
    """Return a picture (3, height, width), red where its map is above the threshold."""
    colored = in_color(pixels).astype(np.float64)
    red = np.array(ALARM_COLOR).reshape(3, 1, 1)
    mixed = colored + ALARM_OPACITY * (red - colored)
    shown = np.where(anomaly_map > threshold, mixed, colored)
    return np.rint(shown).astype(np.uint8)


def in_color(pixels: Pixels) -> Pixels:
    """Return pixels of one or three channels with three channels."""
    _, height, width = pixels.shape
    return np.broadcast_to(pixels, (3, height, width))
