"""Bodies of requests: JSON, images, forms, their limits, options in the query."""

import base64
import time

import pytest
from PIL import Image

from service.api.body import MAX_BODIES, BodyBudget, parse_json, read_upload
from service.api.errors import ProblemError
from service.app import create_app
from service.model.autoencoder import Floats, Pixels, Posterior
from service.settings import Settings
from tests.samples import (
    FIRST,
    INK,
    INK_PREPROCESSING,
    NO_PREPROCESSING,
    SECOND,
    FakeAutoencoder,
    png,
)
from tests.service.conftest import Client
from tests.service.imaging.test_formats import file_of

FILE, OTHER_FILE = base64.b64decode(FIRST), base64.b64decode(SECOND)
INK_FILE = file_of(INK, "PNG")
MULTIPART = "multipart/form-data; boundary=b"

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
    (b'\xef\xbb\xbf{"latents": []}', "expected value"),
    ('{"latents": []}'.encode("utf-16"), "expected value"),
    (b'{"latents": []} x', "trailing characters"),
    (b'{"latents": [[1e999, 0, 0, 0, 0, 0]]}', "finite number"),
    (b'{"latents": [["\xff"]]}', "invalid unicode"),
    (b'{"latents": [["\\ud800"]]}', "hex escape"),
    (b'{"latents": ' + b"[" * 182 + b"]" * 182 + b"}", "valid number"),
    (b"\x00\x01", "expected value"),
]


@pytest.mark.parametrize(("content", "detail"), NOT_JSON)
def test_a_body_that_is_not_json_is_rejected(
    client: Client, content: bytes, detail: str
) -> None:
    """Whatever the bytes are, the response is a 422 that names the error."""
    headers = {"Content-Type": "application/json"}
    problem = client.invalid("/decode", content=content, headers=headers)

    assert detail.lower() in problem["detail"].lower()


@pytest.mark.parametrize(
    ("content", "detail"),
    [(b"[" * 300, "nested more than 200 deep"), (b"9" * 5000, "out of range")],
)
def test_nesting_and_digits_of_json_are_limited(content: bytes, detail: str) -> None:
    """The parser rejects more, and the message says so."""
    with pytest.raises(ProblemError, match=detail):
        parse_json(content, max_parts=1000)


@pytest.mark.parametrize(
    "content",
    [
        '{"images": [' + "[]," * 200 + "[]]}",
        '{"images": [' + '"",' * 200 + '""]}',
        "{" + ",".join(f'"{number}": 0' for number in range(200)) + "}",
        '{"latents": [[' + "0," * 200 + "0]]}",
    ],
    ids=["lists", "strings", "names", "numbers"],
)
def test_json_with_too_many_values_and_names_is_not_parsed(
    client: Client, content: str
) -> None:
    """The limit is the largest number that 12 items can have."""
    headers = {"Content-Type": "application/json"}
    problem = client.invalid("/encode", content=content, headers=headers)

    assert "the limit is 196 (set by VAE_MAX_ITEMS)" in problem["detail"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "image/tiff", None],
)
def test_a_body_of_another_media_type_is_rejected(
    client: Client, content_type: str | None
) -> None:
    """The message lists the accepted types: JSON, images and forms."""
    headers = {"Content-Type": content_type} if content_type else {}
    problem = client.problem(
        415,
        "unsupported-media-type",
        "POST",
        "/encode",
        content=b'{"images": []}',
        headers=headers,
    )

    assert (content_type or "missing") in problem["detail"]
    for accepted in (
        "application/json",
        "image/png",
        "image/jpeg",
        "image/webp",
        "image/bmp",
        "image/gif",
        "multipart/",
    ):
        assert accepted in problem["detail"]


def test_json_may_name_its_charset(client: Client) -> None:
    """Case and parameters of the content type do not matter."""
    content = f'{{"images": ["{FIRST}"]}}'.encode()
    response = client.send("/encode", content, "Application/JSON; charset=utf-8")

    assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Encoding": "gzip"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json; charset=utf-16"},
    ],
)
def test_only_uncompressed_utf_8_is_accepted(
    client: Client, headers: dict[str, str]
) -> None:
    """Other encodings are neither decompressed nor guessed."""
    content = f'{{"images": ["{FIRST}"]}}'.encode()
    all_headers = {"Content-Type": "application/json", **headers}
    response = client.request("POST", "/encode", content=content, headers=all_headers)

    assert response.status_code == 415


def test_a_body_that_is_too_large_is_rejected(client: Client) -> None:
    """The message names the limit and its setting."""
    body = {"images": ["A" * 5000]}
    problem = client.problem(413, "body-too-large", "POST", "/encode", json=body)

    assert "4096" in problem["detail"]
    assert "VAE_MAX_BODY_BYTES" in problem["detail"]


