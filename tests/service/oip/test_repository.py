"""Loading and unloading on request, with a fake in the place of other processes."""

from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from service.app import build_app, served_model
from service.model.errors import ModelLoadError, OverloadedError
from service.model.repository import LoadedModels, ModelChange
from service.settings import Settings
from tests.samples import FakeAutoencoder
from tests.service.conftest import Client, Json
from tests.service.oip.protocol import check_problem

MODELS = "/v2/repository/models"
KEY = "a-key-of-some-length"


@dataclass
class Repository:
    """An application that notes the changes that it is asked for.

    error: raised by each change, if there is one.
    """

    client: Client
    changes: list[ModelChange] = field(default_factory=list)
    error: Exception | None = None

    async def note(self, change: ModelChange) -> None:
        """Note a change."""
        self.changes.append(change)
        if self.error:
            raise self.error

    def change(self, path: str, content: bytes = b"") -> httpx.Response:
        """Send a request to load or unload; return the response."""
        return self.client.request(
            "POST", f"{MODELS}/{path}", content=content, headers={"X-API-Key": KEY}
        )


@pytest.fixture
def repository(
    settings: Settings, tmp_path: Path, autoencoder: FakeAutoencoder
) -> Repository:
    """Application of one model with the endpoint."""
    changes = {
        "models": tmp_path,
        "repository_endpoint": True,
        "api_keys": (SecretStr(KEY),),
    }
    settings = settings.model_copy(update=changes)
    model = served_model(settings, "fake", autoencoder)
    app = build_app(settings, LoadedModels("fake", {"fake": model}, {}))
    repository = Repository(Client(app))
    app.state.change_model = repository.note
    return repository


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("parts", "parts"),
        ("parts.encoder", "parts"),
        ("parts.decoder", "parts"),
        ("encoder", "fake"),
        ("decoder", "fake"),
        ("fake", "fake"),
        ("parts.other", "parts.other"),
    ],
)
def test_a_model_is_named_by_itself_or_by_its_graphs(
    repository: Repository, path: str, name: str
) -> None:
    """All graphs are loaded and unloaded together."""
    loaded = repository.change(f"{path}/load").json()
    unloaded = repository.change(f"{path}/unload").json()

    assert loaded == {"name": name, "state": "READY"}
    assert unloaded == {"name": name, "state": "UNAVAILABLE"}
    assert repository.changes == [("load", name), ("unload", name)]


def test_a_failure_has_its_reason(repository: Repository) -> None:
    """Clients of the protocol find it in ``error``."""
    repository.error = ModelLoadError("half a file")
    check_problem(repository.change("a/load"), 422, "model-unchanged", "half a file")

    repository.error = OverloadedError("too many", 1)
    check_problem(repository.change("a/load"), 503, "overloaded", "too many")


@pytest.mark.parametrize(
    ("content", "status", "kind"),
    [
        (b"", 200, ""),
        (b"{}", 200, ""),
        (b'{"parameters": {"unload_dependents": true}}', 200, ""),
        (b'{"parameters": {"config": "{}"}}', 422, "model-unchanged"),
        (b'{"parameters": {"file:1/model.onnx": "AAAA"}}', 422, "model-unchanged"),
        (b"{", 422, "invalid-request"),
        (b'{"a": [' + b"0," * 200 + b"0]}", 422, "invalid-request"),
        (b" " * 5000, 413, "body-too-large"),
    ],
)
def test_a_request_has_no_files_and_no_configuration(
    repository: Repository, content: bytes, status: int, kind: str
) -> None:
    """Models come from the folder alone; bodies are limited as everywhere."""
    response = repository.change("parts/load", content)

    if status == 200:
        assert response.status_code == 200
        return
    check_problem(response, status, kind)
    assert repository.changes == []
    assert repository.client.app.state.body_budget.bytes == 0


def test_a_long_name_is_cut(repository: Repository) -> None:
    """No model has such a name; the message to the supervisor stays short."""
    repository.change(f"{'a' * 5000}/load")
    ((_, name),) = repository.changes

    assert len(name) == 100


def test_a_key_is_needed(repository: Repository) -> None:
    """Nobody else can change the models."""
    response = repository.client.request("POST", f"{MODELS}/parts/load")

    check_problem(response, 401, "unauthorized")
    assert repository.changes == []


def test_the_server_says_that_it_has_a_repository(repository: Repository) -> None:
    """Triton's clients look it up in the extensions; the document has the paths."""
    headers = {"X-API-Key": KEY}
    server = repository.client.request("GET", "/v2", headers=headers).json()
    document = repository.client.request("GET", "/openapi.json", headers=headers)
    load: Json = document.json()["paths"][f"{MODELS}/{{model}}/load"]["post"]
    (content,) = load["responses"]["422"]["content"].items()
    media_type, described = content

    assert "model_repository" in server["extensions"]
    assert load["parameters"][0]["name"] == "model"
    assert media_type == "application/problem+json"
    assert described["example"]["type"].endswith(":model-unchanged")


def test_without_the_setting_there_is_nothing(client: Client) -> None:
    """Neither the paths nor their description."""
    assert client.request("POST", f"{MODELS}/fake/load").status_code == 404
    assert "repository/models" not in client.get("/openapi.json").text
