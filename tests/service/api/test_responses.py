"""Content negotiation, and responses as JSON, as a PNG or as an animation."""

import base64
import io

import httpx
import numpy as np
import pytest
from PIL import Image, ImageSequence

from service.api.responses import preferred_type
from service.app import create_app
from service.model.autoencoder import Pixels
from service.operations import OPERATIONS
from service.settings import Settings
from tests.samples import FIRST, HEIGHT, SECOND, WIDTH, FakeAutoencoder, pixels_of
from tests.service.conftest import Client, Json

TYPES = (b"application/json", b"image/png", b"image/gif")
BROWSER = (
    b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    b"image/gif,image/png,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)
PATH: Json = {"start": {"image": FIRST}, "end": {"image": SECOND}, "steps": 5}
# Requests, and the number of columns on the contact sheet of their response.
CONTACT_SHEETS: list[tuple[str, Json, int]] = [
    ("/reconstruct", {"images": [FIRST]}, 1),
    ("/reconstruct", {"images": [FIRST, SECOND, FIRST]}, 2),
    ("/decode", {"latents": [[0.1 * number] * 6 for number in range(10)]}, 4),
    ("/interpolate", PATH, 5),
    ("/generate", {"count": 6, "label": [3, 0, 1], "seed": 1}, 3),
]


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        (b"*/*", b"application/json"),
        (b"image/*", b"image/png"),
        (b"image/gif", b"image/gif"),
        (b"IMAGE/GIF ; Q=0.1", b"image/gif"),
        (b"image/png, application/json", b"application/json"),
        (b"image/png, */*;q=0.5", b"image/png"),
        (b"*/*;q=0.5, image/png", b"image/png"),
        (b"application/json;q=0.2, image/*;q=0.8, image/png;q=0.1", b"image/gif"),
        (b"image/*, application/json;q=0.999", b"image/png"),
        (b"*/*, application/json;q=0", b"image/png"),
        (b"image/png;q=0.0, image/*;q=0.000", None),
        (b"text/html, application/json; charset=utf-8;\tq=0.3", b"application/json"),
        (b"image/png;q=high, application/json;q=0.5", b"image/png"),
        (b"image/png;q=-1, application/json;q=2", b"application/json"),
        (b"application/xml", None),
        (b"*/*;q=0", None),
        (b"", None),
        (b";;,/,*,q=1", None),
    ],
)
def test_the_type_with_the_greatest_weight_is_preferred(
    accept: bytes, preferred: bytes | None
) -> None:
    """The most specific range has a type's weight (RFC 9110, 12.5.1).

    Of equal types the first is preferred. An invalid weight counts as 1.
    """
    assert preferred_type(accept, TYPES) == preferred


@pytest.mark.parametrize(
    "accept",
    [
        BROWSER,
        b"text/html, image/gif, image/jpeg, */*; q=0.2",  # Java's HttpURLConnection
        b"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",  # before Java 18
        b"application/json, text/plain, */*",  # axios
        b"text/html, image/gif;q=0.9, */*;q=0.1",
        b"image/gif, application/*",
    ],
)
def test_images_among_other_types_are_not_preferred(accept: bytes) -> None:
    """Clients that name them by default get JSON."""
    assert preferred_type(accept, TYPES) == b"application/json"


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        (b"image/gif, text/html;q=0.9, */*;q=0.1", b"image/gif"),
        (b"image/avif,image/webp,image/apng,image/*,*/*;q=0.8", b"image/png"),
        (b"image/gif, */*", b"application/json"),
        (b"text/html, image/gif", b"image/gif"),
        (b"image/gif;q=.5, application/json;q=.4", b"image/gif"),
        (b"image/gif;q=., application/json;q=.4", b"image/gif"),
    ],
)
def test_images_are_preferred_with_a_greater_weight_or_without_json(
    accept: bytes, preferred: bytes
) -> None:
    """A weight may lack its zero."""
    assert preferred_type(accept, TYPES) == preferred


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("text/html, application/*;q=0.5", 200),
        ("application/json; charset=utf-8", 200),
        ("image/png", 406),
        ("text/html, application/json;q=0", 406),
        ("", 406),
    ],
)
def test_json_is_sent_only_if_accepted(
    client: Client, accept: str, status: int
) -> None:
    """A request that accepts neither JSON nor another type is rejected."""
    response = client.request(
        "POST", "/encode", json={"images": [FIRST]}, headers={"Accept": accept}
    )

    assert response.status_code == status
    if status == 406:
        assert response.json()["type"] == "urn:vae-service:problem:not-acceptable"


