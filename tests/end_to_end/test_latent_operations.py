"""Operations in the latent space of the model in the repository."""

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.model.noise import MAX_SEED
from tests.end_to_end.server import Server, serve
from tests.samples import card_examples, pixels_of

Json = dict[str, Any]

GOLDEN_LATENT = [0.15298990905284882, 0.9998587369918823, 0.33327075839042664]
MAX_TRIES = 200


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Server with two workers."""
    with serve("--workers", "2") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    """Client of one of the workers."""
    with server.client() as client:
        yield client


def post(client: httpx.Client, path: str, /, **fields: object) -> Json:
    """Send the fields of a request and return the response's."""
    response = client.post(path, json=fields)
    assert response.status_code == 200, response.text
    body: Json = response.json()
    return body


def grey_levels(response: Json) -> NDArray[np.int16]:
    """Return the images of a response, (count, height, width)."""
    images = [pixels_of(image) for image in response["images"]]
    return np.array(images, dtype=np.int16)


def test_a_seed_gives_the_same_latents_on_any_worker(server: Server) -> None:
    """Each connection goes to one of the workers; the count does not matter."""
    workers: set[str] = set()
    latents = []
    for count in range(1, MAX_TRIES):
        body = {"label": 7, "count": count, "seed": 5}
        with server.client() as client:
            response = client.post("/generate", json=body)
        workers.add(response.headers["X-Request-ID"].split("-")[1])
        latents.append(response.json()["latents"])
        if len(workers) > 1 and count > 5:
            break

    assert len(workers) == 2
    longest = latents[-1]
    for some in latents:
        assert some == longest[: len(some)]


def test_a_seed_gives_the_same_latents_forever(client: httpx.Client) -> None:
    """The prior does not depend on the model, so its latents are golden numbers."""
    (latent,) = post(client, "/generate", source="prior", seed=5)["latents"]

    assert latent[:3] == GOLDEN_LATENT


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, MAX_SEED), st.integers(1, 40))
def test_generated_digits_do_not_depend_on_the_count(
    client: httpx.Client, seed: int, count: int
) -> None:
    """Latents are bit-identical, images are so within one grey level."""
    many = post(client, "/generate", seed=seed, count=40)
    few = post(client, "/generate", seed=seed, count=count)

    differences = grey_levels(few) - grey_levels(many)[:count]
    assert few["latents"] == many["latents"][:count]
    assert np.abs(differences).max() <= 1


@pytest.mark.parametrize("path", ["linear", "spherical", "even"])
def test_a_path_passes_through_the_reconstructions(
    client: httpx.Client, path: str
) -> None:
    """Within one grey level: sums may be computed in another order."""
    first, second = card_examples()[:2]
    waypoints = [{"image": first}, {"image": second}, {"label": 3}, {"image": first}]
    response = post(client, "/interpolate", waypoints=waypoints, path=path, steps=5)
    frames = grey_levels(response)
    expected = grey_levels(post(client, "/reconstruct", images=[first, second, first]))

    assert len(frames) == 13
    assert np.abs(frames[[0, 4, 12]] - expected).max() <= 1


def test_samples_differ_a_little_from_the_reconstruction(client: httpx.Client) -> None:
    """The posterior is narrow."""
    images = card_examples()[:2]
    options = {"sample": True, "samples": 20, "seed": 3}
    means = grey_levels(post(client, "/reconstruct", images=images))
    samples = grey_levels(post(client, "/reconstruct", images=images, **options))
    by_image = samples.reshape(2, 20, 28, 28)
    differences = np.abs(by_image - means[:, np.newaxis])

    assert (differences.max(axis=(2, 3)) > 10).all()
    assert differences.mean() < 10


def test_arithmetic_changes_the_class_of_a_digit(client: httpx.Client) -> None:
    """A seven, minus the mean of sevens, plus that of nines, is scored as a nine."""
    seven = card_examples()[0]
    terms = [
        {"weight": 1, "image": seven},
        {"weight": -1, "label": 7},
        {"weight": 1, "label": 9},
    ]
    response = post(client, "/arithmetic", terms=terms)
    (nine,) = response["images"]

    labels = []
    for image in (seven, nine):
        (score,) = post(client, "/score", images=[image])["scores"]
        labels.append(score["label"])
    assert labels == ["7", "9"]
    assert response["clipped"] == 1


def test_a_traversal_passes_through_the_reconstruction(client: httpx.Client) -> None:
    """It is in the middle of each row, and the ends of the row differ from it."""
    seven = card_examples()[0]
    (reconstruction,) = grey_levels(post(client, "/reconstruct", images=[seven]))
    response = post(
        client, "/traverse", start={"image": seven}, dimensions=[1, 6], steps=5
    )
    rows = grey_levels(response).reshape(2, 5, 28, 28)
    differences = np.abs(rows - reconstruction)
    ends = differences[:, [0, 4]]

    assert differences[:, 2].max() <= 1
    assert (ends.max(axis=(2, 3)) > 50).all()
