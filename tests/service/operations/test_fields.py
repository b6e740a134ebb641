"""Fields of requests: invalid values are rejected, and named with their location."""

import base64
import struct

import numpy as np
import pytest

from tests.samples import FIRST, SECOND, grey_png
from tests.service.conftest import Client, Json

OTHER_SIZE = grey_png([[0] * 4] * 4)
LATENT = [0.0] * 6
JUST_ABOVE_LIMIT = 10.000000000000002
ENDS: Json = {"start": {"latent": LATENT}, "end": {"latent": [1.0] * 6}}


def base64_latent(last: float) -> str:
    """Return a latent of zeros and a last number, as float32 in base64."""
    content = struct.pack("<6f", *LATENT[:5], last)
    return base64.b64encode(content).decode()


# Path, body, pointer to the invalid field, beginning of the message.
INVALID: list[tuple[str, object, str, str]] = [
    ("/reconstruct", {}, "#/images", "Field required"),
    ("/reconstruct", [], "#", "Input should be an object"),
    ("/reconstruct", {"images": FIRST}, "#/images", "Input should be a valid array"),
    (
        "/reconstruct",
        {"images": []},
        "#/images",
        "must have 1 to 12 items (VAE_MAX_ITEMS); has 0",
    ),
    (
        "/reconstruct",
        {"images": [FIRST] * 13},
        "#/images",
        "must have 1 to 12 items (VAE_MAX_ITEMS); has 13",
    ),
    (
        "/reconstruct",
        {"images": [FIRST, None]},
        "#/images/1",
        "must be a string, a base64 PNG, JPEG, WebP, BMP or GIF",
    ),
    (
        "/reconstruct",
        {"images": [FIRST, 7]},
        "#/images/1",
        "must be a string, a base64 PNG, JPEG, WebP, BMP or GIF",
    ),
    ("/reconstruct", {"images": [FIRST, FIRST, "%"]}, "#/images/2", "not base64"),
    ("/reconstruct", {"images": [FIRST, ""]}, "#/images/1", "not a PNG"),
    (
        "/reconstruct",
        {"images": [OTHER_SIZE], "fit": "none"},
        "#/images/0",
        "4 x 4 pixels; the model takes 3 x 2 (width x height)",
    ),
    (
        "/reconstruct",
        {"images": [FIRST], "fit": "crop"},
        "#/fit",
        "Input should be 'auto', 'resize' or 'none'",
    ),
    (
        "/reconstruct",
        {"images": [FIRST], "explain": 1},
        "#/explain",
        "Input should be a valid boolean",
    ),
    (
        "/reconstruct",
        {"images": [FIRST], "image": 1},
        "#/image",
        "Extra inputs are not permitted",
    ),
    ("/encode", {"images": [FIRST, "eA=="]}, "#/images/1", "not a PNG"),
    (
        "/decode",
        {"latents": [LATENT, LATENT[:5]]},
        "#/latents/1",
        "must have 6 numbers; has 5",
    ),
    ("/decode", {"latents": [[]]}, "#/latents/0", "must have 6 numbers; has 0"),
    (
        "/decode",
        {"latents": [LATENT, "%"]},
        "#/latents/1",
        "not base64 (standard alphabet, padded, no line breaks)",
    ),
    (
        "/decode",
        {"latents": [base64_latent(0)[:-4]]},
        "#/latents/0",
        "must be 6 float32 numbers, 24 bytes; has 21",
    ),
    (
        "/decode",
        {"latents": [""]},
        "#/latents/0",
        "must be 6 float32 numbers, 24 bytes; has 0",
    ),
    (
        "/decode",
        {"latents": [base64_latent(float("nan"))]},
        "#/latents/0/5",
        "Input should be a finite number",
    ),
    (
        "/decode",
        {"latents": [base64_latent(float("-inf"))]},
        "#/latents/0/5",
        "Input should be a finite number",
    ),
    (
        "/decode",
        {"latents": [base64_latent(10.5)]},
        "#/latents/0",
        "must have numbers from -10 to 10 (VAE_MAX_LATENT)",
    ),
    ("/decode", {"latents": [7]}, "#/latents/0", "Input should be a valid array"),
    (
        "/decode",
        {"latents": [LATENT], "scale": 0},
        "#/scale",
        "Input should be greater than or equal to 1",
    ),
    (
        "/decode",
        {"latents": [LATENT], "scale": 17},
        "#/scale",
        "Input should be less than or equal to 16",
    ),
    (
        "/decode",
        {"latents": [LATENT], "scale": 2.5},
        "#/scale",
        "Input should be a valid integer",
    ),
    (
        "/decode",
        {"latents": [LATENT], "scale": "2"},
        "#/scale",
        "Input should be a valid integer",
    ),
    (
        "/decode",
        {"latents": [LATENT], "scale": 14},
        "#/scale",
        "must be 1 to 13 for 1 images",
    ),
    (
        "/decode",
        {"latents": [LATENT], "encoding": "base64"},
        "#/encoding",
        "Extra inputs are not permitted",
    ),
    (
        "/encode",
        {"images": [FIRST], "encoding": "hex"},
        "#/encoding",
        "Input should be 'floats' or 'base64'",
    ),
    (
        "/encode",
        {"images": [FIRST], "scale": 1},
        "#/scale",
        "Extra inputs are not permitted",
    ),
    (
        "/interpolate",
        {**ENDS, "duration_ms": 19},
        "#/duration_ms",
        "Input should be greater than or equal to 20",
    ),
    (
        "/interpolate",
        {**ENDS, "duration_ms": 10001},
        "#/duration_ms",
        "Input should be less than or equal to 10000",
    ),
    (
        "/interpolate",
        {**ENDS, "duration_ms": True},
        "#/duration_ms",
        "Input should be a valid integer",
    ),
    (
        "/interpolate",
        {**ENDS, "loop": -1},
        "#/loop",
        "Input should be greater than or equal to 0",
    ),
    (
        "/interpolate",
        {**ENDS, "loop": 65536},
        "#/loop",
        "Input should be less than or equal to 65535",
    ),
    (
        "/decode",
        {"latents": [[*LATENT[:5], "1"]]},
        "#/latents/0/5",
        "Input should be a valid number",
    ),
    (
        "/decode",
        {"latents": [[*LATENT[:5], True]]},
        "#/latents/0/5",
        "Input should be a valid number",
    ),
    (
        "/decode",
        {"latents": [[*LATENT[:5], None]]},
        "#/latents/0/5",
        "Input should be a valid number",
    ),
    (
        "/decode",
        {"latents": [[*LATENT[:5], -10.5]]},
        "#/latents/0",
        "must have numbers from -10 to 10 (VAE_MAX_LATENT); has -10.5",
    ),
    ("/interpolate", {"start": {"image": FIRST}}, "#/end", "Field required"),
    (
        "/interpolate",
        {"start": {}, "end": {"latent": LATENT}},
        "#/start",
        "must have an image, a latent or a label, and only one",
    ),
    (
        "/interpolate",
        {"start": 1, "end": {"latent": LATENT}},
        "#/start",
        "must have an image, a latent or a label, and only one",
    ),
    (
        "/interpolate",
        {"start": {"image": FIRST, "latent": LATENT}, "end": {"latent": LATENT}},
        "#/start",
        "must have an image, a latent or a label, and only one",
    ),
    (
        "/interpolate",
        {"start": {"image": "x"}, "end": {"latent": LATENT}},
        "#/start/image",
        "not base64",
    ),
    (
        "/interpolate",
        {"start": {"latent": [0]}, "end": {"latent": LATENT}},
        "#/start/latent",
        "must have 6 numbers",
    ),
    (
        "/interpolate",
        {**ENDS, "steps": 1},
        "#/steps",
        "must be 2 to 12 (VAE_MAX_ITEMS); is 1",
    ),
    (
        "/interpolate",
        {**ENDS, "steps": 13},
        "#/steps",
        "must be 2 to 12 (VAE_MAX_ITEMS); is 13",
    ),
    (
        "/interpolate",
        {**ENDS, "steps": 2.5},
        "#/steps",
        "Input should be a valid integer",
    ),
    (
        "/interpolate",
        {**ENDS, "steps": 1e300},
        "#/steps",
        "must be 2 to 12 (VAE_MAX_ITEMS); is 10000000000000000525",
    ),
    ("/score", {}, "#/images", "Field required"),
    (
        "/score",
        {"images": [FIRST] * 13},
        "#/images",
        "must have 1 to 12 items (VAE_MAX_ITEMS); has 13",
    ),
    ("/score", {"images": [FIRST, "eA=="]}, "#/images/1", "not a PNG"),
    (
        "/score",
        {"images": [FIRST], "fit": "crop"},
        "#/fit",
        "Input should be 'auto', 'resize' or 'none'",
    ),
    (
        "/score",
        {"images": [FIRST], "label": 3},
        "#/label",
        "Extra inputs are not permitted",
    ),
    (
        "/interpolate",
        {"start": {"label": 2}, "end": {"label": 3}},
        "#/start/label",
        "must be one of 0, 1, 3; is 2",
    ),
    (
        "/interpolate",
        {"start": {"label": 0, "latent": LATENT}, "end": {"label": 3}},
        "#/start",
        "must have an image, a latent or a label, and only one",
    ),
    (
        "/interpolate",
        {"start": {"image": None}, "end": {"label": 3}},
        "#/start",
        "must have an image, a latent or",
    ),
    (
        "/interpolate",
        {"waypoints": [{"label": 0}, {"label": 3}], "end": {"label": 1}},
        "#/end",
        "must be absent if there are waypoints",
    ),
    (
        "/interpolate",
        {"waypoints": [{"label": 0}]},
        "#/waypoints",
        "must have 2 to 12 items (VAE_MAX_ITEMS); has 1",
    ),
    (
        "/interpolate",
        {"waypoints": [{"label": 0}, {"image": "x"}]},
        "#/waypoints/1/image",
        "not base64",
    ),
    (
        "/interpolate",
        {"waypoints": [{"label": 0}, {"label": 1}, {"label": 3}], "steps": 7},
        "#/steps",
        "makes 13 images; the limit is 12 (VAE_MAX_ITEMS)",
    ),
    (
        "/interpolate",
        {"start": {"label": 0}, "end": {"label": 3}, "closed": True, "steps": 8},
        "#/steps",
        "makes 14 images; the limit is 12 (VAE_MAX_ITEMS)",
    ),
    (
        "/interpolate",
        {"start": {"label": 0}, "end": {"label": 3}, "path": "curved"},
        "#/path",
        "Input should be 'linear', 'spherical' or 'even'",
    ),
    *(
        case
        for path in ("/encode", "/reconstruct")
        for case in (
            (
                path,
                {"images": [FIRST], "seed": 1},
                "#/seed",
                "must be absent unless sample is true",
            ),
            (
                path,
                {"images": [FIRST], "sample": False, "samples": 2},
                "#/samples",
                "must be absent unless sample is",
            ),
            (
                path,
                {"images": [FIRST], "sample": True, "samples": 0},
                "#/samples",
                "must be 1 to 12 (VAE_MAX_ITEMS)",
            ),
            (
                path,
                {"images": [FIRST], "sample": True, "seed": 2**53},
                "#/seed",
                "Input should be less than or equal",
            ),
            (
                path,
                {"images": [FIRST, FIRST], "sample": True, "samples": 7},
                "#/samples",
                "makes 14 images; the limit is 12 (VAE_MAX_ITEMS)",
            ),
        )
    ),
    (
        "/arithmetic",
        {"terms": []},
        "#/terms",
        "must have 1 to 12 items (VAE_MAX_ITEMS); has 0",
    ),
    ("/arithmetic", {"terms": [{"label": 1}]}, "#/terms/0/weight", "Field required"),
    (
        "/arithmetic",
        {"terms": [{"weight": 1}]},
        "#/terms/0",
        "must have an image, a latent or a label, and only one",
    ),
    (
        "/arithmetic",
        {"terms": [{"weight": 101, "label": 1}]},
        "#/terms/0/weight",
        "Input should be less than or equal",
    ),
    (
        "/arithmetic",
        {"terms": [{"weight": 1, "label": 2}]},
        "#/terms/0/label",
        "must be one of 0, 1, 3; is 2",
    ),
    ("/traverse", {"start": {"label": 0}}, "#/dimensions", "Field required"),
    (
        "/traverse",
        {"start": {"label": 0}, "dimensions": 6},
        "#/dimensions",
        "must be 0 to 5; is 6",
    ),
    (
        "/traverse",
        {"start": {"label": 0}, "dimensions": [0, -1]},
        "#/dimensions/1",
        "must be 0 to 5; is -1",
    ),
    (
        "/traverse",
        {"start": {"label": 0}, "dimensions": []},
        "#/dimensions",
        "must have 1 to 12 items",
    ),
    (
        "/traverse",
        {"start": {"label": 0}, "dimensions": 0, "range": [0]},
        "#/range",
        "List should have at least 2",
    ),
    (
        "/traverse",
        {"start": {"label": 0}, "dimensions": 0, "range": [0, 11]},
        "#/range/1",
        "must be -10 to 10 (VAE_MAX_LATENT); is 11",
    ),
    (
        "/traverse",
        {"start": {"label": 0}, "dimensions": [0, 1]},
        "#/steps",
        "makes 22 images; the limit is 12",
    ),
    ("/generate", {"count": 0}, "#/count", "must be 1 to 12 (VAE_MAX_ITEMS); is 0"),
    ("/generate", {"count": 13}, "#/count", "must be 1 to 12 (VAE_MAX_ITEMS); is 13"),
    ("/generate", {"label": 2}, "#/label", "must be one of 0, 1, 3; is 2"),
    ("/generate", {"label": 3.5}, "#/label", "Input should be a valid string"),
    ("/generate", {"label": True}, "#/label", "Input should be a valid string"),
    ("/generate", {"label": "03"}, "#/label", "must be one of 0, 1, 3; is 03"),
    (
        "/generate",
        {"label": "x" * 99},
        "#/label",
        f"must be one of 0, 1, 3; is {'x' * 20}",
    ),
    ("/generate", {"label": [3, -1]}, "#/label/1", "must be one of 0, 1, 3; is -1"),
    (
        "/generate",
        {"label": []},
        "#/label",
        "must have 1 to 12 items (VAE_MAX_ITEMS); has 0",
    ),
    (
        "/generate",
        {"label": [3] * 13},
        "#/label",
        "must have 1 to 12 items (VAE_MAX_ITEMS); has 13",
    ),
    (
        "/generate",
        {"label": 3, "source": "prior"},
        "#/source",
        "must be sampler if a label is given",
    ),
    (
        "/generate",
        {"source": "posterior"},
        "#/source",
        "Input should be 'sampler' or 'prior'",
    ),
    (
        "/generate",
        {"temperature": -0.1},
        "#/temperature",
        "Input should be greater than or equal to 0",
    ),
    (
        "/generate",
        {"temperature": 3.1},
        "#/temperature",
        "Input should be less than or equal to 3",
    ),
    ("/generate", {"seed": -1}, "#/seed", "Input should be greater than or equal to 0"),
    (
        "/generate",
        {"seed": 2**53},
        "#/seed",
        "Input should be less than or equal to 9007199254740991",
    ),
]


