"""One answer, given as the client would have it: JSON, a picture, an animation."""

import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageSequence

from service.api.body import JSON, Body
from service.api.responses import ANIMATIONS, PNG
from service.api.routes import operation_routes
from service.app import create_app
from service.model.autoencoder import Pixels
from service.model.batching import OFFLOAD_FROM_COST
from service.observability.request_context import RequestContext
from service.operations import OPERATIONS
from service.settings import Settings
from tests.samples import FIRST, SECOND, FakeAutoencoder, pixels_of
from tests.service.api.test_errors import problem
from tests.service.conftest import Client

Json = dict[str, Any]
WALK: Json = {"start": {"image": FIRST}, "end": {"image": SECOND}, "steps": 5}
FIVE: Json = {"images": [FIRST] * 5}
PICTURED: list[tuple[str, Json, int]] = [  # with as many columns
    ("/reconstruct", {"images": [FIRST]}, 1),
    ("/reconstruct", {"images": [FIRST, SECOND, FIRST]}, 2),
    ("/decode", {"latents": [[0.1 * number] * 6 for number in range(10)]}, 4),
    ("/interpolate", WALK, 5),
    ("/generate", {"count": 6, "digit": [3, 0, 1], "seed": 1}, 3),
]


def ask(client: Client, path: str, body: Json, accept: str) -> httpx.Response:
    """Send a JSON body, and say what is accepted."""
    answer = client.request("POST", path, json=body, headers={"Accept": accept})
    assert answer.status_code == 200
    return answer


def picture(answer: httpx.Response, name: str) -> Image.Image:
    """An answer that is a picture in that format."""
    assert (
        answer.headers["content-type"]
        == f"image/{'apng' if name == 'APNG' else name.lower()}"
    )
    image = Image.open(io.BytesIO(answer.content))
    assert image.format == name.removeprefix("A")
    return image


def json_pixels(client: Client, path: str, body: Json) -> Pixels:
    """The images of the same answer in JSON."""
    return np.array(
        [pixels_of(text) for text in client.post(path, body).json()["images"]]
    )


@pytest.mark.parametrize(("path", "body", "columns"), PICTURED)
@pytest.mark.parametrize("scale", [1, 3])
def test_a_picture_has_all_images_of_the_answer(
    client: Client, path: str, body: Json, columns: int, scale: int
) -> None:
    """Side by side, in the answer's order, each with the pixels that JSON has."""
    body = {**body, "scale": scale}
    expected = json_pixels(client, path, body)
    shown = np.asarray(picture(ask(client, path, body, "image/png"), "PNG"))

    _, height, width = expected.shape
    assert (height, width) == (2 * scale, 3 * scale)
    assert shown.shape == (-(-len(expected) // columns) * height, columns * width)
    for index, image in enumerate(expected):
        row, column = divmod(index, columns)
        place = shown[
            row * height : (row + 1) * height, column * width : (column + 1) * width
        ]
        assert np.array_equal(place, image)


@pytest.mark.parametrize("name", ["GIF", "WEBP", "APNG"])
@pytest.mark.parametrize("scale", [1, 4])
def test_an_interpolation_moves(client: Client, name: str, scale: int) -> None:
    """Its frames are the images of JSON; it lasts and is repeated as was asked."""
    body = {**WALK, "scale": scale, "duration_ms": 70, "loop": 0}
    image = picture(ask(client, "/interpolate", body, f"image/{name.lower()}"), name)
    frames = [
        (np.asarray(frame.convert("L")), frame.info["duration"])
        for frame in ImageSequence.Iterator(image)
    ]

    assert np.array_equal(
        [pixels for pixels, _ in frames], json_pixels(client, "/interpolate", body)
    )
    assert [duration for _, duration in frames] == [70] * 5
    assert image.info["loop"] == 0
    assert image.size == (3 * scale, 2 * scale)


def test_an_animation_has_a_tenth_of_a_second_a_frame_unless_told(
    client: Client,
) -> None:
    """And goes on for ever."""
    image = picture(ask(client, "/interpolate", WALK, "image/gif"), "GIF")

    assert (image.info["duration"], image.info["loop"]) == (100, 0)


def test_whole_numbers_may_be_written_as_fractions(client: Client) -> None:
    """As JSON Schema has it."""
    body = {**WALK, "scale": 2.0, "duration_ms": 70.0, "loop": 2.0, "steps": 5.0}
    plain = {**WALK, "scale": 2, "duration_ms": 70, "loop": 2}

    for accept in ("image/gif", "image/png", "*/*"):
        assert (
            ask(client, "/interpolate", body, accept).content
            == ask(client, "/interpolate", plain, accept).content
        )


def test_the_best_of_what_is_accepted_is_given(client: Client) -> None:
    """JSON, unless something else is liked better; several headers are one list."""
    for accept, media_type in (
        ("*/*", "application/json"),
        ("image/png;q=0.9, application/json;q=0.8", "image/png"),
        ("image/webp;q=0.4, image/apng;q=0.5, */*;q=0.1", "image/apng"),
    ):
        assert (
            ask(client, "/interpolate", WALK, accept).headers["content-type"]
            == media_type
        )
    headers = [("Accept", "text/html"), ("Accept", "image/gif")]
    assert (
        client.request("POST", "/interpolate", json=WALK, headers=headers).headers[
            "content-type"
        ]
        == "image/gif"
    )


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
            WALK,
            "image/avif, image/jpeg",
            "one of application/json, image/png, image/gif, image/webp, image/apng",
        ),
    ],
)
def test_a_refusal_names_what_could_be_given(
    client: Client, path: str, body: Json, accept: str, possible: str
) -> None:
    """By this operation; nothing is computed."""
    refused = problem(
        client,
        406,
        "not-acceptable",
        "POST",
        path,
        json=body,
        headers={"Accept": accept},
    )

    assert refused["detail"] == f"Accept must allow {possible}; is {accept}"


