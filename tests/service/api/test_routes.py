"""The endpoints, around a fake whose reconstruction of an image is the image."""

import base64

import numpy as np
import pytest

from tests.samples import FIRST, SECOND, FakeAutoencoder, grey_png, pixels_of
from tests.service.conftest import Client


def test_encode_gives_each_images_posterior_in_order(client: Client) -> None:
    """Means and log-variances come back item by item, as the model gave them."""
    latents = client.post("/encode", {"images": [SECOND, FIRST]}).json()["latents"]

    assert np.allclose(latents[0]["mean"], np.arange(250, 256) / 255)
    assert np.allclose(latents[1]["mean"], np.arange(6) / 255)
    assert np.allclose(latents[1]["log_variance"], np.arange(6) / 510)


def test_decode_gives_each_latents_image_in_order(client: Client) -> None:
    """Numbers in [0, 1] become grey levels, rounded to the nearest."""
    images = client.post(
        "/decode", {"latents": [[0, 0.1, 0.2, 0.3, 0.4, 1], [1, 0, 0, 0, 0, 0]]}
    ).json()["images"]

    assert pixels_of(images[0]).tolist() == [[0, 26, 51], [76, 102, 255]]
    assert pixels_of(images[1]).tolist() == [[255, 0, 0], [0, 0, 0]]


def test_decode_clips_what_lies_outside_the_grey_levels(client: Client) -> None:
    """A decoder's number below 0 or above 1 is black or white, not its remainder."""
    (image,) = client.post("/decode", {"latents": [[-0.5, 1.5, -9, 9, 0, 1]]}).json()[
        "images"
    ]

    assert pixels_of(image).tolist() == [[0, 255, 0], [255, 0, 255]]


def test_reconstruct_decodes_the_posterior_mean(client: Client) -> None:
    """The fake's reconstruction is the image."""
    images = client.post("/reconstruct", {"images": [FIRST, SECOND, FIRST]}).json()[
        "images"
    ]

    assert [pixels_of(image).tolist() for image in images] == [
        pixels_of(text).tolist() for text in (FIRST, SECOND, FIRST)
    ]


@pytest.mark.parametrize(
    ("path", "calls"), [("/encode", [3]), ("/reconstruct", [3, 3])]
)
def test_a_batch_is_one_call_a_graph(
    client: Client, autoencoder: FakeAutoencoder, path: str, calls: list[int]
) -> None:
    """However many images came, each graph runs once."""
    autoencoder.batches.clear()
    client.post(path, {"images": [FIRST, SECOND, FIRST]})

    assert autoencoder.batches == calls


def test_interpolate_walks_from_start_to_end_in_equal_steps(client: Client) -> None:
    """Weights, latents and images are those of the straight line; its ends are the parents."""
    answer = client.post(
        "/interpolate",
        {"start": {"latent": [0] * 6}, "end": {"latent": [1] * 6}, "steps": 3},
    ).json()

    assert answer["weights"] == [0.0, 0.5, 1.0]
    assert answer["latents"] == [[0.0] * 6, [0.5] * 6, [1.0] * 6]
    assert [pixels_of(image)[0, 0] for image in answer["images"]] == [0, 128, 255]


def test_interpolate_takes_an_image_or_a_latent_at_either_end(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Two images are encoded in one call; an image's latent is its posterior mean."""
    latent = [value / 255 for value in range(6)]
    autoencoder.batches.clear()
    images = client.post(
        "/interpolate",
        {"start": {"image": FIRST}, "end": {"image": SECOND}, "steps": 2},
    ).json()
    assert autoencoder.batches == [2, 2]
    mixed = client.post(
        "/interpolate",
        {"start": {"latent": latent}, "end": {"image": SECOND}, "steps": 2},
    ).json()

    assert images["images"] == mixed["images"]
    assert pixels_of(images["images"][0]).tolist() == pixels_of(FIRST).tolist()
    assert pixels_of(images["images"][1]).tolist() == pixels_of(SECOND).tolist()


def test_interpolate_has_11_steps_unless_told(client: Client) -> None:
    """The demo's walk: 0 %, 10 %, ... 100 %."""
    answer = client.post(
        "/interpolate", {"start": {"image": FIRST}, "end": {"image": SECOND}}
    ).json()

    assert answer["weights"] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert len(answer["images"]) == len(answer["latents"]) == 11


def floats(text: str) -> list[float]:
    """The numbers of a latent in base64."""
    numbers: list[float] = np.frombuffer(
        base64.b64decode(text, validate=True), "<f4"
    ).tolist()
    return numbers


def test_latents_go_both_ways_in_base64(client: Client) -> None:
    """Little-endian float32, the same numbers as in JSON; either form is taken, one beside the other."""
    images = {"images": [SECOND, FIRST]}
    plain = client.post("/encode", images).json()["latents"]
    assert (
        client.post("/encode", {**images, "encoding": "floats"}).json()["latents"]
        == plain
    )
    encoded = client.post("/encode", {**images, "encoding": "base64"}).json()["latents"]
    assert [
        {name: floats(text) for name, text in posterior.items()}
        for posterior in encoded
    ] == plain

    latents = [encoded[0]["mean"], plain[1]["mean"]]
    decoded = client.post(
        "/decode", {"latents": [posterior["mean"] for posterior in plain]}
    ).json()
    assert client.post("/decode", {"latents": latents}).json() == decoded

    ends = {"start": {"latent": latents[0]}, "end": {"latent": latents[1]}, "steps": 3}
    walk = client.post("/interpolate", ends).json()
    other = client.post("/interpolate", {**ends, "encoding": "base64"}).json()
    assert {**other, "latents": [floats(text) for text in other["latents"]]} == walk


def test_a_whole_number_may_be_written_as_a_fraction(client: Client) -> None:
    """As JSON Schema has it."""
    ends = {"start": {"latent": [0] * 6}, "end": {"latent": [1] * 6}}

    assert (
        client.post("/interpolate", {**ends, "steps": 3.0}).json()
        == client.post("/interpolate", {**ends, "steps": 3}).json()
    )


def test_model_gives_the_card(client: Client, autoencoder: FakeAutoencoder) -> None:
    """The card is answered whole."""
    assert client.get("/model").json() == autoencoder.card.model_dump(mode="json")


def test_probes_are_well_while_the_model_computes(client: Client) -> None:
    """Both answer 200."""
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_readyz_falls_and_livez_stays_when_the_model_does_not_compute(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Readiness has run an inference; liveness says only that the process answers."""
    autoencoder.broken = True

    assert client.get("/readyz").status_code == 503
    assert client.get("/livez").status_code == 200


def test_any_grey_image_comes_back_as_it_went(
    client: Client, random: np.random.Generator
) -> None:
    """Through JSON, base64, PNG, the model's numbers and back, no grey level changes."""
    images = random.integers(0, 256, size=(4, 2, 3))
    answer = client.post(
        "/reconstruct", {"images": [grey_png(image.tolist()) for image in images]}
    ).json()

    assert [pixels_of(image).tolist() for image in answer["images"]] == images.tolist()
