"""The cost of requests, from that of an image."""

from typing import Any

import pytest

from service.imaging.pixels import ImageShape
from service.model.cost import ModelCost
from service.operations.arithmetic import ArithmeticRequest
from service.operations.base import Request
from service.operations.cost import ImageCost
from service.operations.decode import DecodeRequest
from service.operations.encode import EncodeRequest
from service.operations.generate import GenerateRequest
from service.operations.inspect import InspectRequest
from service.operations.interpolate import InterpolateRequest
from service.operations.reconstruct import ReconstructRequest
from service.operations.score import ScoreRequest
from tests.samples import FIRST, LATENT_SIZE
from tests.service.operations.conftest import LIMITS

# Each step has a digit of its own.
COST = ImageCost(
    read=1,
    encode=10,
    decode=100,
    write=1000,
    animate=0,
    gif=0,
    numbers=0,
    inspect=10_000,
)
LATENT = [0.0] * LATENT_SIZE
TERM = {"image": FIRST, "weight": 1}
POINTS = {"start": {"image": FIRST}, "end": {"latent": LATENT}}


@pytest.mark.parametrize(
    ("request_type", "fields", "cost"),
    [
        (EncodeRequest, {"images": [FIRST] * 2}, 22),
        (EncodeRequest, {"images": [FIRST] * 2, "sample": True, "samples": 3}, 22),
        (ScoreRequest, {"images": [FIRST] * 2}, 222),
        (InspectRequest, {"images": [FIRST] * 2, "maps": False}, 22_222),
        (InspectRequest, {"images": [FIRST] * 2}, 24_222),
        (DecodeRequest, {"latents": [LATENT] * 3}, 3300),
        (ReconstructRequest, {"images": [FIRST] * 2}, 2222),
        (
            ReconstructRequest,
            {"images": [FIRST] * 2, "sample": True, "samples": 3},
            6622,
        ),
        (ReconstructRequest, {"images": [FIRST], "scale": 2}, 1111),
        (ReconstructRequest, {"images": [FIRST], "scale": 4}, 4111),
        (InterpolateRequest, POINTS | {"steps": 5}, 5511),
        (GenerateRequest, {"count": 4}, 4400),
        (ArithmeticRequest, {"terms": [TERM, TERM]}, 1122),
    ],
)
def test_a_request_costs_its_steps(
    request_type: type[Request], fields: dict[str, Any], cost: float
) -> None:
    """Images are read and encoded, outputs are decoded and written.

    Inspections have maps, and pictures as well if a client asks for them.
    """
    request = request_type.model_validate(fields, context=LIMITS)

    assert request.cost(COST) == cost


def test_pixels_cost_by_their_number() -> None:
    """The model's part is measured, the rest is in proportion to the numbers."""
    model = ModelCost(encode=0.3, decode=0.6)
    small = ImageCost.of(ImageShape(1, 28, 28), model)
    large = ImageCost.of(ImageShape(3, 56, 56), model)

    assert (large.encode, large.decode) == (small.encode, small.decode) == (0.3, 0.6)
    for step in ("read", "write", "animate", "numbers"):
        assert getattr(large, step) == pytest.approx(12 * getattr(small, step))
    assert large.gif > 12 * small.gif  # it needs a palette
