"""Images sent as files or in forms, and options in the query."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.api.errors import ProblemError
from service.api.uploads import read_upload, read_value
from tests.samples import (
    FIRST,
    INK,
    INK_PREPROCESSING,
    NO_PREPROCESSING,
    SECOND,
    SMALL_INK,
    png,
)
from tests.service.conftest import Client
from tests.service.imaging.test_formats import file_of

FILE, OTHER_FILE = base64.b64decode(FIRST), base64.b64decode(SECOND)
INK_FILE = file_of(INK, "PNG")
MULTIPART = "multipart/form-data; boundary=b"


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


def test_options_may_be_in_the_query(ink_client: Client) -> None:
    """Unknown options are ignored. An option in the body takes precedence."""
    image_path = "/encode?explain=true"
    fitted = ink_client.send(f"{image_path}&x=1", INK_FILE, "image/png").json()[
        "fitted"
    ]
    assert fitted == [INK_PREPROCESSING]

    resized = ink_client.send(f"{image_path}&fit=resize", INK_FILE, "image/png").json()
    assert resized["fitted"] == [{**NO_PREPROCESSING, "scaled": [3, 2]}]

    explained = ink_client.post(image_path, {"images": [png(INK)]}).json()
    assert explained["fitted"] == [INK_PREPROCESSING]

    not_explained = ink_client.post(
        image_path, {"images": [SMALL_INK], "explain": False}
    )
    assert "fitted" not in not_explained.json()


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("fit=none", "#/images/0"),
        ("fit=x", "#/fit"),
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
        ("explain=2", "#/explain", "Input should be a valid boolean"),
        ("explain=truth", "#/explain", "Input should be a valid boolean"),
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
            file_of(Image.new("1", (4000, 3500)), "PNG"),
            "image/png",
            "#/images/0",
            "4000 x 3500 pixels; must have 1 to",
        ),
        (b"", "multipart/form-data", "#", "a form whose Content-Type has no boundary"),
        (b"", MULTIPART, "#", "not a form: it has no end"),
        (b"--b--\r\n", MULTIPART, "#/images", "Field required"),
        (b"x", MULTIPART, "#", "not a form"),
        (form(b'name="images"\r\n\r\nx'), MULTIPART, "#/images/0", "not base64"),
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
        (form(*[b'name="f"; filename="f"\r\n\r\n'] * 30_000), "more than 112 parts"),
        (form(*[b'name="f"; filename=""\r\n\r\n'] * 30_000), "more than 112 parts"),
        (
            form(*[b'name="%d"\r\n\r\nx' % number for number in range(40_000)]),
            "more than 112 parts",
        ),
        (form(*[b'name="fit"\r\n\r\n'] * 40_000), "more than 112 parts"),
        (form(*[b'name="fit"\r\n\r\nx'] * 40_000), "it has fit twice"),
        (
            form(b'name="f"; filename="f"\r\n\r\n' + b"\r\n-" * 700_000)[:-7],
            "it has no end",
        ),
        (b"--b\r\n" + b"a" * 2_000_000, "[Hh]eader"),
    ],
    ids=[
        "files",
        "empty files",
        "fields",
        "empty fields",
        "one field",
        "line ends",
        "a header",
    ],
)
def test_reading_a_form_takes_bounded_time(content: bytes, detail: str) -> None:
    """Two megabytes of any content take at most 0.2 s of processor time."""
    started = time.thread_time()
    with pytest.raises(ProblemError, match=detail):
        read_upload(content, MULTIPART.encode(), 12, {})

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


@pytest.mark.parametrize("media_type", ["image/jpg", "image/pjpeg", "image/x-png"])
@pytest.mark.parametrize("name", ["PNG", "JPEG", "BMP"])
def test_the_media_type_of_an_image_is_ignored(
    client: Client, media_type: str, name: str
) -> None:
    """Its first bytes say its format: clients send various types, and octets."""
    content = file_of(INK, name)
    expected = client.send("/encode", content, "image/png").json()

    response = client.send("/encode", content, media_type)
    assert response.json() == expected
    octets = client.send("/encode", content, "application/octet-stream")
    assert octets.json() == expected


def test_octets_are_images_only_for_operations_on_images(client: Client) -> None:
    """The message of a rejection names the usual types."""
    octets = client.send("/decode", FILE, "application/octet-stream")
    tiff = client.send("/encode", FILE, "image/tiff")

    assert octets.status_code == 415
    assert tiff.status_code == 415
    assert "octet-stream" not in tiff.json()["detail"]


@pytest.mark.parametrize(
    ("true", "false"),
    [("true", "false"), ("True", "False"), ("1", "0"), ("on", "OFF"), ("YES", "no")],
)
def test_booleans_have_several_spellings(client: Client, true: str, false: str) -> None:
    """Queries and forms may have those of Python, browsers and people."""
    for value, count in ((true, 1), (false, 0)):
        options = {"explain": value}
        query = client.send(f"/encode?explain={value}", FILE, "image/png").json()
        in_form = client.request("POST", "/encode", files={"a": FILE}, data=options)

        assert query == in_form.json()
        assert len(query.get("fitted", [])) == count
    # In a field that is no boolean, 1 is an integer.
    scaled = client.send("/reconstruct?scale=1", FILE, "image/png")
    assert scaled.status_code == 200


def test_an_empty_value_is_absent(client: Client) -> None:
    """Browsers send all fields of a form, also those that are not filled in."""
    expected = client.send("/encode", FILE, "image/png").json()
    query = client.send("/encode?fit=&explain=&seed=", FILE, "image/png")
    no_file = ("", b"", "application/octet-stream")
    in_form = client.request(
        "POST",
        "/encode",
        files=[("images", ("x", FILE)), ("images", no_file)],
        data={"fit": "", "explain": "", "images": ""},
    )

    assert query.json() == expected
    assert in_form.json() == expected


@pytest.mark.parametrize("name", [b"images", b"images[]", b"images[0]"])
@pytest.mark.parametrize(
    "value",
    [FIRST.encode(), b"data:image/png;base64," + FIRST.encode(), FILE],
    ids=["base64", "data URL", "bytes"],
)
def test_an_image_in_a_form_may_have_no_file_name(
    client: Client, name: bytes, value: bytes
) -> None:
    """It may be base64, a data URL or bytes; its order among the files is kept."""
    content = form(
        b'name="' + name + b'"\r\n\r\n' + value,
        b'name="a"; filename="a"\r\n\r\n' + OTHER_FILE,
    )
    response = client.send("/encode", content, MULTIPART)

    assert response.json() == client.operate("/encode", images=[FIRST, SECOND])


def test_a_field_with_bytes_is_an_image(client: Client) -> None:
    """Its name does not matter. An unknown field with text is rejected by its name."""
    content = form(b'name="picture"\r\n\r\n' + FILE)
    response = client.send("/encode", content, MULTIPART)
    assert response.json() == client.operate("/encode", images=[FIRST])

    content = form(b'name="picture"\r\n\r\n' + FIRST.encode())
    headers = {"Content-Type": MULTIPART}
    problem = client.invalid("/encode", content=content, headers=headers)
    pointers = [error["pointer"] for error in problem["errors"]]
    assert pointers == ["#/images", "#/picture"]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_of_json_may_be_in_a_form(number: float) -> None:
    """Also one with an exponent, positive or negative, as programs write it."""
    assert read_value(repr(number)) == number
