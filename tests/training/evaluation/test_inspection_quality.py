"""The detection of a folder's defects, in the card and in the README."""

from dataclasses import replace
from pathlib import Path

import pytest

from training.artifact.exported_model import ExportedModel
from training.data.data_set import DataSet
from training.evaluation.inspection_quality import (
    detection_quality,
    folder_inspection_quality,
)
from training.evaluation.model_readme import inspection_table
from training.inspection.exported_inspector import ExportedInspector


@pytest.fixture(scope="module")
def parts(parts_model: Path) -> ExportedModel:
    """The linear model of made parts."""
    return ExportedModel(parts_model)


def test_defects_are_detected_and_localized(
    parts: ExportedModel, parts_data: DataSet
) -> None:
    """By kind, at the rates that 60 calibration images carry."""
    quality = folder_inspection_quality(parts, parts_data)

    assert quality is not None
    assert quality["good_images"] == 20
    assert quality["auroc"] > 0.9
    assert quality["auroc_by_defect"].keys() == {"missing", "scratch"}
    rates = {"0.017", "0.05"}
    assert quality["recall"].keys() == quality["false_alarms"].keys() == rates
    assert quality["images_by_defect"] == {"missing": 10, "scratch": 10}
    assert quality["recall"]["0.05"]["missing"] == 1
    assert quality["pixel_auroc"] > 0.9
    assert quality["pro"] > 0.5
    text = inspection_table(quality)
    assert "| missing | 1.0000 | 100.0% | 100.0% |" in text
    assert "above the threshold of 1.7% false alarms" in text
    assert "above the threshold of 5% false alarms" in text
    assert "per-region overlap (PRO)" in text


def test_without_masks_there_is_no_localization(
    parts: ExportedModel, parts_data: DataSet
) -> None:
    """The other measures are the same."""
    quality = folder_inspection_quality(parts, parts_data)
    other = folder_inspection_quality(parts, replace(parts_data, masks={}))

    assert quality is not None
    assert other == quality | {"pixel_auroc": None, "pro": None}
    assert "PRO" not in inspection_table(other)


def test_without_defects_there_is_no_quality(
    parts: ExportedModel, parts_data: DataSet
) -> None:
    """Nor without good test images, or without a normal class."""
    good = parts_data.class_names.index("good")
    is_good = parts_data.test.labels == good
    for kept in (is_good, ~is_good):
        test = parts_data.test.select(kept.nonzero().squeeze(1))
        data = replace(parts_data, test=test, masks={})
        assert folder_inspection_quality(parts, data) is None
    assert folder_inspection_quality(parts, replace(parts_data, normal=None)) is None


def test_good_images_are_no_defects(parts: ExportedModel, parts_data: DataSet) -> None:
    """Compared with themselves, the AUROC is one half."""
    pixels = parts_data.calibration.pixels()

    quality = detection_quality(ExportedInspector(parts), pixels, {"same": pixels})

    assert quality["auroc"] == pytest.approx(0.5)
    assert quality["false_alarms"]["0.05"] == pytest.approx(2 / 60)
