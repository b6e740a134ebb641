"""Model card and probes."""

from tests.samples import FakeAutoencoder
from tests.service.conftest import Client


def test_the_model_card_is_complete(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """GET /model returns all of it."""
    assert client.get("/model").json() == autoencoder.card.model_dump(mode="json")


def test_probes_succeed_while_inference_does(client: Client) -> None:
    """Liveness and readiness are 200."""
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_readyz_fails_with_the_model_and_livez_does_not(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Readiness runs an inference; liveness shows only that the process responds."""
    autoencoder.broken = True

    assert client.get("/readyz").status_code == 503
    assert client.get("/livez").status_code == 200
