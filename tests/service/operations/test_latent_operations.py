"""What is done in the latent space, around a fake whose images are its latents."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from service.app import create_app
from service.imaging.codec import ImageCodec, ImageLimits
from service.imaging.pixels import ImageShape
from service.model.noise import MAX_SEED
from service.model.statistics import LatentStatistics
from service.operations.arithmetic import ArithmeticRequest
from service.operations.base import Request
from service.operations.encode import EncodeRequest
from service.operations.generate import GenerateRequest
from service.operations.interpolate import InterpolateRequest
from service.operations.limits import Limits
from service.operations.reconstruct import ReconstructRequest
from service.operations.traverse import TraverseRequest
from service.settings import Settings
from tests.samples import (
    FIRST,
    HEIGHT,
    LATENT_SIZE,
    SECOND,
    WIDTH,
    FakeAutoencoder,
    pixels_of,
    png,
)
from tests.service.conftest import Client

SHAPE = ImageShape(1, HEIGHT, WIDTH)
LIMITS = Limits(
    image_shape=SHAPE,
    latent_size=LATENT_SIZE,
    max_items=256,
    max_latent=10,
    max_body_bytes=1000,
    labels=tuple(range(10)),
)
PICTURE = Image.new("L", (24, 16), 255)
PICTURE.paste(0, (4, 3, 19, 13))
LARGE = png(PICTURE)
Ask = Callable[..., dict[str, Any]]


def asking(client: Client, path: str) -> Ask:
    """A function that posts its keywords to a path, and gives the answer."""

    def ask(**body: object) -> dict[str, Any]:
        answer = client.post(path, body)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content

    return ask


@pytest.fixture
def generate(client: Client) -> Ask:
    """POST /generate."""
    return asking(client, "/generate")


@pytest.fixture
def interpolate(client: Client) -> Ask:
    """POST /interpolate."""
    return asking(client, "/interpolate")


def test_generate_gives_one_of_anything_unless_told(generate: Ask) -> None:
    """And a seed that nobody foresees."""
    first, second = generate(), generate()

    assert len(first["images"]) == len(first["latents"]) == 1
    assert "digits" not in first
    assert first["seed"] != second["seed"]
    assert generate(seed=first["seed"]) == first


@pytest.mark.parametrize(
    ("body", "digits"),
    [
        ({"digit": 3}, [3]),
        ({"digit": 1, "count": 2}, [1, 1]),
        ({"digit": [3, 0, 1]}, [3, 0, 1]),
        ({"digit": [3, 0], "count": 5}, [3, 0, 3, 0, 3]),
        ({"digit": [3, 0, 1], "count": 2}, [3, 0]),
    ],
)
def test_generate_goes_through_the_digits_in_turn(
    generate: Ask, body: dict[str, Any], digits: list[int]
) -> None:
    """Each latent is near the mean of its class; the image is what it decodes to."""
    answer = generate(**body, seed=4)
    middles = {0: (0, 1), 1: (0.25,), 3: (0.75,)}

    assert answer["digits"] == digits
    assert len(answer["images"]) == len(answer["latents"]) == len(digits)
    for digit, latent, image in zip(
        digits, answer["latents"], answer["images"], strict=True
    ):
        assert min(abs(np.mean(latent) - middle) for middle in middles[digit]) < 0.1
        assert pixels_of(image).ravel() == pytest.approx(
            np.clip(latent, 0, 1) * 255, abs=0.51
        )


@hypothesis_settings(
    max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(0, MAX_SEED),
    st.integers(1, 12),
    st.sampled_from(["sampler", "prior"]),
    st.floats(0, 3),
)
def test_an_item_does_not_depend_on_the_count(
    generate: Ask, seed: int, count: int, source: str, temperature: float
) -> None:
    """The same seed gives the same latents and images, in any company."""
    many = generate(seed=seed, count=12, source=source, temperature=temperature)
    few = generate(seed=seed, count=count, source=source, temperature=temperature)

    assert few["latents"] == many["latents"][:count]
    assert few["images"] == many["images"][:count]


def test_the_temperature_scales_the_noise(generate: Ask) -> None:
    """At 0 a draw is the middle; from the prior it is the origin."""
    assert generate(digit=3, temperature=0)["latents"] == [[0.75] * LATENT_SIZE]
    assert generate(source="prior", temperature=0)["latents"] == pytest.approx(
        np.zeros((1, LATENT_SIZE))
    )
    one, two = (
        generate(source="prior", seed=1, temperature=factor)["latents"][0]
        for factor in (1, 2)
    )
    assert two == pytest.approx(np.multiply(one, 2))


def test_generate_decodes_once(generate: Ask, autoencoder: FakeAutoencoder) -> None:
    """However many images are asked for."""
    autoencoder.batches.clear()
    generate(count=12)

    assert autoencoder.batches == [12]


def test_a_model_that_knows_no_classes_draws_from_the_prior_alone(
    settings: Settings,
) -> None:
    """And says so where more is asked for; its page shows what it can."""
    model = FakeAutoencoder(statistics=LatentStatistics.unknown(LATENT_SIZE))
    client = Client(create_app(settings, model))
    refusals = [
        client.post("/generate", body).json()["errors"] for body in ({}, {"digit": 3})
    ]

    assert client.post("/generate", {"source": "prior"}).status_code == 200
    assert refusals[0] == [
        {
            "pointer": "#/source",
            "detail": "must be prior: the model has no statistics of its classes",
        }
    ]
    assert refusals[1][0] == {
        "pointer": "#/digit",
        "detail": "must be absent: the model has no statistics of its classes",
    }
    schema = client.get("/openapi.json").json()
    operation = schema["paths"]["/generate"]["post"]
    assert list(
        operation["requestBody"]["content"]["application/json"]["examples"]
    ) == ["From the prior"]


def test_a_digit_is_the_mean_of_its_class(interpolate: Ask) -> None:
    """Of class 0's two Gaussians by their weights; among other parents each keeps its place."""
    points = [
        {"digit": 3},
        {"image": SECOND},
        {"digit": 0},
        {"latent": [0.5] * 6},
        {"image": FIRST},
    ]
    answer = interpolate(waypoints=points, steps=2)

    second, first = np.arange(250, 256) / 255, np.arange(6) / 255
    expected = np.array([[0.75] * 6, second, [0.25] * 6, [0.5] * 6, first])
    assert np.array(answer["latents"]) == pytest.approx(expected)