def test_caches_are_told_that_the_answer_depends_on_accept(
    client: Client, settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """Where it does, beside what else it depends on."""
    assert (
        ask(client, "/reconstruct", {"images": [FIRST]}, "*/*").headers["vary"].lower()
        == "accept"
    )
    refused = client.request(
        "POST", "/encode", json={}, headers={"Accept": "image/png"}
    )
    assert (refused.status_code, refused.headers["vary"].lower()) == (406, "accept")
    assert "vary" not in ask(client, "/encode", {"images": [FIRST]}, "*/*").headers

    settings = settings.model_copy(update={"cors_origins": ("https://example.org",)})
    client = Client(create_app(settings, autoencoder))
    headers = {"Accept": "image/png", "Origin": "https://example.org"}
    answer = client.request(
        "POST", "/reconstruct", json={"images": [FIRST]}, headers=headers
    )
    assert answer.headers["vary"].lower() == "accept, origin"


def test_a_picture_in_gives_a_picture_out(client: Client) -> None:
    """Without any JSON; the scale is in the query."""
    file = io.BytesIO()
    Image.fromarray(pixels_of(FIRST)).save(file, format="PNG")
    headers = {"Accept": "image/png", "Content-Type": "image/png"}
    answer = client.request(
        "POST", "/reconstruct?scale=4", content=file.getvalue(), headers=headers
    )

    shown = np.asarray(picture(answer, "PNG"))
    assert np.array_equal(shown[::4, ::4], pixels_of(FIRST))
    assert shown.shape == (8, 12)


@pytest.mark.parametrize(
    ("path", "body", "most"),
    [
        ("/reconstruct", {"images": [FIRST]}, 13),  # 16 x 12 / 13 / 13 > 1
        ("/reconstruct", {"images": [FIRST] * 12}, 4),
        ("/decode", {"latents": [[0] * 6] * 3}, 8),
        ("/interpolate", {**WALK, "steps": 12}, 4),
        ("/interpolate", {**WALK, "steps": 12.0}, 4),
        ("/generate", {"digit": [1, 0, 3], "seed": 1}, 8),
    ],
)
def test_the_more_images_the_less_they_are_enlarged(
    client: Client, path: str, body: Json, most: int
) -> None:
    """To 16 pixels for each of the most items; the bound is named."""
    assert len(client.post(path, {**body, "scale": most}).json()["images"]) >= 1
    (error,) = problem(
        client, 422, "invalid-request", "POST", path, json={**body, "scale": most + 1}
    )["errors"]

    assert error["pointer"] == "#/scale"
    assert error["detail"].startswith(f"must be 1 to {most} for ")
    assert "VAE_MAX_ITEMS" in error["detail"]


@pytest.mark.parametrize(
    ("path", "change", "answer_type", "large"),
    [
        ("/reconstruct", {}, JSON, False),
        ("/reconstruct", {"scale": 16}, PNG, False),
        ("/reconstruct", {**FIVE, "scale": 13}, JSON, False),
        ("/reconstruct", {**FIVE, "scale": 16}, JSON, True),
        ("/reconstruct", {**FIVE, "scale": 16.0}, PNG, True),
        ("/reconstruct", {"images": [FIRST] * 11, "scale": 10}, PNG, True),
        ("/interpolate", {}, JSON, False),
        *(("/interpolate", {}, media_type, True) for media_type in ANIMATIONS),
    ],
)
def test_what_takes_long_to_write_is_large_work(
    settings: Settings,
    autoencoder: FakeAutoencoder,
    path: str,
    change: Json,
    answer_type: bytes,
    large: bool,  # noqa: FBT001 - a case
) -> None:
    """Animations, and images that are upscaled a lot, are written in a thread."""
    settings = settings.model_copy(update={"max_items": 256})
    state = create_app(settings, autoencoder).state
    routes = {route.path: route for route in operation_routes(state)}
    body = {**(WALK if path == "/interpolate" else {"images": [FIRST]}), **change}
    content = json.dumps(body).encode()
    context = RequestContext("test")
    _, job = routes[path].make_job(Body(content), answer_type, state.model, context)

    assert (job.cost >= OFFLOAD_FROM_COST) is large


def test_what_has_images_is_given_as_a_picture_too(client: Client) -> None:
    """Every operation, by its description; only what has frames moves."""
    schema = client.get("/openapi.json").json()
    for path in OPERATIONS:
        content = schema["paths"][path]["post"]["responses"]["200"]["content"]
        request, answer = (
            schema["components"]["schemas"][
                described["application/json"]["schema"]["$ref"].split("/")[-1]
            ]["properties"]
            for described in (
                schema["paths"][path]["post"]["requestBody"]["content"],
                content,
            )
        )
        types = {"application/json"}
        if "images" in answer:
            types.add("image/png")
        if path == "/interpolate":
            types |= {"image/gif", "image/webp", "image/apng"}

        assert set(content) == types
        assert ("scale" in request) is ("image/png" in types)
        assert (
            ("loop" in request) is ("duration_ms" in request) is ("image/gif" in types)
        )
        assert ("encoding" in request) is any(
            name.startswith("latent") for name in answer
        )
