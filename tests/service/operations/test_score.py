"""What /score tells of images, around a fake whose reconstruction of an image is the image."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from service.app import create_app
from service.model.score import score
from service.model.statistics import LatentStatistics
from service.settings import Settings
from tests.models import UnbatchedAutoencoder
from tests.samples import FIRST, LATENT_SIZE, SECOND, FakeAutoencoder, pixels_of
from tests.service.conftest import Client


def test_score_tells_of_each_image_in_order(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """What the model says of its pixels; the most likely digit is that of the highest probability."""
    answer = client.post("/score", {"images": [SECOND, FIRST]}).json()
    pixels = np.stack([pixels_of(SECOND), pixels_of(FIRST)])[:, np.newaxis]
    expected = asyncio.run(score(UnbatchedAutoencoder(autoencoder), pixels))

    assert answer["classes"] == [0, 1, 3]
    assert [item["digit"] for item in answer["scores"]] == [0, 0]
    assert "fitted" not in answer
    assert expected.anomaly_percentile is not None
    for index, item in enumerate(answer["scores"]):
        assert item["squared_error"] == expected.squared_error[index] == 0
        assert item["kl_divergence"] == expected.kl_divergence[index] == -item["elbo"]
        assert item["anomaly_percentile"] == expected.anomaly_percentile[index]
        assert item["probabilities"] == expected.probabilities[index].tolist()


def test_a_batch_is_one_call_a_graph(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """However many images came."""
    autoencoder.batches.clear()
    client.post("/score", {"images": [FIRST, SECOND, FIRST]})

    assert autoencoder.batches == [3, 3]


def test_score_explains_what_was_done_to_an_image(client: Client) -> None:
    """Where it is asked to, as the other operations do; pictures come without JSON, too."""
    asked = client.post(
        "/score", {"images": [FIRST], "explain": True, "fit": "none"}
    ).json()
    sent = client.request(
        "POST",
        "/score?explain=true",
        content=b"GIF89a",
        headers={"Content-Type": "image/gif"},
    ).json()

    assert len(asked["fitted"]) == 1
    assert sent["errors"][0]["pointer"] == "#/images/0"


@pytest.mark.parametrize("known", [True, False])
def test_what_a_model_cannot_tell_is_absent(
    settings: Settings, autoencoder: FakeAutoencoder, *, known: bool
) -> None:
    """Without classes there is no digit; without calibration there is no percentile."""
    uncalibrated = replace(
        autoencoder.statistics, anomaly_quantiles=np.empty(0, np.float32)
    )
    statistics = uncalibrated if known else LatentStatistics.unknown(LATENT_SIZE)
    client = Client(create_app(settings, replace(autoencoder, statistics=statistics)))
    answer = client.post("/score", {"images": [FIRST]}).json()

    assert ("classes" in answer) == known
    assert answer["scores"][0].keys() == {"squared_error", "kl_divergence", "elbo"} | (
        {"digit", "probabilities"} if known else set()
    )
