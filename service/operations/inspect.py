"""POST /inspect: a verdict on each image, and a map of its anomalies."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

from pydantic import Field, InstanceOf, ValidationInfo, model_validator
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import override

from service.imaging.anomaly_map import (
    MAX_REGIONS,
    map_levels,
    overlay,
    regions_above,
)
from service.imaging.codec import (
    DecodedImages,
    ImageGrid,
    base64_pngs,
    base64_text,
    image_grid,
    upscale,
)
from service.model.autoencoder import (
    Autoencoder,
    Floats,
    Pixels,
    require_calibration,
    unit_pixels,
)
from service.model.calibration import (
    Calibration,
    Thresholds,
    images_needed,
    place_of,
)
from service.model.card import InspectionPart
from service.model.errors import NoInspectorError
from service.model.inspection import Inspections, inspect
from service.operations.base import (
    ExampleInputs,
    ImageOutputRequest,
    ImagesRequest,
    PreprocessedResponse,
    Response,
    preprocessing_of,
)
from service.operations.cost import ImageCost
from service.operations.fields import FLOAT32
from service.operations.limits import Limits, field_error, limits_of


class InspectRequest(ImageOutputRequest, ImagesRequest):
    """Images to inspect."""

    false_alarm_rate: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="Share of images without defects that are to be found anomalous. "
        "By default the rate in the model card.",
    )
    threshold: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        None, description="Score above which an image is anomalous, instead of a rate."
    )
    maps: bool = Field(
        default=True, description="Whether the response has the anomaly maps."
    )
    encoding: Literal["png", "float32"] = Field(
        "png",
        description="Form of the maps. png: a PNG of one channel of 8 bits, where 128 is "
        "the pixel threshold; float32: little-endian float32 bytes, row by row.",
    )

    @model_validator(mode="after")
    def check_threshold(self, info: ValidationInfo) -> Self:
        """Reject two thresholds, and a rate that too few images were calibrated for.

        Raises NoInspectorError if the model cannot inspect.
        """
        images = limits_of(info).calibration_images
        if not images:
            raise NoInspectorError
        rate = self.false_alarm_rate
        if rate is None:
            return self
        if self.threshold is not None:
            raise field_error(
                ("threshold",), "threshold", "must be absent if a rate is given"
            )
        if not place_of(rate, images):
            raise field_error(
                ("false_alarm_rate",),
                "rate",
                "{rate} needs {needed} calibration images; the model has {images}",
                rate=str(rate),
                needed=images_needed(rate),
                images=images,
            )
        return self

    @override
    def output_limits(self, limits: Limits) -> Limits:
        shape = limits.image_shape.in_color  # of the picture
        return replace(limits, image_shape=shape)

    @override
    def cost(self, image: ImageCost) -> float:
        written = image.write if self.maps else 0
        return super().cost(image) + self.image_count * (image.inspect + written)

    @classmethod
    @override
    def examples(cls, inputs: ExampleInputs) -> dict[str, object]:
        without_maps = {
            "images": inputs.images[:2],
            "false_alarm_rate": 0.05,
            "maps": False,
        }
        return super().examples(inputs) | {
            "A rate of 5 % false alarms, without maps": without_maps
        }

    def thresholds(self, calibration: Calibration) -> Thresholds:
        """Return the thresholds that the request asks for."""
        if self.threshold is not None:
            return calibration.at_score(self.threshold)
        return calibration.at_rate(self.false_alarm_rate or calibration.rate)


class AnomalousRegion(Response):
    """Connected pixels of the anomaly map above the pixel threshold."""

    box: list[int] = Field(
        description="Left, top, right and bottom edge, in pixels of the model's image; "
        "right and bottom are exclusive."
    )
    peak: float = Field(description="Largest value of the map in the region.")


class ImageInspection(Response):
    """Inspection of one image."""

    anomalous: bool = Field(description="Whether the score is above the threshold.")
    score: float = Field(
        description="Anomaly score: the map's largest value or, with other parts, the "
        "largest weighted surprisal, in nats."
    )
    percentile: float = Field(
        description="Percentage of the calibration images with a lower score."
    )
    reason: InspectionPart = Field(
        description="Part that the score is of: the least probable one for an image "
        "without defects."
    )
    regions: list[AnomalousRegion] = Field(
        description=f"Regions above the pixel threshold, highest peaks first; at most "
        f"{MAX_REGIONS}."
    )
    map: str | None = Field(
        None, description="Anomaly map in base64, in the requested encoding."
    )


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """Images, and the maps that are shown over them.

    pixels: uint8 (batch, channels, height, width).
    maps: float32 (batch, height, width).
    """

    pixels: Pixels
    maps: Floats
    threshold: float
    scale: int


class InspectResponse(PreprocessedResponse):
    """Inspections of images."""

    threshold: float = Field(description="Score above which an image is anomalous.")
    pixel_threshold: float = Field(
        description="Value above which a pixel of a map is anomalous."
    )
    false_alarm_rate: float = Field(
        description="Rate of the threshold on images without defects."
    )
    inspections: list[ImageInspection] = Field(
        description="Inspection of each image, in the request's order."
    )
    overlay: SkipJsonSchema[InstanceOf[Overlay]] = Field(exclude=True)

    @property
    def images(self) -> ImageGrid:
        """Images with color over anomalous pixels."""
        shown = self.overlay
        pictures = overlay(shown.pixels, shown.maps, shown.threshold)
        return image_grid(unit_pixels(pictures), scale=shown.scale)


async def inspect_images(
    request: InspectRequest, images: DecodedImages, model: Autoencoder
) -> InspectResponse:
    """Inspect images for defects.

    The model has learned from images without defects. An image is anomalous if its
    score is above the threshold, which keeps the false-alarm rate on new images of the
    same kind. As `image/png`, the response is the images with color over the anomalous
    pixels.
    """
    fitted = preprocessing_of(images, request)
    pixels = images.pixels
    inspections = await inspect(model, pixels)
    thresholds = request.thresholds(require_calibration(model))
    return InspectResponse(
        threshold=thresholds.score,
        pixel_threshold=thresholds.pixel,
        false_alarm_rate=thresholds.rate,
        inspections=image_inspections(request, inspections, thresholds),
        overlay=Overlay(pixels, inspections.maps, thresholds.pixel, request.scale),
        fitted=fitted,
    )


def image_inspections(
    request: InspectRequest, inspections: Inspections, thresholds: Thresholds
) -> list[ImageInspection]:
    """Return the inspection of each image."""
    scores = inspections.scores.tolist()
    percentiles = inspections.percentiles.tolist()
    maps = map_texts(request, inspections.maps, thresholds.pixel)
    return [
        ImageInspection(
            anomalous=score > thresholds.score,
            score=score,
            percentile=percentiles[index],
            reason=inspections.reasons[index],
            regions=anomalous_regions(inspections.maps[index], thresholds.pixel),
            map=maps[index] if request.maps else None,
        )
        for index, score in enumerate(scores)
    ]


def anomalous_regions(values: Floats, threshold: float) -> list[AnomalousRegion]:
    """Return the regions of a map (height, width) above a threshold."""
    return [
        AnomalousRegion(box=list(region.box), peak=region.peak)
        for region in regions_above(values, threshold)
    ]


def map_texts(request: InspectRequest, maps: Floats, threshold: float) -> list[str]:
    """Return each map in base64, as requested; an empty list without maps."""
    if not request.maps:
        return []
    if request.encoding == "float32":
        return [base64_text(values.astype(FLOAT32).tobytes()) for values in maps]
    levels = map_levels(maps, threshold)
    return base64_pngs(ImageGrid(upscale(levels, request.scale), columns=1))
