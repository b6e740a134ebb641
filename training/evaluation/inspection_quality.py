"""Detection of defects by the inspector of an exported model."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from training.artifact.exported_model import ExportedModel
from training.artifact.inference import BATCH_SIZE
from training.data.data_set import DataSet
from training.data.images import MAX_LEVEL, LabelledImages
from training.evaluation.localization import Maps, localization
from training.inspection.exported_inspector import ExportedInspector
from training.inspection.surprisal import Doubles
from training.inspection.threshold import RateError

RATES = (0.01, 0.05)  # of false alarms
MAX_MAP_VALUES = 2**24  # of the maps that are compared with masks: 64 MB

Quality = dict[str, Any]


def folder_inspection_quality(model: ExportedModel, data: DataSet) -> Quality | None:
    """Return the detection of a folder's defects, its test images of other classes.

    Return None without such images, and without good test images.

    Raise ModelError for a model without an inspector.
    """
    if data.normal is None:
        return None
    good_class = data.class_names.index(data.normal)
    by_class = {}
    for label in data.test.labels.unique().tolist():
        members = (data.test.labels == label).nonzero().squeeze(1)
        by_class[label] = data.test.select(members)
    good = by_class.pop(good_class, None)
    if good is None or not by_class:
        return None
    inspector = ExportedInspector(model)
    defects = {
        data.class_names[label]: images.images for label, images in by_class.items()
    }
    quality = detection_quality(inspector, good.images, defects)
    if data.masks:
        quality |= localization_quality(inspector, data, good)
    return quality


def detection_quality(
    inspector: ExportedInspector, good: Tensor, defects: Mapping[str, Tensor]
) -> Quality:
    """Measure the detection of defects among good images.

    good, defects: images (count, channels, height, width), uint8 or float32 in [0, 1],
        the latter by their kind. Neither training nor calibration has used them.

    The rates are the default one, 1 % and 5 %; one that the calibration images cannot
    carry is left out.
    """
    good_scores = scores_of(inspector, good)
    scores = {kind: scores_of(inspector, pixels) for kind, pixels in defects.items()}
    every = np.concatenate(list(scores.values()))
    recall = {}
    false_alarms = {}
    for rate in sorted({inspector.default_rate, *RATES}):
        try:
            threshold = inspector.threshold(rate).score
        except RateError:
            continue
        recall[f"{rate:g}"] = {
            kind: float(np.mean(values > threshold)) for kind, values in scores.items()
        }
        false_alarms[f"{rate:g}"] = float(np.mean(good_scores > threshold))
    return {
        "good_images": len(good),
        "images_by_defect": {kind: len(defects[kind]) for kind in defects},
        "auroc": auroc(good_scores, every),
        "auroc_by_defect": {
            kind: auroc(good_scores, values) for kind, values in scores.items()
        },
        "recall": recall,
        "false_alarms": false_alarms,
        "pixel_auroc": None,
        "pro": None,
    }


def localization_quality(
    inspector: ExportedInspector, data: DataSet, good: LabelledImages
) -> Quality:
    """Measure the maps of good test images and of those that have a mask.

    Many are represented by random ones.
    """
    _, height, width = data.test.image_shape
    most = MAX_MAP_VALUES // (2 * height * width)
    generator = torch.Generator().manual_seed(0)
    positions = torch.tensor(list(data.masks))
    chosen = positions[torch.randperm(len(positions), generator=generator)[:most]]
    masks = torch.stack([data.masks[position] for position in chosen.tolist()])
    shown = maps_of(inspector, data.test.select(chosen).pixels())
    others = maps_of(inspector, good.random_part(most).pixels())
    truth = np.concatenate([masks.numpy(), np.zeros(others.shape, dtype=np.bool_)])
    if not truth.any():
        return {}
    return asdict(localization(np.concatenate([shown, others]), truth))


def auroc(good: Doubles, defective: Doubles) -> float:
    """Return the area under the ROC curve of two sets of scores."""
    labels = [0] * len(good) + [1] * len(defective)
    return float(roc_auc_score(labels, np.concatenate([good, defective])))


def scores_of(inspector: ExportedInspector, images: Tensor) -> Doubles:
    """Return the scores of images, (count,), without all as float32 in memory."""
    scores = []
    for batch in images.split(BATCH_SIZE):
        pixels = batch.float() / MAX_LEVEL if batch.dtype == torch.uint8 else batch
        scores.append(inspector.inspect(pixels).scores)
    return np.concatenate(scores)


def maps_of(inspector: ExportedInspector, pixels: Tensor) -> Maps:
    """Return the maps of images, (count, height, width)."""
    batches = pixels.split(BATCH_SIZE)
    return np.concatenate([inspector.inspect(batch).maps for batch in batches])