def test_an_image_has_its_own_limit(client: Client) -> None:
    """An image that is too large is rejected before it is decoded."""
    response = client.post("/encode", {"images": ["A" * 2049]})

    assert response.status_code == 422
    assert response.json()["errors"] == [
        {
            "pointer": "#/images/0",
            "detail": "must have at most 2048 bytes of base64 (VAE_MAX_IMAGE_BYTES); "
            "has 2049",
        }
    ]


def test_the_budget_counts_bytes_up_to_its_limit() -> None:
    """Released bytes make room for others."""
    budget = BodyBudget(max_body_bytes=100)
    budget.acquire(1600)
    with pytest.raises(ProblemError, match="16 times VAE_MAX_BODY_BYTES"):
        budget.acquire(1)
    budget.bytes -= 1600
    budget.acquire(1)


def test_a_body_is_in_the_budget_until_its_response(
    settings: Settings, autoencoder: FakeAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the responses, valid or not, the whole budget is available again."""
    client = Client(create_app(settings, autoencoder))
    budget = client.app.state.body_budget
    room = MAX_BODIES * settings.max_body_bytes
    encode = autoencoder.encode

    def encode_and_check(pixels: Pixels | Floats) -> Posterior:
        with pytest.raises(ProblemError, match="16 times VAE_MAX_BODY_BYTES"):
            budget.acquire(room)
        return encode(pixels)

    monkeypatch.setattr(autoencoder, "encode", encode_and_check)
    assert client.post("/encode", {"images": [FIRST]}).status_code == 200
    assert client.post("/encode", {"images": ["no image"]}).status_code == 422
    budget.acquire(room)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_a_body_may_be_an_image(client: Client, name: str) -> None:
    """The response is the same as for the image in JSON."""
    content = file_of(INK, name)
    text = base64.b64encode(content).decode()
    for path in ("/encode", "/reconstruct"):
        expected = client.post(path, {"images": [text]}).json()
        response = client.send(path, content, f"image/{name.lower()}")

        assert response.status_code == 200
        assert response.json() == expected


def test_options_may_be_in_the_query(client: Client) -> None:
    """Unknown options are ignored. An option in the body takes precedence."""
    image_path = "/encode?explain=true"
    fitted = client.send(f"{image_path}&x=1", INK_FILE, "image/png").json()["fitted"]
    assert fitted == [INK_PREPROCESSING]

    resized = client.send(f"{image_path}&fit=resize", INK_FILE, "image/png").json()
    assert resized["fitted"] == [{**NO_PREPROCESSING, "scaled": [3, 2]}]

    explained = client.post(image_path, {"images": [png(INK)]}).json()
    assert explained["fitted"] == [INK_PREPROCESSING]

    not_explained = client.post(image_path, {"images": [FIRST], "explain": False})
    assert "fitted" not in not_explained.json()


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("fit=none", "#/images/0"),
        ("fit=x", "#/fit"),
        ("fit=", "#/fit"),
        ("explain=x", "#/explain"),
    ],
)
def test_invalid_options_in_the_query_are_named(
    client: Client, query: str, pointer: str
) -> None:
    """Errors of options have the same form as errors of fields."""
    response = client.send(f"/encode?{query}", INK_FILE, "image/png")

    assert response.json()["errors"][0]["pointer"] == pointer


def test_an_option_may_be_given_once(client: Client) -> None:
    """An option that the query has twice is rejected."""
    response = client.send("/encode?fit=auto&fit=none", INK_FILE, "image/png")

    assert response.json()["detail"] == "the query has fit twice"


def test_options_have_the_types_of_json(client: Client) -> None:
    """Integers, words and booleans are recognized in queries and in forms."""
    body = {"images": [FIRST], "scale": 3, "explain": True, "fit": "none"}
    expected = client.post("/reconstruct", body).json()
    query = "scale=3&explain=true&fit=none"
    options = {"scale": "3", "explain": "true", "fit": "none"}

    from_query = client.send(f"/reconstruct?{query}", FILE, "image/png")
    assert from_query.json() == expected
    from_form = client.request("POST", "/reconstruct", files={"a": FILE}, data=options)
    assert from_form.json() == expected

    in_base64 = client.post("/encode", {"images": [FIRST], "encoding": "base64"})
    response = client.send("/encode?encoding=base64&scale=3", FILE, "image/png")
    assert response.json() == in_base64.json()


@pytest.mark.parametrize(
    ("query", "pointer", "detail"),
    [
        ("scale=0", "#/scale", "Input should be greater than or equal to 1"),
        ("scale=-1", "#/scale", "Input should be greater than or equal to 1"),
        ("scale=2.5", "#/scale", "Input should be a valid integer"),
        ("scale=true", "#/scale", "Input should be a valid integer"),
        pytest.param(
            "scale=" + "9" * 5000,
            "#/scale",
            "Input should be a valid integer",
            id="5000 digits",
        ),
        ("explain=1", "#/explain", "Input should be a valid boolean"),
        ("fit=1", "#/fit", "Input should be 'auto', 'resize' or 'none'"),
    ],
)
def test_an_option_of_another_type_is_rejected(
    client: Client, query: str, pointer: str, detail: str
) -> None:
    """The message is the same as for a field in JSON."""
    response = client.send(f"/reconstruct?{query}", FILE, "image/png")

    assert response.json()["errors"] == [{"pointer": pointer, "detail": detail}]


@pytest.mark.parametrize(
    ("path", "options"),
    [("/encode", {"explain": "true"}), ("/encode?explain=true", {"fit": "auto"})],
)
def test_a_form_may_have_several_files(
    client: Client, path: str, options: dict[str, str]
) -> None:
    """Images are in the order of the files, whatever the names of files and fields."""
    files = [
        ("a", ("x.png", FILE)),
        ("images", ("y", OTHER_FILE)),
        ("a", ("y.jpg", INK_FILE)),
    ]
    body = {"images": [FIRST, SECOND, png(INK)], "explain": True}
    expected = client.post("/encode", body).json()
    response = client.request("POST", path, files=files, data=options)

    assert response.status_code == 200
    assert response.json() == expected


def form(*parts: bytes) -> bytes:
    """Return a form of these parts, each with the rest of its headers."""
    start = b"--b\r\nContent-Disposition: form-data; "
    sections = [start + part + b"\r\n" for part in parts]
    return b"".join(sections) + b"--b--\r\n"


@pytest.mark.parametrize(
    ("content", "content_type", "pointer", "detail"),
    [
        (b"", "image/png", "#/images/0", "not a PNG, JPEG, WebP, BMP or GIF"),
        (FIRST.encode(), "image/png", "#/images/0", "not a PNG"),
        (
            FILE + bytes(2048),
            "image/png",
            "#/images/0",
            "must have at most 2048 bytes (VAE_MAX_IMAGE_BYTES); has 2",
        ),
        (
            file_of(Image.new("1", (4000, 2000)), "PNG"),
            "image/png",
            "#/images/0",
            "4000 x 2000 pixels; must have 1 to",
        ),
        (b"", "multipart/form-data", "#", "a form whose Content-Type has no boundary"),
        (b"", MULTIPART, "#", "not a form: it has no end"),
        (
            b"--b--\r\n",
            MULTIPART,
            "#/images",
            "must have 1 to 12 items (VAE_MAX_ITEMS); has 0",
        ),
        (b"x", MULTIPART, "#", "not a form"),
        (
            form(b'name="images"\r\n\r\nx'),
            MULTIPART,
            "#/images",
            "Input should be a valid array",
        ),
        (b"--b\r\nX: y\r\n\r\n\r\n--b--\r\n", MULTIPART, "#", "not a form"),
        (
            b"--b\r\n\r\n",
            "multipart/form-data; boundary=" + "b" * 300,
            "#",
            "not a form: Boundary length",
        ),
    ],
)
def test_an_invalid_upload_is_rejected(
    client: Client, content: bytes, content_type: str, pointer: str, detail: str
) -> None:
    """The error is named as for JSON."""
    headers = {"Content-Type": content_type}
    problem = client.invalid("/encode", content=content, headers=headers)
    error = problem["errors"][0]

    assert error["pointer"] == pointer
    assert error["detail"].startswith(detail)


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (form(*[b'name="f"; filename="f"\r\n\r\n'] * 30_000), "more than 12 files"),
        (
            form(*[b'name="%d"\r\n\r\n' % number for number in range(40_000)]),
            "more than 2 options",
        ),
        (form(*[b'name="fit"\r\n\r\n'] * 40_000), "it has fit twice"),
        (
            form(b'name="f"; filename="f"\r\n\r\n' + b"\r\n-" * 700_000)[:-7],
            "it has no end",
        ),
        (b"--b\r\n" + b"a" * 2_000_000, "[Hh]eader"),
    ],
    ids=["files", "fields", "one field", "line ends", "a header"],
)
def test_reading_a_form_takes_bounded_time(content: bytes, detail: str) -> None:
    """Two megabytes of any content take at most 0.2 s of processor time."""
    started = time.thread_time()
    with pytest.raises(ProblemError, match=detail):
        read_upload(content, MULTIPART.encode(), 12, 2)

    assert time.thread_time() - started < 0.2


def test_only_operations_on_images_accept_files(client: Client) -> None:
    """/decode accepts JSON only."""
    problem = client.problem(
        415,
        "unsupported-media-type",
        "POST",
        "/decode",
        content=FILE,
        headers={"Content-Type": "image/png"},
    )

    assert problem["detail"] == "Content-Type must be application/json; is image/png"


def test_a_file_has_the_limits_of_a_body(client: Client) -> None:
    """A file that is too large is rejected; a smaller one is counted as an image."""
    headers = {"Content-Type": "image/png"}
    client.problem(
        413, "body-too-large", "POST", "/encode", content=bytes(5000), headers=headers
    )
    response = client.send("/encode", FILE, "image/png")

    assert response.headers["server-timing"]
