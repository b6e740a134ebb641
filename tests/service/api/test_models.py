"""Several models in one application, by their names."""

from typing import Any

import numpy as np
import pytest

from service.observability.request_context import SCOPE_KEY, RequestContext
from service.operations import OPERATIONS
from tests.samples import FIRST, SQUARE, FakeAutoencoder, pixels_of
from tests.service.conftest import Client

NAMED = "/models/square"


def example_of(client: Client, path: str) -> Any:
    """Return the first example of an operation, with a seed if it can have one."""
    paths = client.get("/docs/openapi.json").json()["paths"]
    content = paths[path]["post"]["requestBody"]["content"]["application/json"]
    body = next(iter(content["examples"].values()))["value"]
    return body | {"seed": 1} if path == "/generate" else body


def test_the_list_has_each_model_with_its_state(several: Client) -> None:
    """One that could not be loaded has the reason and nothing else."""
    fake, square = several.get("/model").json(), several.get(NAMED).json()

    assert several.get("/models").json() == {
        "models": [
            {
                "name": "bad",
                "title": None,
                "image": None,
                "labels": None,
                "state": "unavailable",
                "reason": "half",
                "default": False,
            },
            {
                "name": "fake",
                "title": "Shades",
                "image": fake["image"],
                "labels": ["0", "1", "2", "3"],
                "state": "ready",
                "reason": "",
                "default": True,
            },
            {
                "name": "square",
                "title": "Squares",
                "image": square["image"],
                "labels": [],
                "state": "ready",
                "reason": "",
                "default": False,
            },
        ]
    }


def test_the_card_of_a_model_is_by_its_name(several: Client) -> None:
    """The default model has its card at both paths."""
    assert several.get(NAMED).json()["title"] == "Squares"
    assert several.get("/models/fake").content == several.get("/model").content


@pytest.mark.parametrize("path", OPERATIONS)
def test_paths_without_a_name_are_the_default_models(
    several: Client, client: Client, path: str
) -> None:
    """By its name, and in an application of its own, each response is the same."""
    body = example_of(client, path)
    alone = client.post(path, body)

    assert alone.status_code == 200
    assert several.post(path, body).content == alone.content
    assert several.post(f"/models/fake{path}", body).content == alone.content


def test_each_model_has_its_own_limits(several: Client) -> None:
    """Images are decoded to the size of the model that the path names."""
    fields = {"images": [SQUARE], "fit": "none"}

    (image,) = several.operate(f"{NAMED}/reconstruct", **fields)["images"]
    assert np.array_equal(pixels_of(image), pixels_of(SQUARE))
    several.invalid("/reconstruct", json=fields)
    latent = {"latents": [[0.5] * 9]}
    assert several.post(f"{NAMED}/decode", latent).status_code == 200
    several.invalid("/decode", json=latent)
    several.invalid(f"{NAMED}/generate", json={"label": "1"})


def test_images_are_sent_as_files_and_received_as_pictures(several: Client) -> None:
    """As at the paths without a name."""
    picture = several.request(
        "POST",
        f"{NAMED}/decode",
        json={"latents": [[0.5] * 9]},
        headers={"Accept": "image/png"},
    )
    response = several.send(
        f"{NAMED}/encode?explain=true", picture.content, "image/png"
    )

    assert picture.headers["content-type"] == "image/png"
    assert len(response.json()["fitted"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/models/other", 404, "not-found"),
        ("POST", "/models/other/encode", 404, "not-found"),
        ("GET", "/models/bad", 404, "not-found"),
        ("POST", "/models/bad/encode", 404, "not-found"),
        ("POST", "/models//encode", 404, "not-found"),
        ("POST", "/models/fake/model", 404, "not-found"),
        ("POST", "/models/fake/encode/", 404, "not-found"),
        ("GET", "/models/fake/metrics", 404, "not-found"),
        ("GET", "/models/fake/readyz", 404, "not-found"),
        ("GET", "/models/fake/encode", 405, "method-not-allowed"),
        ("POST", "/models/fake", 405, "method-not-allowed"),
        ("POST", "/models", 405, "method-not-allowed"),
    ],
)
def test_other_names_paths_and_methods_are_problems(
    several: Client, method: str, path: str, status: int, kind: str
) -> None:
    """Only the operations can follow a name."""
    several.problem(status, kind, method, path)


def test_a_request_counts_for_the_operation_without_the_name(several: Client) -> None:
    """Clients cannot add routes to the metrics."""
    routes = []
    app = several.app.app

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        context: RequestContext = scope[SCOPE_KEY]
        routes.append(context.route)

    several.app.app = noting
    for path in (f"{NAMED}/encode", "/models/fake/encode"):
        several.post(path, {"images": [FIRST]})
    several.post("/models/other/encode", {"images": [FIRST]})

    assert routes == ["/encode", "/encode", ""]


def test_readiness_is_the_default_models(
    several: Client, autoencoder: FakeAutoencoder, square: FakeAutoencoder
) -> None:
    """Another model that fails does not take the service out of use."""
    square.broken = True
    assert several.get("/readyz").status_code == 200

    autoencoder.broken = True
    assert several.get("/readyz").status_code == 503


def test_one_model_has_a_name_too(client: Client) -> None:
    """A client may use the path with the name whatever the settings are."""
    (entry,) = client.get("/models").json()["models"]
    fields = {"images": [FIRST]}

    assert entry["default"]
    assert client.post(f"/models/{entry['name']}/encode", fields).status_code == 200
