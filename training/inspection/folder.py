"""Inspection of all pictures of a folder."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.artifact.data_card import read_format
from training.artifact.exported_model import ExportedModel
from training.artifact.model_card import ModelError
from training.console import printable, progress
from training.data.errors import BrokenPicturesError
from training.data.image_format import ImageFormat
from training.data.images import MAX_LEVEL
from training.data.picture import Pixels
from training.data.picture_file import PICTURE_ERRORS, describe_error, read_pixels
from training.data.picture_files import find_pictures
from training.files import write_file
from training.inspection.exported_inspector import ExportedInspector
from training.inspection.inspector import Part
from training.inspection.threshold import Threshold

BATCH_SIZE = 64
DIGITS = 4  # of a score


@dataclass(frozen=True, slots=True)
class Finding:
    """The inspection of one picture.

    Attributes:
        file: Name of the picture, relative to the folder.
        score: Anomaly score.
        percentile: Percentage of calibration images with a lower score.
        anomalous: Whether the score is above the threshold.
        reason: Part of the score with the largest surprisal.
        x: Column of the map's largest value, in pixels of the model's images.
        y: Its row.
    """

    file: str
    score: float
    percentile: float
    anomalous: bool
    reason: Part
    x: int
    y: int


class FolderInspection:
    """Pictures of a folder, inspected by an exported model."""

    def __init__(self, model: ExportedModel, folder: Path, rate: float | None) -> None:
        """Prepare the inspection at a false-alarm rate, by default the card's.

        Raise ModelError for a model without an inspector or of pen strokes, DataError
        for a folder without pictures, and RateError.
        """
        self._format = picture_format(model)
        self._inspector = ExportedInspector(model)
        self.threshold: Threshold = self._inspector.threshold(rate)
        self.folder = folder
        self._names = find_pictures(folder).names

    def findings(self, *, skip_broken: bool) -> list[Finding]:
        """Inspect all pictures; return the findings, the highest score first.

        Raise BrokenPicturesError for pictures that cannot be read, unless these are
        to be skipped.
        """
        broken: dict[str, str] = {}
        found: list[Finding] = []
        for names, pixels in self._batches(self._names, broken):
            found.extend(self._inspect(names, pixels))
        if broken and not skip_broken:
            raise BrokenPicturesError(broken)
        found.sort(key=lambda finding: (-finding.score, finding.file))
        return found

    def maps(
        self, findings: Sequence[Finding]
    ) -> Iterator[tuple[str, Pixels, NDArray[np.float32]]]:
        """Yield the name, the pixels and the map of each finding's picture."""
        files = [finding.file for finding in findings]
        for names, pixels in self._batches(files, {}):
            maps = self._inspector.inspect(to_unit(pixels)).maps
            yield from zip(names, pixels, maps, strict=True)

    def _batches(
        self, names: Sequence[str], broken: dict[str, str]
    ) -> Iterator[tuple[list[str], list[Pixels]]]:
        """Yield decoded pictures in batches; note those that cannot be read."""
        read: dict[str, Pixels] = {}
        for name in progress(names, "inspecting the pictures"):
            try:
                read[name] = read_pixels(self.folder / name, self._format)
            except PICTURE_ERRORS as error:
                broken[name] = describe_error(error)
            if len(read) == BATCH_SIZE:
                yield list(read), list(read.values())
                read = {}
        if read:
            yield list(read), list(read.values())

    def _inspect(self, names: list[str], pixels: list[Pixels]) -> Iterator[Finding]:
        """Yield the findings of a batch."""
        results = self._inspector.inspect(to_unit(pixels))
        percentiles = self._inspector.percentiles(results.scores)
        for index, name in enumerate(names):
            anomaly_map = results.maps[index]
            y, x = np.unravel_index(anomaly_map.argmax(), anomaly_map.shape)
            score = float(results.scores[index])
            yield Finding(
                file=name,
                score=score,
                percentile=float(percentiles[index]),
                anomalous=score > self.threshold.score,
                reason=results.reasons[index],
                x=int(x),
                y=int(y),
            )


def picture_format(model: ExportedModel) -> ImageFormat:
    """Return the format that pictures are read in.

    Raise ModelError for a model of pen strokes, which only the service reads.
    """
    image_format = read_format(model.card)
    if image_format.fit == "ink":
        raise ModelError(
            f"{model.folder} is a model of pen strokes: only the service reads pictures "
            "for it"
        )
    return image_format


def to_unit(pixels: Sequence[Pixels]) -> Tensor:
    """Return levels as float32 (batch, channels, height, width) in [0, 1]."""
    return torch.from_numpy(np.stack(pixels)).float() / MAX_LEVEL


def write_csv(findings: Sequence[Finding], path: Path) -> None:
    """Write the findings with a header, one line for each."""
    content = io.StringIO(newline="")
    writer = csv.writer(content)
    writer.writerow(field.name for field in fields(Finding))
    for finding in findings:
        name, *values = astuple(finding)
        writer.writerow([printable(name), *values])
    write_file(path, content.getvalue().encode())


def describe(findings: Sequence[Finding], threshold: Threshold) -> Iterator[str]:
    """Yield lines for people: the threshold, and the anomalous pictures."""
    anomalous = [finding for finding in findings if finding.anomalous]
    low, high = threshold.interval
    yield (
        f"{len(anomalous)} of {len(findings)} pictures have a score above "
        f"the threshold {plain(threshold.score)}"
    )
    yield (
        f"false-alarm rate: {100 * threshold.rate:g} %; 95 % interval "
        f"{100 * low:.2f} % to {100 * high:.2f} %, "
        f"from {threshold.images} calibration images"
    )
    for finding in anomalous:
        yield f"{plain(finding.score):>10}  {printable(finding.file)}"


def plain(score: float) -> str:
    """Return a number rounded to 4 significant digits, without an exponent."""
    return np.format_float_positional(
        score, DIGITS, unique=False, fractional=False, trim="-"
    )