def test_a_walk_through_several_points_has_each_once(
    interpolate: Ask, autoencoder: FakeAutoencoder
) -> None:
    """Its weights count the legs; all images are encoded in one call and all frames decoded in one."""
    autoencoder.batches.clear()
    answer = interpolate(
        waypoints=[{"image": FIRST}, {"latent": [1] * 6}, {"image": SECOND}], steps=3
    )

    assert answer["weights"] == [0, 0.5, 1, 1.5, 2]
    assert answer["latents"][2] == [1] * 6
    assert pixels_of(answer["images"][4]).tolist() == pixels_of(SECOND).tolist()
    assert autoencoder.batches == [2, 5]


def test_a_closed_walk_can_be_repeated(interpolate: Ask) -> None:
    """There and back, without the frame that it began with."""
    answer = interpolate(
        start={"latent": [0] * 6}, end={"latent": [1] * 6}, steps=3, closed=True
    )

    assert answer["weights"] == [0, 0.5, 1, 1.5]
    assert [latent[0] for latent in answer["latents"]] == [0, 0.5, 1, 0.5]


def test_a_spherical_walk_keeps_its_length(interpolate: Ask) -> None:
    """Half-way of a right angle."""
    ends = {
        "start": {"latent": [1, 0, 0, 0, 0, 0]},
        "end": {"latent": [0, 1, 0, 0, 0, 0]},
    }

    assert interpolate(**ends, steps=3, path="spherical")["latents"][1][
        :2
    ] == pytest.approx([0.5**0.5] * 2)
    assert interpolate(**ends, steps=3, path="even")["latents"][1][:2] == pytest.approx(
        [0.5] * 2
    )


@hypothesis_settings(
    max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, MAX_SEED), st.integers(1, 3), st.integers(1, 4))
