"""What is done in the latent space, around a fake whose images are its latents."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from service.app import create_app, create_state
from service.model.noise import MOST_SEED
from service.model.statistics import LatentStatistics
from service.settings import Settings
from tests.samples import LATENT_SIZE, FakeAutoencoder, pixels_of
from tests.service.conftest import Client

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def generate(client: Client) -> Ask:
    """POST /generate; give the answer."""

    def ask(**body: object) -> dict[str, Any]:
        answer = client.post("/generate", body)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content

    return ask


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
def test_generate_goes_through_the_digits_in_turn(generate: Ask, body: dict[str, Any], digits: list[int]) -> None:
    """Each latent is near the mean of its class; the image is what it decodes to."""
    answer = generate(**body, seed=4)
    middles = {0: (0, 1), 1: (0.25,), 3: (0.75,)}

    assert answer["digits"] == digits
    assert len(answer["images"]) == len(answer["latents"]) == len(digits)
    for digit, latent, image in zip(digits, answer["latents"], answer["images"], strict=True):
        assert min(abs(np.mean(latent) - middle) for middle in middles[digit]) < 0.1
        assert pixels_of(image).ravel() == pytest.approx(np.clip(latent, 0, 1) * 255, abs=0.51)


@hypothesis_settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, MOST_SEED), st.integers(1, 12), st.sampled_from(["sampler", "prior"]), st.floats(0, 3))
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
    assert generate(source="prior", temperature=0)["latents"] == pytest.approx(np.zeros((1, LATENT_SIZE)))
    one, two = (generate(source="prior", seed=1, temperature=factor)["latents"][0] for factor in (1, 2))
    assert two == pytest.approx(np.multiply(one, 2))


def test_generate_decodes_once(generate: Ask, autoencoder: FakeAutoencoder) -> None:
    """However many images are asked for."""
    autoencoder.batches.clear()
    generate(count=12)

    assert autoencoder.batches == [12]


def test_a_model_that_knows_no_classes_draws_from_the_prior_alone(settings: Settings) -> None:
    """And says so where more is asked for; its page shows what it can."""
    model = FakeAutoencoder(statistics=LatentStatistics.unknown(LATENT_SIZE))
    client = Client(create_app(settings, model, create_state(settings)))
    refusals = [client.post("/generate", body).json()["errors"] for body in ({}, {"digit": 3})]

    assert client.post("/generate", {"source": "prior"}).status_code == 200
    assert refusals[0] == [
        {"pointer": "#/source", "detail": "must be prior: the model does not tell where its digits lie"}
    ]
    assert refusals[1][0] == {"pointer": "#/digit", "detail": "the model does not tell where its digits lie"}
    schema = client.get("/openapi.json").json()
    operation = schema["paths"]["/generate"]["post"]
    assert list(operation["requestBody"]["content"]["application/json"]["examples"]) == ["From the prior"]
