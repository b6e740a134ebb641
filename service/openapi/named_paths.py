"""Description of the paths that name a model."""

from collections.abc import Iterable, Sequence
from typing import Any

from service.api.model_paths import MODELS_PATH
from service.api.route import OperationRoute

Json = dict[str, Any]

CARD_PATH = f"{MODELS_PATH}/{{model}}"
NOTE = (
    "Computed by the model that the path names. Its image size, latent size and labels "
    "may differ from those of the default model, which the schemas and examples show: "
    "its card has them."
)


def describe_named_paths(
    paths: Json, operations: Iterable[OperationRoute], names: Sequence[str]
) -> None:
    """Add the operations with a model's name in the path, and the names as an enum.

    Operations of the inference protocol have the name in one part with another, which
    generators of clients do not handle; they are left out.
    """
    parameter = {
        "name": "model",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": list(names)},
        "description": "Name of the model.",
        "example": names[0],  # which the documentation page fills in
    }
    card = paths[CARD_PATH]["get"]
    not_found = card["responses"]["404"]
    card["parameters"] = [parameter]
    for route in operations:
        if route.path.count("/") > 1:
            continue
        plain = paths[route.path]["post"]
        paths[CARD_PATH + route.path] = {
            "post": plain
            | {
                "operationId": f"{plain['operationId']}_by_name",
                "description": f"{plain['description']}\n\n{NOTE}".strip(),
                "parameters": [parameter, *plain.get("parameters", [])],
                "responses": plain["responses"] | {"404": not_found},
            }
        }
