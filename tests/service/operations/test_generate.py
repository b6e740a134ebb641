"""POST /generate, with a fake model whose images are its latents."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from service.app import create_app
from service.model.noise import MAX_SEED
from service.model.statistics import LatentStatistics
from service.settings import Settings
from tests.samples import LATENT_SIZE, FakeAutoencoder, pixels_of
from tests.service.conftest import Client, Json

MEANS = {"0": (0, 1), "1": (0.25,), "3": (0.75,)}  # of each class's Gaussians


def test_by_default_one_image_of_any_class_is_generated(client: Client) -> None:
    """The seed is random, and reproduces the response."""
    first = client.operate("/generate")
    second = client.operate("/generate")

    assert len(first["images"]) == 1
    assert len(first["latents"]) == 1
    assert "labels" not in first
    assert first["seed"] != second["seed"]
    assert client.operate("/generate", seed=first["seed"]) == first


@pytest.mark.parametrize(
    ("body", "labels"),
    [
        ({"label": "3"}, ["3"]),
        ({"label": 3}, ["3"]),
        ({"label": 1.0, "count": 2}, ["1", "1"]),
        ({"label": ["3", "0", "1"]}, ["3", "0", "1"]),
        ({"label": [3, "0"], "count": 5}, ["3", "0", "3", "0", "3"]),
        ({"label": ["3", "0", "1"], "count": 2}, ["3", "0"]),
    ],
)
def test_labels_are_used_in_turn(client: Client, body: Json, labels: list[str]) -> None:
    """Each latent is near a mean of its class, and each image is the decoded latent.

    A label that is a numeral may be sent as a number.
    """
    response = client.operate("/generate", **body, seed=4)
    latents, images = response["latents"], response["images"]

    assert response["labels"] == labels
    assert len(images) == len(latents) == len(labels)
    for label, latent, image in zip(labels, latents, images, strict=True):
        distances = [abs(np.mean(latent) - mean) for mean in MEANS[label]]
        levels = np.clip(latent, 0, 1) * 255
        assert min(distances) < 0.1
        assert pixels_of(image).ravel() == pytest.approx(levels, abs=0.51)


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
    client: Client, seed: int, count: int, source: str, temperature: float
) -> None:
    """The same seed gives the same latents and images, however many there are."""
    options = {"seed": seed, "source": source, "temperature": temperature}
    many = client.operate("/generate", count=12, **options)
    few = client.operate("/generate", count=count, **options)

    assert few["latents"] == many["latents"][:count]
    assert few["images"] == many["images"][:count]


def test_the_temperature_scales_the_noise(client: Client) -> None:
    """Without noise, a sample is the mean of its class, or the prior's: the origin."""
    mean = client.operate("/generate", label="3", temperature=0)["latents"]
    origin = client.operate("/generate", source="prior", temperature=0)["latents"]
    assert mean == [[0.75] * LATENT_SIZE]
    assert origin == pytest.approx(np.zeros((1, LATENT_SIZE)))

    options = {"source": "prior", "seed": 1}
    (once,) = client.operate("/generate", temperature=1, **options)["latents"]
    (twice,) = client.operate("/generate", temperature=2, **options)["latents"]
    assert twice == pytest.approx(np.multiply(once, 2))


def test_all_images_are_decoded_in_one_call(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Twelve images are one batch."""
    autoencoder.batches.clear()
    client.operate("/generate", count=12)

    assert autoencoder.batches == [12]


def test_without_statistics_only_the_prior_is_available(settings: Settings) -> None:
    """Other requests are rejected; the documentation has only a valid example."""
    model = FakeAutoencoder(statistics=LatentStatistics.unknown(LATENT_SIZE))
    client = Client(create_app(settings, model))
    sampler = client.invalid("/generate", json={})["errors"]
    label = client.invalid("/generate", json={"label": 3})["errors"]

    assert client.post("/generate", {"source": "prior"}).status_code == 200
    assert sampler == [
        {
            "pointer": "#/source",
            "detail": "must be prior: the model has no latent statistics",
        }
    ]
    assert label[0] == {
        "pointer": "#/label",
        "detail": "must be absent: the model has no statistics of classes",
    }
    schema = client.get("/openapi.json").json()
    body = schema["paths"]["/generate"]["post"]["requestBody"]
    examples = body["content"]["application/json"]["examples"]
    assert list(examples) == ["From the prior"]


def test_a_model_without_classes_has_a_sampler_of_all_images(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """Its statistics are one class. Labels are rejected, and not described."""
    one_class = np.zeros(4, dtype=np.int64)
    model = FakeAutoencoder(
        card=autoencoder.card.model_copy(update={"labels": []}),
        statistics=replace(autoencoder.statistics, classes=one_class),
    )
    client = Client(create_app(settings, model))
    response = client.operate("/generate", count=2)
    schemas = client.get("/docs/openapi.json").json()["components"]["schemas"]

    assert len(response["images"]) == 2
    assert client.invalid("/generate", json={"label": "0"})["errors"] == [
        {
            "pointer": "#/label",
            "detail": "must be absent: the model has no statistics of classes",
        }
    ]
    for name in ("GenerateRequest", "LatentPoint", "Term", "ImageScore"):
        assert "label" not in schemas[name]["properties"]
    assert "labels" not in schemas["GenerateResponse"]["properties"]
    assert "labels" in schemas["ModelCard"]["properties"]
