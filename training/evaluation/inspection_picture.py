"""A picture of a model's inspection: images with defects, and what it finds of them."""

import numpy as np
import torch
from torch import Tensor

from training.artifact.exported_model import ExportedModel
from training.data.data_set import DataSet
from training.data.images import MAX_LEVEL
from training.evaluation.contact_sheet import save_sheet
from training.inspection.exported_inspector import ExportedInspector
from training.inspection.map_pictures import SHEET_COLUMNS, sheet_rows

INSPECTION_FILE = "inspection.png"


def draw_inspection(model: ExportedModel, data: DataSet) -> None:
    """Draw test images with defects into the model's folder.

    Below each is the same with what is above the default threshold in red.
    """
    inspector = ExportedInspector(model)
    shown = data.test.select(defect_positions(data))
    maps = inspector.inspect(shown.pixels()).maps
    cells = list(zip(shown.images.numpy(), maps, strict=True))
    rows = sheet_rows(cells, inspector.threshold().score)
    images = np.stack(rows).astype(np.float32)
    images /= MAX_LEVEL
    save_sheet(images, SHEET_COLUMNS, model.folder / INSPECTION_FILE)


def defect_positions(data: DataSet) -> Tensor:
    """Return the positions of as many test images as a row has, of each kind some."""
    labels = data.test.labels
    kinds = [
        number
        for number in labels.unique().tolist()
        if data.class_names[number] != data.normal
    ]
    count = max(1, SHEET_COLUMNS // len(kinds))
    positions = [(labels == kind).nonzero().squeeze(1)[:count] for kind in kinds]
    return torch.cat(positions)[:SHEET_COLUMNS]
