"""Statistics of the models, as Triton's clients read them."""

import pytest

from tests.samples import FakeAutoencoder
from tests.service.conftest import Client, Json
from tests.service.oip.protocol import latent, pixels

VERSIONED = "/v2/models/encoder/versions/1"


def statistics(client: Client, path: str) -> list[Json]:
    """Return the statistics at a path."""
    response = client.get(path)
    assert response.status_code == 200
    models: list[Json] = response.json()["model_stats"]
    return models


@pytest.mark.parametrize("path", ["/v2/models/encoder/stats", f"{VERSIONED}/stats"])
def test_requests_and_items_are_counted_by_model(client: Client, path: str) -> None:
    """Both paths of a model count together; failures are counted apart."""
    client.post("/v2/models/encoder/infer", pixels(5))
    client.post(f"{VERSIONED}/infer", pixels(2))
    client.post(f"{VERSIONED}/infer", {})
    client.post("/encode", {"images": []})
    (encoder,) = statistics(client, path)

    assert (encoder["name"], encoder["version"]) == ("encoder", "1")
    assert encoder["inference_count"] == 7
    success = encoder["inference_stats"]["success"]
    fail = encoder["inference_stats"]["fail"]
    assert (success["count"], fail["count"]) == (2, 1)
    assert 0 < success["ns"] < 60_000_000_000
    assert 0 < fail["ns"] < 60_000_000_000


def test_a_failed_inference_counts_no_items(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """The request counts as failed, whatever its number of items."""
    autoencoder.broken = True
    client.post("/v2/models/decoder/infer", latent())
    models = statistics(client, "/v2/models/stats")
    _, decoder, _ = models

    assert [model["name"] for model in models] == ["encoder", "decoder", "inspector"]
    assert decoder["inference_count"] == 0
    assert decoder["inference_stats"]["fail"]["count"] == 1


def test_statistics_that_are_not_measured_are_absent(client: Client) -> None:
    """They are neither 0 nor estimated."""
    (encoder,) = statistics(client, "/v2/models/encoder/stats")

    assert "execution_count" not in encoder
    assert set(encoder["inference_stats"]) == {"success", "fail"}


def test_requests_are_counted_by_name(several: Client) -> None:
    """The default model's names count together."""
    two_squares = pixels(shape=[2, 1, 3, 3], data=[0.5] * 18)
    several.post("/v2/models/square.encoder/infer", two_squares)
    several.post("/v2/models/encoder/infer", pixels(5))
    several.post("/v2/models/fake.encoder/infer", pixels(1))

    counts = {
        model["name"]: model["inference_count"]
        for model in statistics(several, "/v2/models/stats")
    }
    assert counts == {
        "encoder": 6,
        "decoder": 0,
        "inspector": 0,
        "fake.encoder": 6,
        "fake.decoder": 0,
        "fake.inspector": 0,
        "square.encoder": 2,
        "square.decoder": 0,
    }
    (named,) = statistics(several, "/v2/models/square.encoder/versions/1/stats")
    assert named["name"] == "square.encoder"
    assert named["inference_count"] == 2
