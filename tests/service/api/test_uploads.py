"""Pictures of any size, with JSON around them or without: what was done to them, and what is refused."""

import base64
import time
from typing import Any

import httpx
import pytest
from PIL import Image

from service.api.errors import ProblemError
from service.api.uploads import read_upload
from tests.samples import FIRST, SECOND, pixels_of, png
from tests.service.api.test_errors import problem
from tests.service.conftest import Client
from tests.service.imaging.test_formats import file_of

FILE, OTHER_FILE = base64.b64decode(FIRST), base64.b64decode(SECOND)
LARGE = Image.new("L", (24, 16), 255)
LARGE.paste(0, (4, 3, 19, 13))
FITTED = {
    "oriented": False,
    "inverted": True,
    "cropped": [4, 3, 19, 13],
    "scaled": [2, 1],
}
UNTOUCHED = {"oriented": False, "inverted": False}


def send(
    client: Client, path: str, content: bytes, content_type: str = "image/png"
) -> httpx.Response:
    """Send a body of any type."""
    return client.request(
        "POST", path, content=content, headers={"Content-Type": content_type}
    )


def test_the_answer_tells_what_was_done_when_asked(client: Client) -> None:
    """One entry an image, in order; unasked, none."""
    images = [FIRST, png(LARGE)]
    for path in ("/encode", "/reconstruct"):
        plain = client.post(path, {"images": images}).json()
        answer = client.post(path, {"images": images, "explain": True}).json()

        assert answer == {**plain, "fitted": [UNTOUCHED, FITTED]}
        assert (
            client.post(
                path, {"images": images, "fit": "auto", "explain": False}
            ).json()
            == plain
        )


def test_an_interpolation_tells_of_its_images(client: Client) -> None:
    """An end that is a latent has no entry."""
    ends: dict[str, Any] = {"start": {"latent": [0] * 6}, "end": {"image": png(LARGE)}}

    assert client.post("/interpolate", {**ends, "explain": True}).json()["fitted"] == [
        FITTED
    ]
    assert (
        client.post("/interpolate", {**ends, "fit": "none"}).json()["errors"][0][
            "pointer"
        ]
        == "#/end/image"
    )
    ends["start"] = {"image": FIRST}
    assert client.post("/interpolate", {**ends, "explain": True}).json()["fitted"] == [
        UNTOUCHED,
        FITTED,
    ]


def test_fit_says_how(client: Client) -> None:
    """Each fit gives another picture."""
    auto, resized = (
        client.post("/reconstruct", {"images": [png(LARGE)], "fit": fit}).json()[
            "images"
        ][0]
        for fit in ("auto", "resize")
    )

    assert pixels_of(auto).tolist() == [[0, 0, 0], [0, 255, 255]]
    assert pixels_of(resized).min() > 0


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_one_picture_is_a_body(client: Client, name: str) -> None:
    """The answer is that to the same picture in JSON."""
    content = file_of(LARGE, name)
    for path in ("/encode", "/reconstruct"):
        expected = client.post(
            path, {"images": [base64.b64encode(content).decode()]}
        ).json()
        answer = send(client, path, content, f"image/{name.lower()}")

        assert (answer.status_code, answer.json()) == (200, expected)


def test_options_are_in_the_query(client: Client) -> None:
    """Of any body; what else is in it does not matter, and a body's own word counts first."""
    content = base64.b64decode(png(LARGE))

    assert send(client, "/encode?explain=true&x=1", content).json()["fitted"] == [
        FITTED
    ]
    assert send(client, "/encode?explain=true&fit=resize", content).json()[
        "fitted"
    ] == [{**UNTOUCHED, "scaled": [3, 2]}]
    assert client.post("/encode?explain=true", {"images": [png(LARGE)]}).json()[
        "fitted"
    ] == [FITTED]
    assert (
        "fitted"
        not in client.post(
            "/encode?explain=true", {"images": [FIRST], "explain": False}
        ).json()
    )
    for query, pointer in (
        ("fit=none", "#/images/0"),
        ("fit=x", "#/fit"),
        ("explain=x", "#/explain"),
    ):
        assert (
            send(client, f"/encode?{query}", content).json()["errors"][0]["pointer"]
            == pointer
        )
    assert (
        send(client, "/encode?fit=auto&fit=none", content).json()["detail"]
        == "the query has fit twice"
    )


