"""Every refusal is a problem answer (RFC 9457) that names what is wrong and where."""

import base64
import struct
from typing import Any

import pytest
from PIL import Image

from service.app import create_app
from service.settings import Settings
from tests.samples import FIRST, FakeAutoencoder, grey_png, png
from tests.service.conftest import Client

TOO_LARGE = grey_png([[0] * 4] * 4)
LATENT = [0.0] * 6
ENDS = {"start": {"latent": LATENT}, "end": {"latent": LATENT}}


def base64_latent(last: float) -> str:
    """Zeros and a last number, as little-endian float32 in base64."""
    return base64.b64encode(struct.pack("<6f", *LATENT[:5], last)).decode()


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
    ("/reconstruct", {"images": [TOO_LARGE]}, "#/images/0", "a blank image"),
    (
        "/reconstruct",
        {"images": [TOO_LARGE], "fit": "none"},
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
        "must have an image, a latent or a digit, and only one",
    ),
    (
        "/interpolate",
        {"start": 1, "end": {"latent": LATENT}},
        "#/start",
        "must have an image, a latent or a digit, and only one",
    ),
    (
        "/interpolate",
        {"start": {"image": FIRST, "latent": LATENT}, "end": {"latent": LATENT}},
        "#/start",
        "must have an image, a latent or a digit, and only one",
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
        {"start": {"latent": LATENT}, "end": {"latent": LATENT}, "steps": 1},
        "#/steps",
        "must be 2 to 12 (VAE_MAX_ITEMS); is 1",
    ),
    (
        "/interpolate",
        {"start": {"latent": LATENT}, "end": {"latent": LATENT}, "steps": 13},
        "#/steps",
        "must be 2 to 12 (VAE_MAX_ITEMS); is 13",
    ),
    (
        "/interpolate",
        {"start": {"latent": LATENT}, "end": {"latent": LATENT}, "steps": 2.5},
        "#/steps",
        "Input should be a valid integer",
    ),
    (
        "/interpolate",
        {"start": {"latent": LATENT}, "end": {"latent": LATENT}, "steps": 1e300},
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
        {"images": [FIRST], "digit": 3},
        "#/digit",
        "Extra inputs are not permitted",
    ),
    (
        "/interpolate",
        {"start": {"digit": 2}, "end": {"digit": 3}},
        "#/start/digit",
        "must be one of 0, 1, 3; is 2",
    ),
    (
        "/interpolate",
        {"start": {"digit": 0, "latent": LATENT}, "end": {"digit": 3}},
        "#/start",
        "must have an image, a latent or a digit, and only one",
    ),
    (
        "/interpolate",
        {"start": {"image": None}, "end": {"digit": 3}},
        "#/start",
        "must have an image, a latent or",
    ),
    (
        "/interpolate",
        {"waypoints": [{"digit": 0}, {"digit": 3}], "end": {"digit": 1}},
        "#/end",
        "must be absent if there are waypoints",
    ),
    (
        "/interpolate",
        {"waypoints": [{"digit": 0}]},
        "#/waypoints",
        "must have 2 to 12 items (VAE_MAX_ITEMS); has 1",
    ),
    (
        "/interpolate",
        {"waypoints": [{"digit": 0}, {"image": "x"}]},
        "#/waypoints/1/image",
        "not base64",
    ),
    (
        "/interpolate",
        {"waypoints": [{"digit": 0}, {"digit": 1}, {"digit": 3}], "steps": 7},
        "#/steps",
        "makes 13 images; the limit is 12 (VAE_MAX_ITEMS)",
    ),
    (
        "/interpolate",
        {"start": {"digit": 0}, "end": {"digit": 3}, "closed": True, "steps": 8},
        "#/steps",
        "makes 14 images; the limit is 12 (VAE_MAX_ITEMS)",
    ),
    (
        "/interpolate",
        {"start": {"digit": 0}, "end": {"digit": 3}, "path": "curved"},
        "#/path",
        "Input should be 'linear', 'spherical' or 'even'",
    ),
    *(
        problem
        for path in ("/encode", "/reconstruct")
        for problem in (
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
    ("/arithmetic", {"terms": [{"digit": 1}]}, "#/terms/0/weight", "Field required"),
    (
        "/arithmetic",
        {"terms": [{"weight": 1}]},
        "#/terms/0",
        "must have an image, a latent or a digit, and only one",
    ),
    (
        "/arithmetic",
        {"terms": [{"weight": 101, "digit": 1}]},
        "#/terms/0/weight",
        "Input should be less than or equal",
    ),
    (
        "/arithmetic",
        {"terms": [{"weight": 1, "digit": 2}]},
        "#/terms/0/digit",
        "must be one of 0, 1, 3; is 2",
    ),
    ("/traverse", {"start": {"digit": 0}}, "#/dimensions", "Field required"),
    (
        "/traverse",
        {"start": {"digit": 0}, "dimensions": 6},
        "#/dimensions",
        "must be 0 to 5; is 6",
    ),
    (
        "/traverse",
        {"start": {"digit": 0}, "dimensions": [0, -1]},
        "#/dimensions/1",
        "must be 0 to 5; is -1",
    ),
    (
        "/traverse",
        {"start": {"digit": 0}, "dimensions": []},
        "#/dimensions",
        "must have 1 to 12 items",
    ),
    (
        "/traverse",
        {"start": {"digit": 0}, "dimensions": 0, "range": [0]},
        "#/range",
        "List should have at least 2",
    ),
    (
        "/traverse",
        {"start": {"digit": 0}, "dimensions": 0, "range": [0, 11]},
        "#/range/1",
        "must be -10 to 10 (VAE_MAX_LATENT); is 11",
    ),
    (
        "/traverse",
        {"start": {"digit": 0}, "dimensions": [0, 1]},
        "#/steps",
        "makes 22 images; the limit is 12",
    ),
    ("/generate", {"count": 0}, "#/count", "must be 1 to 12 (VAE_MAX_ITEMS); is 0"),
    ("/generate", {"count": 13}, "#/count", "must be 1 to 12 (VAE_MAX_ITEMS); is 13"),
    ("/generate", {"digit": 2}, "#/digit", "must be one of 0, 1, 3; is 2"),
    ("/generate", {"digit": "3"}, "#/digit", "Input should be a valid integer"),
    ("/generate", {"digit": [3, -1]}, "#/digit/1", "must be one of 0, 1, 3; is -1"),
    (
        "/generate",
        {"digit": []},
        "#/digit",
        "must have 1 to 12 items (VAE_MAX_ITEMS); has 0",
    ),
    (
        "/generate",
        {"digit": [3] * 13},
        "#/digit",
        "must have 1 to 12 items (VAE_MAX_ITEMS); has 13",
    ),
    (
        "/generate",
        {"digit": 3, "source": "prior"},
        "#/source",
        "must be sampler if a digit is given",
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
NOT_JSON: list[tuple[bytes, str]] = [
    (b"", "EOF"),
    (b'{"latents"', "EOF"),
    (b'{"latents": [[NaN, 0, 0, 0, 0, 0]]}', "expected value"),
    (b'{"latents": [[Infinity, 0, 0, 0, 0, 0]]}', "expected value"),
    (b'{"latents": [[-Infinity, 0, 0, 0, 0, 0]]}', "invalid number"),
    (b'{"latents": [[' + b"9" * 400 + b", 0, 0, 0, 0, 0]]}", "valid number"),
    (b'{"latents": [[' + b"9" * 4000 + b", 0, 0, 0, 0, 0]]}", "valid number"),
    (
        b'{"latents": [[0, 0, 0, 0, 0, 0]], "latents": [[0, 0, 0, 0, 0, 0]]}',
        'duplicate key "latents"',
    ),
    (b'\xef\xbb\xbf{"latents": []', "EOF"),
    ('{"latents": []}'.encode("utf-16"), "it is in UTF-16, and must be in UTF-8"),
    ('{"latents": []}'.encode("utf-16-be"), "it is in UTF-16-BE"),
    ('{"latents": []}'.encode("utf-32-le"), "it is in UTF-32-LE"),
    (b'{"latents": []} x', "trailing characters"),
    (b'{"latents": [[1e999, 0, 0, 0, 0, 0]]}', "finite number"),
    (b'{"latents": [["\xff"]]}', "invalid unicode"),
    (b'{"latents": [["\\ud800"]]}', "hex escape"),
    (b'{"latents": ' + b"[" * 130 + b"]" * 130 + b"}", "valid number"),
    (b"\x01", "expected value"),
]


def problem(
    client: Client, status: int, kind: str, method: str, path: str, **options: Any
) -> dict[str, Any]:
    """Send a request; give its answer's body when it is the refusal expected."""
    answer = client.request(method, path, **options)
    body: dict[str, Any] = answer.json()
    assert answer.status_code == body["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:vae-service:problem:{kind}"
    assert body["title"]
    assert body["detail"]
    return body


@pytest.mark.parametrize(("path", "request_body", "pointer", "detail"), INVALID)
def test_a_bad_field_is_named_with_its_index(
    client: Client, path: str, request_body: object, pointer: str, detail: str
) -> None:
    """A request is refused whole, and told which field of which item is wrong."""
    body = problem(client, 422, "invalid-request", "POST", path, json=request_body)

    (error,) = body["errors"]
    assert error["pointer"] == pointer
    assert error["detail"].startswith(detail)
    assert error["detail"] in body["detail"]


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" + b"0" * 400])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/interpolate", b'{"waypoints": [{"digit": 1}], "steps": %s}'),
        ("/interpolate", b'{"waypoints": 1.5, "steps": %s}'),
        ("/encode", b'{"images": [], "samples": %s}'),
        ("/encode", b'{"images": 1.5, "samples": %s}'),
        ("/traverse", b'{"start": {"digit": 3}, "dimensions": [], "steps": %s}'),
        ("/generate", b'{"count": %s}'),
    ],
)
def test_numbers_of_any_size_are_refused_as_fields(
    client: Client, path: str, body: bytes, number: bytes
) -> None:
    """How many images are asked for is reckoned before anything is checked, and must not fail at it."""
    headers = {"Content-Type": "application/json"}
    problem(
        client,
        422,
        "invalid-request",
        "POST",
        path,
        content=body % number,
        headers=headers,
    )


@pytest.mark.parametrize(
    "content", ['{"%s": 1}', '{"count": 1, "count": 2, "%s": 1}', '{"%s": 1, "%s": 2}']
)
def test_names_that_clients_make_up_are_not_told_whole(
    client: Client, content: str
) -> None:
    """A body of 2 MB would be answered with 7."""
    sent = content.replace("%s", "é" * 1000).encode()
    answer = client.request(
        "POST", "/generate", content=sent, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 422
    assert len(answer.content) < 2000


@pytest.mark.parametrize(("content", "detail"), NOT_JSON)
def test_a_body_that_is_not_json_is_refused(
    client: Client, content: bytes, detail: str
) -> None:
    """Whatever bytes come, the answer is a 422 that says what is wrong with them."""
    headers = {"Content-Type": "application/json"}
    body = problem(
        client,
        422,
        "invalid-request",
        "POST",
        "/decode",
        content=content,
        headers=headers,
    )

    assert detail.lower() in body["detail"].lower()


def test_all_wrong_fields_are_named(client: Client) -> None:
    """Fields that are wrong are listed together; a list stops at its first bad item.

    Images are decoded after all fields have been found right.
    """
    request_body = {
        "start": {"image": "x", "a/b": 1},
        "end": {"latent": ["1", "2"]},
        "steps": 0,
    }
    body = problem(
        client, 422, "invalid-request", "POST", "/interpolate", json=request_body
    )

    assert [error["pointer"] for error in body["errors"]] == [
        "#/start/a~1b",
        "#/end/latent/0",
        "#/steps",
    ]
    assert "end.latent[0]: " in body["detail"]


def test_many_wrong_fields_are_counted_not_listed(client: Client) -> None:
    """The answer stays short, whatever was sent; the place of a field with a tag's look is its own."""
    fields = {f"({number})": 0 for number in range(80)}
    body = problem(
        client,
        422,
        "invalid-request",
        "POST",
        "/encode",
        json={"images": [FIRST], **fields},
    )

    assert [error["pointer"] for error in body["errors"]] == [
        f"#/%28{number}%29" for number in range(10)
    ]
    assert body["detail"].endswith("; and 70 more")


@pytest.mark.parametrize(
    "content",
    [
        '{"images": [' + "[]," * 300 + "[]]}",
        '{"images": [' + '"",' * 300 + '""]}',
        "{" + ",".join(f'"{number}": 0' for number in range(300)) + "}",
        '{"latents": [[' + "0," * 300 + "0]]}",
    ],
    ids=["lists", "strings", "names", "numbers"],
)
def test_a_body_of_more_parts_than_make_sense_is_not_parsed(
    client: Client, content: str
) -> None:
    """What 12 items could ever have is the most, lists, names and numbers together."""
    headers = {"Content-Type": "application/json"}
    body = problem(
        client,
        422,
        "invalid-request",
        "POST",
        "/encode",
        content=content,
        headers=headers,
    )

    assert "the limit is 208 (set by VAE_MAX_ITEMS)" in body["detail"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "image/tiff", None],
)
def test_a_body_of_another_type_is_refused(
    client: Client, content_type: str | None
) -> None:
    """Only JSON, pictures and forms are read; all that is taken is listed."""
    headers = {"Content-Type": content_type} if content_type else {}
    body = problem(
        client,
        415,
        "unsupported-media-type",
        "POST",
        "/encode",
        content=b'{"images": []}',
        headers=headers,
    )

    assert (content_type or "missing") in body["detail"]
    for taken in (
        "application/json",
        "image/png",
        "image/jpeg",
        "image/webp",
        "image/bmp",
        "image/gif",
        "multipart/",
    ):
        assert taken in body["detail"]


def test_json_may_name_its_charset(client: Client) -> None:
    """Parameters of the content type do not matter."""
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    answer = client.request(
        "POST",
        "/encode",
        content=f'{{"images": ["{FIRST}"]}}'.encode(),
        headers=headers,
    )

    assert answer.status_code == 200


def test_a_body_is_refused_once_it_is_too_large(client: Client) -> None:
    """The limit counts bytes as they come, and is named."""
    body = problem(
        client, 413, "body-too-large", "POST", "/encode", json={"images": ["A" * 5000]}
    )

    assert "4096" in body["detail"]
    assert "VAE_MAX_BODY_BYTES" in body["detail"]


def test_an_unknown_path_is_a_problem(client: Client) -> None:
    """The shape of a refusal is the same everywhere."""
    problem(client, 404, "not-found", "GET", "/nothing")


def test_a_wrong_method_is_told_the_right_one(client: Client) -> None:
    """405 carries Allow."""
    problem(client, 405, "method-not-allowed", "GET", "/encode")

    assert client.get("/encode").headers["allow"] == "POST"


def test_a_model_that_does_not_compute_is_a_503(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """A fault of the model is not the request's."""
    autoencoder.broken = True

    problem(
        client, 503, "inference-failed", "POST", "/encode", json={"images": [FIRST]}
    )


def test_an_error_of_the_service_tells_nothing_of_its_inside(
    client: Client, autoencoder: FakeAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not foreseen is a 500 without its message."""

    def fail(_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(autoencoder, "encode", fail)
    body = problem(
        client, 500, "internal-error", "POST", "/encode", json={"images": [FIRST]}
    )

    assert "secret" not in str(body)


def test_a_request_brings_so_many_pixels_at_most(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """However small the files are; plain images of the model's size are not counted, however many they are."""
    limits = settings.model_copy(update={"max_image_pixels": 100})
    client = Client(create_app(limits, autoencoder))
    large = png(Image.linear_gradient("L").resize((10, 10)))
    body = problem(
        client, 422, "invalid-request", "POST", "/encode", json={"images": [large] * 9}
    )

    assert body["errors"] == [
        {
            "pointer": "#/images/8",
            "detail": "comes after images of 800 pixels; the limit is 800 (8 times VAE_MAX_IMAGE_PIXELS)",
        }
    ]
    assert (
        client.request("POST", "/encode", json={"images": [large] * 8}).status_code
        == 200
    )
    limits = settings.model_copy(update={"max_image_pixels": 1})
    client = Client(create_app(limits, autoencoder))
    assert (
        client.request("POST", "/encode", json={"images": [FIRST] * 12}).status_code
        == 200
    )


def test_a_byte_order_mark_is_skipped(client: Client) -> None:
    """RFC 8259, 8.1; Windows' tools write it."""
    content = b'\xef\xbb\xbf{"latents": [[0, 0, 0, 0, 0, 0]]}'
    headers = {"Content-Type": "application/json"}
    response = client.request("POST", "/decode", content=content, headers=headers)

    assert response.json() == client.post("/decode", {"latents": [LATENT]}).json()


def test_a_get_that_fails_is_a_problem(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its detail tells nothing of the service's inside; the log has the error."""

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("service.observability.metrics.Metrics.text", fail)
    body = problem(client, 500, "internal-error", "GET", "/metrics")

    assert body["detail"] == "an internal error; the log has the details"