@pytest.mark.parametrize(("path", "body", "pointer", "detail"), INVALID)
def test_an_invalid_field_is_named_with_its_location(
    client: Client, path: str, body: object, pointer: str, detail: str
) -> None:
    """The whole request is rejected; the location has the index of the item."""
    problem = client.invalid(path, json=body)

    (error,) = problem["errors"]
    assert error["pointer"] == pointer
    assert error["detail"].startswith(detail)
    assert error["detail"] in problem["detail"]


def test_a_blank_image_is_named_with_its_location(ink_client: Client) -> None:
    """It is rejected where ink is fitted, also in the model's size."""
    for blank in (OTHER_SIZE, FIRST):
        problem = ink_client.invalid("/reconstruct", json={"images": [blank]})

        (error,) = problem["errors"]
        assert error["pointer"] == "#/images/0"
        assert error["detail"].startswith("a blank image")


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" + b"0" * 400])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/interpolate", b'{"waypoints": [{"label": 1}], "steps": %s}'),
        ("/interpolate", b'{"waypoints": 1.5, "steps": %s}'),
        ("/encode", b'{"images": [], "samples": %s}'),
        ("/encode", b'{"images": 1.5, "samples": %s}'),
        ("/traverse", b'{"start": {"label": 3}, "dimensions": [], "steps": %s}'),
        ("/generate", b'{"count": %s}'),
    ],
)
def test_infinite_and_huge_numbers_are_rejected(
    client: Client, path: str, body: bytes, number: bytes
) -> None:
    """They cause no error where the number of images is computed."""
    headers = {"Content-Type": "application/json"}
    client.invalid(path, content=body % number, headers=headers)