def test_options_have_their_types(client: Client) -> None:
    """Whole numbers, words, true and false, as in JSON; a form's are the same as a query's."""
    expected = client.post(
        "/reconstruct", {"images": [FIRST], "scale": 3, "explain": True, "fit": "none"}
    ).json()

    assert (
        send(client, "/reconstruct?scale=3&explain=true&fit=none", FILE).json()
        == expected
    )
    options = {"scale": "3", "explain": "true", "fit": "none"}
    assert (
        client.request("POST", "/reconstruct", files={"a": FILE}, data=options).json()
        == expected
    )
    base64_latents = client.post(
        "/encode", {"images": [FIRST], "encoding": "base64"}
    ).json()
    assert (
        send(client, "/encode?encoding=base64&scale=3", FILE).json() == base64_latents
    )
    for query, pointer, detail in (
        ("scale=0", "#/scale", "Input should be greater than or equal to 1"),
        ("scale=-1", "#/scale", "Input should be greater than or equal to 1"),
        ("scale=2.5", "#/scale", "Input should be a valid integer"),
        ("scale=true", "#/scale", "Input should be a valid integer"),
        ("scale=" + "9" * 5000, "#/scale", "Input should be a valid integer"),
        ("explain=2", "#/explain", "Input should be a valid boolean"),
        ("explain=truth", "#/explain", "Input should be a valid boolean"),
        ("fit=1", "#/fit", "Input should be 'auto', 'resize' or 'none'"),
    ):
        (error,) = send(client, f"/reconstruct?{query}", FILE).json()["errors"]
        assert (error["pointer"], error["detail"]) == (pointer, detail)


def test_several_files_are_a_form(client: Client) -> None:
    """In order, whatever the names of files and fields; options are fields or in the query."""
    files = [
        ("a", ("x.png", FILE)),
        ("images", ("y", OTHER_FILE)),
        ("a", ("y.jpg", file_of(LARGE, "PNG"))),
    ]
    expected = client.post(
        "/encode", {"images": [FIRST, SECOND, png(LARGE)], "explain": True}
    ).json()

    for path, data in (
        ("/encode", {"explain": "true"}),
        ("/encode?explain=true", {"fit": "auto"}),
    ):
        answer = client.request("POST", path, files=files, data=data)
        assert (answer.status_code, answer.json()) == (200, expected)


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
        (b"", "multipart/form-data; boundary=b", "#", "not a form: it has no end"),
        (
            b"--b--\r\n",
            "multipart/form-data; boundary=b",
            "#/images",
            "Field required",
        ),
        (b"x", "multipart/form-data; boundary=b", "#", "not a form"),
        (
            b'--b\r\nContent-Disposition: form-data; name="images"\r\n\r\nx\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            "#/images/0",
            "not base64",
        ),
        (
            b"--b\r\nX: y\r\n\r\n\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
            "#",
            "not a form",
        ),
        (
            b"--b\r\n\r\n",
            "multipart/form-data; boundary=" + "b" * 300,
            "#",
            "not a form: Boundary length",
        ),
    ],
)
def test_what_is_wrong_with_an_upload_is_named(
    client: Client, content: bytes, content_type: str, pointer: str, detail: str
) -> None:
    """As in JSON."""
    headers = {"Content-Type": content_type}
    body = problem(
        client,
        422,
        "invalid-request",
        "POST",
        "/encode",
        content=content,
        headers=headers,
    )

    assert body["errors"][0]["pointer"] == pointer
    assert body["errors"][0]["detail"].startswith(detail)


def form(*parts: bytes) -> bytes:
    """A form of these parts, each with its headers."""
    return (
        b"".join(
            b"--b\r\nContent-Disposition: form-data; " + part + b"\r\n"
            for part in parts
        )
        + b"--b--\r\n"
    )


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
        *("files", "empty files", "fields", "empty fields", "one field"),
        *("line ends", "a header"),
    ],
)
def test_a_form_costs_little_whatever_is_in_it(content: bytes, detail: str) -> None:
    """Two megabytes of it are read, or refused, within a tenth of a second of processor time."""
    started = time.thread_time()
    with pytest.raises(ProblemError, match=detail):
        read_upload(content, b"multipart/form-data; boundary=b", 12, {})
    assert time.thread_time() - started < 0.2