def test_samples_are_drawn_from_each_images_posterior(
    client: Client, seed: int, images: int, samples: int
) -> None:
    """The same whatever the number of images and samples; those that are decoded are those that are told."""
    all_images = [FIRST, SECOND, FIRST]
    everything = {"images": all_images, "sample": True, "samples": 4, "seed": seed}
    some = {
        "images": all_images[:images],
        "sample": True,
        "samples": samples,
        "seed": seed,
    }
    encoded, many = (asking(client, "/encode")(**body) for body in (some, everything))
    decoded = asking(client, "/reconstruct")(**some)

    assert encoded["seed"] == decoded["seed"] == seed
    for posterior, other in zip(
        encoded["latents"], many["latents"][:images], strict=True
    ):
        assert posterior["mean"] == other["mean"]
        assert posterior["samples"] == other["samples"][:samples]
    latents = np.concatenate([posterior["samples"] for posterior in encoded["latents"]])
    pictures = np.array([pixels_of(image).ravel() for image in decoded["images"]])
    assert pictures == pytest.approx(latents.clip(0, 1) * 255, abs=0.51)


def test_the_service_draws_a_seed_where_none_is_given(client: Client) -> None:
    """And tells it; without sample it tells of none."""
    reconstruct = asking(client, "/reconstruct")
    first, second = (reconstruct(images=[FIRST], sample=True) for _ in range(2))

    assert first["seed"] != second["seed"]
    assert reconstruct(images=[FIRST], sample=True, seed=first["seed"]) == first
    assert list(reconstruct(images=[FIRST])) == ["images"]
    assert list(reconstruct(images=[FIRST], sample=False)) == ["images"]


def test_samples_of_a_picture_without_json(client: Client) -> None:
    """Its options are in the query."""
    content = base64.b64decode(FIRST)
    headers = {"Content-Type": "image/png"}
    answer = client.request(
        "POST",
        "/reconstruct?sample=true&samples=3&seed=5",
        content=content,
        headers=headers,
    ).json()

    assert answer == asking(client, "/reconstruct")(
        images=[FIRST], sample=True, samples=3, seed=5
    )
    assert len(answer["images"]) == 3