def send(client: Client, path: str, body: Json, accept: str) -> httpx.Response:
    """Send a request that accepts certain media types; check that it succeeds."""
    response = client.request("POST", path, json=body, headers={"Accept": accept})
    assert response.status_code == 200
    return response


def image_of(response: httpx.Response, name: str) -> Image.Image:
    """Return a response's image; check that it has the format ``name``."""
    assert response.headers["content-type"] == f"image/{name.lower()}"
    image = Image.open(io.BytesIO(response.content))
    pillow_name = "PNG" if name == "APNG" else name
    assert image.format == pillow_name
    return image


def json_pixels(client: Client, path: str, body: Json) -> Pixels:
    """Return the images of the JSON response, (count, height, width)."""
    images = client.operate(path, **body)["images"]
    return np.array([pixels_of(text) for text in images])


@pytest.mark.parametrize(("path", "body", "columns"), CONTACT_SHEETS)
@pytest.mark.parametrize("scale", [1, 3])
def test_a_contact_sheet_has_all_images(
    client: Client, path: str, body: Json, columns: int, scale: int
) -> None:
    """Images are in the order of the JSON response and have the same pixels."""
    body = {**body, "scale": scale}
    expected = json_pixels(client, path, body)
    sheet = np.asarray(image_of(send(client, path, body, "image/png"), "PNG"))

    count, height, width = expected.shape
    rows = -(-count // columns)
    assert (height, width) == (2 * scale, 3 * scale)
    assert sheet.shape == (rows * height, columns * width)
    for index, image in enumerate(expected):
        row, column = divmod(index, columns)
        top, left = row * height, column * width
        cell = sheet[top : top + height, left : left + width]
        assert np.array_equal(cell, image)


@pytest.mark.parametrize(
    ("path", "body", "shape"),
    [
        (
            "/traverse",
            {"start": {"label": 3}, "dimensions": [0, 1], "steps": 5},
            (2, 5),
        ),
        ("/generate", {"label": [0, 1, 3], "count": 6}, (2, 3)),
        (
            "/reconstruct",
            {"images": [FIRST, SECOND], "sample": True, "samples": 5},
            (2, 5),
        ),
        (
            "/interpolate",
            {"waypoints": [{"label": 0}, {"label": 1}, {"label": 3}], "steps": 3},
            (1, 5),
        ),
        ("/arithmetic", {"terms": [{"weight": 1, "label": 3}]}, (1, 1)),
    ],
)
def test_the_layout_of_a_contact_sheet_shows_the_structure(
    client: Client, path: str, body: Json, shape: tuple[int, int]
) -> None:
    """Rows are dimensions, the samples of an image, or a whole path; columns digits."""
    response = send(client, path, body, "image/png")
    sheet = base64.b64encode(response.content).decode()
    rows, columns = shape

    assert response.headers["content-type"] == "image/png"
    assert pixels_of(sheet).shape == (rows * HEIGHT, columns * WIDTH)


@pytest.mark.parametrize("name", ["GIF", "WEBP", "APNG"])
@pytest.mark.parametrize("scale", [1, 4])
def test_an_interpolation_may_be_an_animation(
    client: Client, name: str, scale: int
) -> None:
    """Its frames are the images of JSON; duration and loop are the request's."""
    body = {**PATH, "scale": scale, "duration_ms": 70, "loop": 0}
    response = send(client, "/interpolate", body, f"image/{name.lower()}")
    animation = image_of(response, name)
    frames = []
    durations = []
    for frame in ImageSequence.Iterator(animation):
        frames.append(np.asarray(frame.convert("L")))
        durations.append(frame.info["duration"])

    assert np.array_equal(frames, json_pixels(client, "/interpolate", body))
    assert durations == [70] * 5
    assert animation.info["loop"] == 0
    assert animation.size == (3 * scale, 2 * scale)


def test_by_default_an_animation_has_10_frames_a_second(client: Client) -> None:
    """It is played forever."""
    animation = image_of(send(client, "/interpolate", PATH, "image/gif"), "GIF")

    assert animation.info["duration"] == 100
    assert animation.info["loop"] == 0


@pytest.mark.parametrize("accept", ["image/gif", "image/png", "*/*"])
def test_integers_may_have_a_zero_fraction(client: Client, accept: str) -> None:
    """2.0 is an integer in JSON Schema."""
    body = {**PATH, "scale": 2.0, "duration_ms": 70.0, "loop": 2.0, "steps": 5.0}
    plain = {**PATH, "scale": 2, "duration_ms": 70, "loop": 2}
    response = send(client, "/interpolate", body, accept)

    assert response.content == send(client, "/interpolate", plain, accept).content


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("image/png;q=0.9, application/json;q=0.8", "image/png"),
        ("image/webp;q=0.4, image/apng;q=0.5, */*;q=0.1", "image/apng"),
    ],
)
def test_the_response_has_the_preferred_type(
    client: Client, accept: str, media_type: str
) -> None:
    """It is JSON unless the client prefers another type."""
    response = send(client, "/interpolate", PATH, accept)

    assert response.headers["content-type"] == media_type