def test_an_integer_may_have_a_zero_fraction(client: Client) -> None:
    """3.0 is an integer in JSON Schema."""
    plain = client.operate("/interpolate", **ENDS, steps=3)

    assert client.operate("/interpolate", **ENDS, steps=3.0) == plain


def floats(text: str) -> list[float]:
    """Return the numbers of a latent in base64."""
    content = base64.b64decode(text, validate=True)
    numbers: list[float] = np.frombuffer(content, "<f4").tolist()
    return numbers


def test_latents_of_responses_may_be_base64(client: Client) -> None:
    """They are little-endian float32, the same numbers as in JSON."""
    images = [SECOND, FIRST]
    default = client.operate("/encode", images=images)["latents"]
    plain = client.operate("/encode", images=images, encoding="floats")["latents"]
    encoded = client.operate("/encode", images=images, encoding="base64")["latents"]

    assert plain == default
    for posterior, numbers in zip(encoded, plain, strict=True):
        decoded = {name: floats(text) for name, text in posterior.items()}
        assert decoded == numbers

    path = client.operate("/interpolate", **ENDS, steps=3)
    other = client.operate("/interpolate", **ENDS, steps=3, encoding="base64")
    other["latents"] = [floats(text) for text in other["latents"]]
    assert other == path


def test_latents_of_requests_may_be_base64(client: Client) -> None:
    """A list may have latents in base64 and latents as numbers."""
    latents = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.7] * 6], np.float32)
    first, second = latents.tolist()
    encoded = base64.b64encode(latents[0].tobytes()).decode()
    expected = client.operate("/decode", latents=[first, second])
    ends = {"start": {"latent": first}, "end": {"latent": second}}

    assert client.operate("/decode", latents=[encoded, second]) == expected
    path = client.operate("/interpolate", start={"latent": encoded}, end=ends["end"])
    assert path == client.operate("/interpolate", **ends)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/decode", {"latents": [[JUST_ABOVE_LIMIT, *LATENT[1:]]]}),
        (
            "/traverse",
            {"start": {"label": 0}, "dimensions": 0, "range": [0, JUST_ABOVE_LIMIT]},
        ),
    ],
)
def test_a_number_out_of_bounds_is_shown_with_all_its_digits(
    client: Client, path: str, body: Json
) -> None:
    """It is not shown as the bound itself."""
    detail = client.invalid(path, json=body)["detail"]

    assert "-10 to 10 (VAE_MAX_LATENT)" in detail
    assert detail.endswith(" 10.000000000000002")
