"""A data set: its images in three splits, their classes, and their origin."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from training.data.image_format import ImageFormat
from training.data.images import LabelledImages


@dataclass(frozen=True, slots=True)
class DataSet:
    """Images to train on, to calibrate scores with, and to test on.

    Attributes:
        name: Shown in the model card.
        title: Kind of images, for people.
        source: Origin of the images, as a name or an address; no path.
        format: Shape and colours of the images.
        class_names: Names that labels index, first those with training images. Empty
            if there are no classes; then all labels are 0.
        train: Images that the network is fitted to.
        calibration: Images of the same kind that training does not use.
        test: Images that are only measured.
        normal: Name of the class without defects: train and calibration have no other.
            None if no class has this role.
        sha256: Of each file by its name, or of the list of all files.
        licence: Of the images; None if unknown.
        skipped: Names of files that could not be read.
        group: Pattern of the names of groups, such as lots, each of which is in one
            split; None if there are no groups.
        masks: Defects of test images, bool (height, width), by position; images of a
            class with defects that have none are not here.
    """

    name: str
    title: str
    source: str
    format: ImageFormat
    class_names: tuple[str, ...]
    train: LabelledImages
    calibration: LabelledImages
    test: LabelledImages
    normal: str | None
    sha256: dict[str, str]
    licence: str | None = None
    skipped: tuple[str, ...] = ()
    group: str | None = None
    masks: Mapping[int, Tensor] = field(default_factory=dict)