def test_several_accept_headers_are_one_list(client: Client) -> None:
    """The second header has the only type that can be sent."""
    headers = [("Accept", "text/html"), ("Accept", "image/gif")]
    response = client.request("POST", "/interpolate", json=PATH, headers=headers)

    assert response.headers["content-type"] == "image/gif"


@pytest.mark.parametrize(
    ("path", "body", "accept", "possible"),
    [
        ("/encode", {"images": [FIRST]}, "image/png", "application/json"),
        (
            "/reconstruct",
            {"images": [FIRST]},
            "image/gif",
            "one of application/json, image/png",
        ),
        (
            "/interpolate",
            PATH,
            "image/avif, image/jpeg",
            "one of application/json, image/png, image/gif, image/webp, image/apng",
        ),
    ],
)
def test_a_rejection_names_the_possible_types(
    client: Client, path: str, body: Json, accept: str, possible: str
) -> None:
    """These are the types of this operation's response."""
    headers = {"Accept": accept}
    problem = client.problem(
        406, "not-acceptable", "POST", path, json=body, headers=headers
    )

    assert problem["detail"] == f"Accept must allow {possible}; is {accept}"


def test_vary_names_accept_if_the_response_depends_on_it(client: Client) -> None:
    """Caches need it; a response of /encode is always JSON."""
    body = {"images": [FIRST]}
    headers = {"Accept": "image/png"}
    rejected = client.request("POST", "/encode", json={}, headers=headers)

    reconstructed = send(client, "/reconstruct", body, "*/*")
    assert reconstructed.headers["vary"].lower() == "accept"
    assert rejected.status_code == 406
    assert rejected.headers["vary"].lower() == "accept"
    assert "vary" not in send(client, "/encode", body, "*/*").headers


def test_vary_names_the_origin_too(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """With CORS, a response depends on both headers."""
    settings = settings.model_copy(update={"cors_origins": ("https://example.org",)})
    client = Client(create_app(settings, autoencoder))
    headers = {"Accept": "image/png", "Origin": "https://example.org"}
    response = client.request(
        "POST", "/reconstruct", json={"images": [FIRST]}, headers=headers
    )

    assert response.headers["vary"].lower() == "accept, origin"


def test_request_and_response_may_both_be_images(client: Client) -> None:
    """No JSON is needed; the scale is in the query."""
    file = io.BytesIO()
    Image.fromarray(pixels_of(FIRST)).save(file, format="PNG")
    headers = {"Accept": "image/png", "Content-Type": "image/png"}
    response = client.request(
        "POST", "/reconstruct?scale=4", content=file.getvalue(), headers=headers
    )
    upscaled = np.asarray(image_of(response, "PNG"))

    assert np.array_equal(upscaled[::4, ::4], pixels_of(FIRST))
    assert upscaled.shape == (8, 12)


def schema_of(schema: Json, content: Json) -> Json:
    """Return the properties of the JSON in a body's content."""
    reference: str = content["application/json"]["schema"]["$ref"]
    name = reference.rpartition("/")[2]
    properties: Json = schema["components"]["schemas"][name]["properties"]
    return properties


@pytest.mark.parametrize("path", OPERATIONS)
def test_responses_with_images_may_be_images(client: Client, path: str) -> None:
    """The OpenAPI schema has a PNG for all, and animations for interpolations.

    The PNG of inspections is not among the fields of their JSON.
    """
    schema = client.get("/docs/openapi.json").json()
    operation = schema["paths"][path]["post"]
    content = operation["responses"]["200"]["content"]
    request = schema_of(schema, operation["requestBody"]["content"])
    response = schema_of(schema, content)

    types = {"application/json"}
    inspects = path == "/inspect"
    if "images" in response or inspects:
        types.add("image/png")
    if path == "/interpolate":
        types |= {"image/gif", "image/webp", "image/apng"}
    has_latents = any(name.startswith("latent") for name in response)

    assert set(content) == types
    assert ("scale" in request) is ("image/png" in types)
    assert ("loop" in request) is ("image/gif" in types)
    assert ("duration_ms" in request) is ("image/gif" in types)
    assert ("encoding" in request) is (has_latents or inspects)