def test_a_picture_is_counted_and_limited_as_one_image(client: Client) -> None:
    """/decode and /interpolate take JSON alone; a body has its limit whatever its type."""
    body = problem(
        client,
        415,
        "unsupported-media-type",
        "POST",
        "/decode",
        content=FILE,
        headers={"Content-Type": "image/png"},
    )
    assert body["detail"] == "Content-Type must be application/json; is image/png"
    problem(
        client,
        413,
        "body-too-large",
        "POST",
        "/encode",
        content=bytes(5000),
        headers={"Content-Type": "image/png"},
    )
    assert send(client, "/encode", FILE).headers["server-timing"]


@pytest.mark.parametrize("name", ["image/jpg", "image/pjpeg", "image/x-png"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_an_images_type_need_not_be_its_format(
    client: Client, name: str, kind: str
) -> None:
    """Its first bytes say what it is: clients send many names, and octets."""
    content = file_of(LARGE, kind)
    expected = send(client, "/encode", content).json()

    assert send(client, "/encode", content, name).json() == expected
    octets = send(client, "/encode", content, "application/octet-stream")
    assert octets.json() == expected


def test_octets_are_an_image_only_where_images_are_taken(client: Client) -> None:
    """The detail of a rejection names the usual types."""
    response = send(client, "/decode", FILE, "application/octet-stream")
    assert response.status_code == 415
    response = send(client, "/encode", FILE, "image/tiff")
    assert response.status_code == 415
    assert "octet-stream" not in response.json()["detail"]


@pytest.mark.parametrize(
    ("true", "false"),
    [("true", "false"), ("True", "False"), ("1", "0"), ("on", "OFF"), ("YES", "no")],
)
def test_booleans_have_many_spellings(client: Client, true: str, false: str) -> None:
    """In a query and in a form, as Python, browsers and people write them."""
    for value, count in ((true, 1), (false, 0)):
        query = send(client, f"/encode?explain={value}", FILE).json()
        form = client.request(
            "POST", "/encode", files={"a": FILE}, data={"explain": value}
        ).json()

        assert query == form
        assert len(query.get("fitted", [])) == count
    # Only where the field is a boolean.
    scaled = send(client, "/reconstruct?scale=1", FILE)
    assert scaled.status_code == 200


def test_an_empty_value_is_absent(client: Client) -> None:
    """In a query and in a form, where a browser sends all fields, chosen or not."""
    expected = send(client, "/encode", FILE).json()
    assert send(client, "/encode?fit=&explain=&seed=", FILE).json() == expected
    no_file = ("", b"", "application/octet-stream")
    answer = client.request(
        "POST",
        "/encode",
        files=[("images", ("x", FILE)), ("images", no_file)],
        data={"fit": "", "explain": "", "images": ""},
    )

    assert answer.json() == expected


@pytest.mark.parametrize("name", [b"images", b"images[]", b"images[0]"])
@pytest.mark.parametrize(
    "value",
    [FIRST.encode(), b"data:image/png;base64," + FIRST.encode(), FILE],
    ids=["base64", "data URL", "bytes"],
)
def test_an_image_in_a_form_may_have_no_file_name(
    client: Client, name: bytes, value: bytes
) -> None:
    """As base64, a data URL or bytes, among the files and in order."""
    content = form(
        b'name="' + name + b'"\r\n\r\n' + value,
        b'name="a"; filename="a"\r\n\r\n' + OTHER_FILE,
    )
    response = send(client, "/encode", content, "multipart/form-data; boundary=b")
    expected = client.post("/encode", {"images": [FIRST, SECOND]})

    assert response.json() == expected.json()


def test_bytes_are_an_image_whatever_the_fields_name(client: Client) -> None:
    """As files are; text of an unknown field is rejected with its name."""
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    content = form(b'name="picture"\r\n\r\n' + FILE)
    response = client.request("POST", "/encode", content=content, headers=headers)
    assert response.json() == client.post("/encode", {"images": [FIRST]}).json()

    content = form(b'name="picture"\r\n\r\n' + FIRST.encode())
    body = problem(
        client,
        422,
        "invalid-request",
        "POST",
        "/encode",
        content=content,
        headers=headers,
    )
    pointers = [error["pointer"] for error in body["errors"]]
    assert pointers == ["#/images", "#/picture"]
