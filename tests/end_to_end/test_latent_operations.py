"""What is done in the latent space, by the real process with the model in the repository."""

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.model.noise import MAX_SEED
from tests.end_to_end.server import Server, serve
from tests.samples import card_examples, pixels_of

GOLDEN = [0.15298990905284882, 0.9998587369918823, 0.33327075839042664]
MAX_TRIES = 200


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Two workers."""
    with serve("--workers", "2") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of one of them."""
    with server.client() as client:
        yield client


def post(client: httpx.Client, path: str, /, **body: object) -> dict[str, Any]:
    """Ask for an operation."""
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def greys(answer: dict[str, Any]) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """The grey levels of an answer's images."""
    return np.array([pixels_of(image) for image in answer["images"]], dtype=np.int16)


def test_a_seed_gives_the_same_latents_on_any_worker(server: Server) -> None:
    """Whatever is asked for beside them; each connection goes to either worker."""
    workers: set[str] = set()
    latents = []
    for count in range(1, MAX_TRIES):
        with server.client() as client:
            answer = client.post(
                "/generate", json={"digit": 7, "count": count, "seed": 5}
            )
            workers.add(answer.headers["X-Request-ID"].split("-")[1])
            latents.append(answer.json()["latents"])
        if len(workers) > 1 and count > 5:
            break

    assert len(workers) == 2
    assert all(some == latents[-1][: len(some)] for some in latents)


def test_a_seed_gives_the_same_latents_for_ever(client: httpx.Client) -> None:
    """From the prior, which no other model changes: golden numbers."""
    (latent,) = post(client, "/generate", source="prior", seed=5)["latents"]

    assert latent[:3] == GOLDEN


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, MAX_SEED), st.integers(1, 40))
def test_a_batch_of_new_digits_equals_a_smaller_one(
    client: httpx.Client, seed: int, count: int
) -> None:
    """Latents to the last bit, images within one grey level."""
    many = post(client, "/generate", seed=seed, count=40)
    few = post(client, "/generate", seed=seed, count=count)

    assert few["latents"] == many["latents"][:count]
    assert np.abs(greys(few) - greys(many)[:count]).max() <= 1


@pytest.mark.parametrize("path", ["linear", "spherical", "even"])
def test_a_walk_passes_through_the_reconstructions(
    client: httpx.Client, path: str
) -> None:
    """Within one grey level: sums may be made in another order."""
    images = card_examples()
    points = [
        {"image": images[0]},
        {"image": images[1]},
        {"digit": 3},
        {"image": images[0]},
    ]
    walk = greys(post(client, "/interpolate", waypoints=points, path=path, steps=5))
    first, second = greys(post(client, "/reconstruct", images=images[:2]))

    assert len(walk) == 13
    assert np.abs(walk[[0, 4, 12]] - np.array([first, second, first])).max() <= 1


def test_samples_differ_a_little_from_the_reconstruction(client: httpx.Client) -> None:
    """They are drawn from the posterior, which is narrow."""
    images = card_examples()[:2]
    means = greys(post(client, "/reconstruct", images=images))
    samples = greys(
        post(client, "/reconstruct", images=images, sample=True, samples=20, seed=3)
    )
    differences = np.abs(samples.reshape(2, 20, 28, 28) - means[:, np.newaxis])

    assert (differences.max(axis=(2, 3)) > 10).all()
    assert differences.mean() < 10


def test_one_digit_can_be_turned_into_another(client: httpx.Client) -> None:
    """A digit, less the mean of its own, and with the mean of another, is likely the other."""
    seven = card_examples()[0]
    terms = [
        {"weight": 1, "image": seven},
        {"weight": -1, "digit": 7},
        {"weight": 1, "digit": 9},
    ]
    answer = post(client, "/arithmetic", terms=terms)

    digits = [
        post(client, "/score", images=[image])["scores"][0]["digit"]
        for image in (seven, *answer["images"])
    ]
    assert digits == [7, 9]
    assert answer["clipped"] == 1


def test_a_traversal_passes_through_the_reconstruction(client: httpx.Client) -> None:
    """In the middle of each row; the ends of a row differ from it."""
    (seven,) = greys(post(client, "/reconstruct", images=card_examples()[:1]))
    answer = post(
        client,
        "/traverse",
        start={"image": card_examples()[0]},
        dimensions=[1, 6],
        steps=5,
    )
    rows = greys(answer).reshape(2, 5, 28, 28)

    assert np.abs(rows[:, 2] - seven).max() <= 1
    assert (np.abs(rows[:, [0, 4]] - seven).max(axis=(2, 3)) > 50).all()
