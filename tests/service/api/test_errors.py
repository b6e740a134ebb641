"""Rejected requests get a problem (RFC 9457) that names the error and its location."""

import pytest
from PIL import Image

from service.app import create_app
from service.settings import Settings
from tests.samples import FIRST, FakeAutoencoder, png
from tests.service.conftest import Client


def test_all_invalid_fields_are_named(client: Client) -> None:
    """Only the first invalid item of a list is named.

    Images are decoded only after all fields are valid.
    """
    body = {
        "start": {"image": "x", "a/b": 1},
        "end": {"latent": ["1", "2"]},
        "steps": 0,
    }
    problem = client.invalid("/interpolate", json=body)

    assert [error["pointer"] for error in problem["errors"]] == [
        "#/start/a~1b",
        "#/end/latent/0",
        "#/steps",
    ]
    assert "end.latent[0]: " in problem["detail"]


def test_ten_invalid_fields_are_named_and_the_rest_counted(client: Client) -> None:
    """A name that looks like the tag of a union stays in the pointer."""
    fields = {f"({number})": 0 for number in range(80)}
    problem = client.invalid("/encode", json={"images": [FIRST], **fields})

    assert [error["pointer"] for error in problem["errors"]] == [
        f"#/%28{number}%29" for number in range(10)
    ]
    assert problem["detail"].endswith("; and 70 more")


@pytest.mark.parametrize(
    "content", ['{"%s": 1}', '{"count": 1, "count": 2, "%s": 1}', '{"%s": 1, "%s": 2}']
)
def test_long_names_are_cut(client: Client, content: str) -> None:
    """Otherwise, a body of 2 MB could get a response of 7 MB."""
    body = content.replace("%s", "é" * 1000).encode()
    response = client.send("/generate", body)

    assert response.status_code == 422
    assert len(response.content) < 2000


def test_an_unknown_path_is_a_404(client: Client) -> None:
    """The response is a problem like all others."""
    client.problem(404, "not-found", "GET", "/nothing")


def test_a_wrong_method_is_a_405(client: Client) -> None:
    """The header Allow has the right method."""
    client.problem(405, "method-not-allowed", "GET", "/encode")

    assert client.get("/encode").headers["allow"] == "POST"


def test_a_failed_inference_is_a_503(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """The error is the service's, not the client's."""
    autoencoder.broken = True

    client.problem(503, "inference-failed", "POST", "/encode", json={"images": [FIRST]})


def test_an_unexpected_error_is_a_500_without_its_message(
    client: Client, autoencoder: FakeAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response does not show the service's internals."""

    def fail(_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(autoencoder, "encode", fail)
    body = {"images": [FIRST]}
    problem = client.problem(500, "internal-error", "POST", "/encode", json=body)

    assert "secret" not in str(problem)


def test_an_unexpected_error_of_a_get_is_a_500(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response does not show the error, which is in the log."""

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("service.api.status.metrics_text", fail)
    problem = client.problem(500, "internal-error", "GET", "/metrics")

    assert problem["detail"] == "an internal error; the log has the details"


def test_the_pixels_of_a_request_are_limited(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """The error has the index of the first image after the limit."""
    limited = settings.model_copy(update={"max_image_pixels": 100})
    client = Client(create_app(limited, autoencoder))
    large = png(Image.linear_gradient("L").resize((10, 10)))
    problem = client.invalid("/encode", json={"images": [large] * 9})

    assert problem["errors"] == [
        {
            "pointer": "#/images/8",
            "detail": "comes after images of 800 pixels; the limit is 800 "
            "(8 times VAE_MAX_IMAGE_PIXELS)",
        }
    ]
    assert client.post("/encode", {"images": [large] * 8}).status_code == 200


def test_the_pixels_of_plain_images_are_not_limited(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """Plain images of the model's size are limited by their number only."""
    limited = settings.model_copy(update={"max_image_pixels": 1})
    client = Client(create_app(limited, autoencoder))

    assert client.post("/encode", {"images": [FIRST] * 12}).status_code == 200
