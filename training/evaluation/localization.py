"""Agreement of anomaly maps with the masks of defects."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import roc_auc_score

Maps = NDArray[np.float32]
Masks = NDArray[np.bool_]

MAX_RATE = 0.3  # of pixels without a defect, up to which regions' overlap is averaged
RATE_STEPS = 301
EIGHT_NEIGHBORS = np.ones((3, 3))


@dataclass(frozen=True, slots=True)
class Localization:
    """Agreement of maps with masks.

    Attributes:
        pixel_auroc: Area under the ROC curve of all pixels.
        pro: Per-region overlap: the share of a connected region of a mask that is above
            the threshold, averaged over regions, and over thresholds that 0 to 30 % of
            the pixels without a defect exceed. Bergmann et al. 2020, arXiv:1911.02357,
            section 4.2.
    """

    pixel_auroc: float
    pro: float


def localization(maps: Maps, masks: Masks) -> Localization:
    """Measure maps (count, height, width) by masks of the same shape.

    Some pixel must be of a defect, and some other not.
    """
    auroc = roc_auc_score(masks.ravel(), maps.ravel())
    return Localization(float(auroc), per_region_overlap(maps, masks))


def per_region_overlap(maps: Maps, masks: Masks) -> float:
    """Return the mean overlap over thresholds, from 0 to 1."""
    rates = np.linspace(0, MAX_RATE, RATE_STEPS)
    thresholds = np.quantile(maps[~masks], 1 - rates)
    overlaps = []
    for anomaly_map, mask in zip(maps, masks, strict=True):
        regions, count = ndimage.label(mask, EIGHT_NEIGHBORS)
        for number in range(1, count + 1):
            values = np.sort(anomaly_map[regions == number])
            below = np.searchsorted(values, thresholds, side="right")
            overlaps.append(1 - below / len(values))
    mean = np.mean(overlaps, axis=0)
    area = np.trapezoid(mean, rates)
    return float(area / MAX_RATE)
