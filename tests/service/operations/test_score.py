"""POST /score, with a fake model whose reconstructions are the images."""

import asyncio
from dataclasses import replace

import numpy as np

from service.app import create_app
from service.model.score import score
from service.model.statistics import LatentStatistics
from service.settings import Settings
from tests.models import UnbatchedAutoencoder
from tests.samples import FIRST, LATENT_SIZE, SECOND, FakeAutoencoder, pixels_of
from tests.service.conftest import Client

ALWAYS = {"squared_error", "kl_divergence", "elbo"}


def test_the_response_has_the_scores_of_each_image(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """They are in the request's order; the label is the most probable one."""
    response = client.operate("/score", images=[SECOND, FIRST])
    pixels = np.stack([pixels_of(SECOND), pixels_of(FIRST)])[:, np.newaxis]
    expected = asyncio.run(score(UnbatchedAutoencoder(autoencoder), pixels))

    assert response.keys() == {"scores"}
    assert "fitted" not in response
    assert len(response["scores"]) == 2
    for index, item in enumerate(response["scores"]):
        assert item["label"] == "0"
        assert item["squared_error"] == expected.squared_error[index] == 0
        assert item["kl_divergence"] == expected.kl_divergence[index] == -item["elbo"]
        probabilities = expected.probabilities[index].tolist()
        assert item["probabilities"] == dict(zip("013", probabilities, strict=True))


def test_all_images_are_computed_in_one_call_of_each_graph(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Three images are one batch."""
    autoencoder.batches.clear()
    client.operate("/score", images=[FIRST, SECOND, FIRST])

    assert autoencoder.batches == [3, 3]


def test_the_preprocessing_is_described_if_requested(client: Client) -> None:
    """The option is that of the other operations."""
    response = client.operate("/score", images=[FIRST], explain=True, fit="none")

    assert len(response["fitted"]) == 1


def test_an_image_may_be_sent_without_json(client: Client) -> None:
    """An invalid file is named as the first image."""
    response = client.send("/score?explain=true", b"GIF89a", "image/gif")

    assert response.json()["errors"][0]["pointer"] == "#/images/0"


def test_a_model_without_classes_has_no_label(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """Nor probabilities."""
    statistics = LatentStatistics.unknown(LATENT_SIZE)
    model = replace(autoencoder, statistics=statistics)
    client = Client(create_app(settings, model))
    response = client.operate("/score", images=[FIRST])

    assert response["scores"][0].keys() == ALWAYS


def test_a_model_with_one_class_has_no_label(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """It would be certain of every image."""
    known = autoencoder.statistics
    statistics = replace(known, classes=np.zeros_like(known.classes))
    model = replace(autoencoder, statistics=statistics)
    client = Client(create_app(settings, model))
    response = client.operate("/score", images=[FIRST])

    assert response["scores"][0].keys() == ALWAYS