def test_arithmetic_adds_up_points(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Images, latents and digits, each times its weight, with one call of each graph."""
    autoencoder.batches.clear()
    terms = [
        {"weight": 2, "latent": [0.5] * 6},
        {"weight": -1, "image": FIRST},
        {"weight": 1, "digit": 0},
        {"weight": -0.5, "image": SECOND},
    ]
    answer = asking(client, "/arithmetic")(terms=terms)

    expected = 2 * 0.5 - np.arange(6) / 255 + 0.25 - 0.5 * np.arange(250, 256) / 255
    assert answer["latent"] == pytest.approx(expected.tolist(), abs=1e-6)
    assert answer["clipped"] == 1
    (image,) = answer["images"]
    assert pixels_of(image).ravel() == pytest.approx(expected * 255, abs=0.51)
    assert autoencoder.batches == [2, 1]


def test_a_sum_of_many_points_is_one_picture(client: Client) -> None:
    """And may be enlarged as one."""
    answer = asking(client, "/arithmetic")(
        terms=[{"weight": 1, "latent": [0] * 6}] * 12, scale=13
    )

    assert len(answer["images"]) == 1


@pytest.mark.parametrize("clip", [True, False])
def test_arithmetic_draws_a_sum_back_to_the_data(client: Client, *, clip: bool) -> None:
    """To one and a half times the square root of the latent's length, in its own direction, unless told not to."""
    answer = asking(client, "/arithmetic")(
        terms=[{"weight": 10, "latent": [1] * 6}], clip=clip
    )

    assert np.linalg.norm(answer["latent"]) == pytest.approx(
        (1.5 if clip else 10) * 6**0.5
    )
    assert answer["clipped"] == pytest.approx(0.15 if clip else 1)
    assert len(set(answer["latent"])) == 1


def test_traverse_moves_one_coordinate_a_row(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """From the first offset to the last, whichever is larger; all in one call."""
    autoencoder.batches.clear()
    answer = asking(client, "/traverse")(
        start={"image": FIRST}, dimensions=[5, 0], range=[0.5, -0.5], steps=3
    )

    start = np.arange(6) / 255
    expected = np.tile(start, (6, 1))
    expected[:3, 5] += [0.5, 0, -0.5]
    expected[3:, 0] += [0.5, 0, -0.5]
    assert answer["dimensions"] == [5, 0]
    assert answer["offsets"] == [0.5, 0, -0.5]
    assert np.array(answer["latents"]) == pytest.approx(expected, abs=1e-6)
    assert len(answer["images"]) == 6
    assert autoencoder.batches == [1, 6]


def test_traverse_takes_a_dimension_by_itself(client: Client) -> None:
    """Eleven offsets from -3 to 3 unless told."""
    traverse = asking(client, "/traverse")
    answer = traverse(start={"digit": 3}, dimensions=2)

    assert answer == traverse(start={"digit": 3}, dimensions=[2])
    assert answer["offsets"] == pytest.approx(np.arange(-3, 3.1, 0.6))


@pytest.mark.parametrize(
    ("path", "body", "shape"),
    [
        (
            "/traverse",
            {"start": {"digit": 3}, "dimensions": [0, 1], "steps": 5},
            (2, 5),
        ),
        ("/generate", {"digit": [0, 1, 3], "count": 6}, (2, 3)),
        (
            "/reconstruct",
            {"images": [FIRST, SECOND], "sample": True, "samples": 5},
            (2, 5),
        ),
        (
            "/interpolate",
            {"waypoints": [{"digit": 0}, {"digit": 1}, {"digit": 3}], "steps": 3},
            (1, 5),
        ),
        ("/arithmetic", {"terms": [{"weight": 1, "digit": 3}]}, (1, 1)),
    ],
)
def test_a_contact_sheet_shows_what_belongs_together(
    client: Client, path: str, body: dict[str, Any], shape: tuple[int, int]
) -> None:
    """A row for each dimension, a column for each digit, a row for each image's samples, a walk in one row."""
    answer = client.request("POST", path, json=body, headers={"Accept": "image/png"})
    rows, columns = shape

    assert answer.headers["content-type"] == "image/png"
    assert pixels_of(base64.b64encode(answer.content).decode()).shape == (
        rows * HEIGHT,
        columns * WIDTH,
    )


@pytest.mark.parametrize(
    ("path", "schema", "body"),
    [
        (
            "/interpolate",
            InterpolateRequest,
            {"waypoints": [{"image": LARGE}, {"digit": 3}], "steps": 2},
        ),
        (
            "/arithmetic",
            ArithmeticRequest,
            {"terms": [{"weight": 1, "image": LARGE}, {"weight": 1, "digit": 1}]},
        ),
        ("/traverse", TraverseRequest, {"start": {"image": LARGE}, "dimensions": 0}),
    ],
)
def test_an_image_of_any_size_is_fitted(
    client: Client, path: str, schema: type[Request], body: dict[str, Any]
) -> None:
    """And told of where the request asks for that; work that takes so long is done beside the event loop."""
    (fitted,) = asking(client, path)(**body, explain=True)["fitted"]

    assert fitted["inverted"]
    contents = schema.model_validate(body, context=LIMITS).image_contents()
    assert not ImageCodec(SHAPE, ImageLimits(1000, 1000)).are_plain(contents)
    assert "fitted" not in asking(client, path)(**body)


POINT = {"digit": 0}
TERM = {"digit": 0, "weight": 1}
ENDS = {"start": POINT, "end": POINT}


@pytest.mark.parametrize(
    ("schema", "body", "images"),
    [
        (GenerateRequest, {}, 1),
        (GenerateRequest, {"digit": [1, 2, 3]}, 3),
        (GenerateRequest, {"digit": 7}, 1),
        (GenerateRequest, {"digit": [1, 2, 3], "count": 5}, 5),
        (GenerateRequest, {"count": 2.0}, 2),
        (ReconstructRequest, {"images": ["x"] * 2, "sample": True, "samples": 3}, 6),
        (EncodeRequest, {"images": ["x", "x"]}, 2),
        (ArithmeticRequest, {"terms": [TERM] * 3}, 3),
        (TraverseRequest, {"start": POINT, "dimensions": [0, 1, 2]}, 33),
        (TraverseRequest, {"start": POINT, "dimensions": 5, "steps": 5}, 5),
        (InterpolateRequest, ENDS, 11),
        (InterpolateRequest, {**ENDS, "steps": 3.0}, 3),
        (InterpolateRequest, {**ENDS, "steps": 3, "closed": True}, 4),
        (InterpolateRequest, {"waypoints": [POINT] * 3, "steps": 3}, 5),
        (InterpolateRequest, {"waypoints": [POINT] * 3, "steps": 3, "closed": True}, 6),
        (InterpolateRequest, {"waypoints": [POINT] * 86, "steps": 4}, 256),
    ],
)
def test_the_images_of_a_request_are_counted(
    schema: type[Request], body: object, images: int
) -> None:
    """Those that it brings or those that it asks for."""
    assert schema.model_validate(body, context=LIMITS).image_count == images
