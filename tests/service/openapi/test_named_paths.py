"""The paths that name a model, in the OpenAPI documents."""

import pytest

from service.model.repository import LoadedModels
from service.operations import OPERATIONS
from tests.service.conftest import Client, Json


@pytest.fixture(params=["/docs/openapi.json", "/openapi.json"])
def paths(several: Client, request: pytest.FixtureRequest) -> Json:
    """The paths of each document."""
    document: Json = several.get(request.param).json()["paths"]
    return document


@pytest.mark.parametrize("path", ["", *OPERATIONS])
def test_the_name_is_one_of_the_loaded_models(paths: Json, path: str) -> None:
    """It is a parameter in the path; another is 404."""
    (operation,) = paths[f"/models/{{model}}{path}"].values()
    parameter, *others = operation["parameters"]

    assert parameter["name"] == "model"
    assert parameter["in"] == "path"
    assert parameter["required"]
    assert parameter["schema"] == {"type": "string", "enum": ["fake", "square"]}
    assert {other["in"] for other in others} <= {"query"}
    assert "404" in operation["responses"]


@pytest.mark.parametrize("path", OPERATIONS)
def test_all_else_is_as_without_the_name(paths: Json, path: str) -> None:
    """The default model's examples, the body and the other responses."""
    plain = paths[path]["post"]
    named = paths[f"/models/{{model}}{path}"]["post"]

    assert named["operationId"] == f"{plain['operationId']}_by_name"
    assert named["requestBody"] == plain["requestBody"]
    assert plain["responses"].items() <= named["responses"].items()


def test_operations_of_one_model_are_described_once(client: Client) -> None:
    """They exist with the name, but the page would have each twice."""
    paths = client.get("/openapi.json").json()["paths"]

    assert [path for path in paths if path.startswith("/models")] == [
        "/models",
        "/models/{model}",
    ]
    (parameter,) = paths["/models/{model}"]["get"]["parameters"]
    assert parameter["schema"]["enum"] == ["fake"]


def test_the_names_follow_the_models_that_are_loaded(several: Client) -> None:
    """The document is made again when the models change."""
    state = several.app.state
    fake = state.models.by_name["fake"]
    assert '"square"' in several.get("/openapi.json").text

    state.serve(LoadedModels("fake", {"fake": fake}, {}))
    assert '"square"' not in several.get("/openapi.json").text
