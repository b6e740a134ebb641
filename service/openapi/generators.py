"""The OpenAPI document for generators of clients: JSON in, JSON out, plain types.

The document of the documentation page says more than they can use. Of several media
types of a body, orval sends none; of several of a response, the type is a union that
each caller has to narrow. openapi-typescript takes a field with a default for required,
and hey-api a list of fixed length for a tuple, which no plain list can be assigned to.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from service.api.body import JSON
from service.api.errors import MEDIA_TYPE

JSON_TYPES = {JSON.decode(), MEDIA_TYPE}

Json = dict[str, Any]


def for_generators(document: Json) -> Json:
    """Return the document without what generators of clients do not handle."""
    plain = deepcopy(document)
    for operations in plain["paths"].values():
        for operation in operations.values():
            keep_json(operation)
    for component in plain["components"]["schemas"].values():
        for schema in subschemas(component):
            simplify(schema)
    return plain


def keep_json(operation: Json) -> None:
    """Leave out other media types where there is JSON, and the options in a query."""
    parameters = operation.pop("parameters", [])
    in_path = [parameter for parameter in parameters if parameter["in"] == "path"]
    if in_path:
        operation["parameters"] = in_path
    bodies = list(operation["responses"].values())
    if "requestBody" in operation:
        bodies.append(operation["requestBody"])
    for body in bodies:
        content = body["content"]
        if JSON_TYPES & set(content):
            body["content"] = {
                media_type: described
                for media_type, described in content.items()
                if media_type in JSON_TYPES
            }


def subschemas(schema: Json) -> Iterator[Json]:
    """Return a schema and all schemas in it."""
    yield schema
    children = list(schema.get("properties", {}).values())
    for keyword in ("anyOf", "oneOf", "prefixItems"):
        children += schema.get(keyword, [])
    if "items" in schema:
        children.append(schema["items"])
    for child in children:
        yield from subschemas(child)


def simplify(schema: Json) -> None:
    """Leave one type; say defaults, and a list's length if it is fixed, in words only.

    Latents are numbers, not base64: the field that asks for base64 is left out. Labels
    are text.
    """
    schema.get("properties", {}).pop("encoding", None)
    keep_first_type(schema)
    words = [schema["description"]] if "description" in schema else []
    default = schema.pop("default", None)
    if default is not None:
        words.append(f"Default: {json.dumps(default)}.")
    length = schema.get("minItems")
    if length is not None and length == schema.get("maxItems") and "items" in schema:
        del schema["minItems"], schema["maxItems"]
        words.append(f"{length} items.")
    if words:
        schema["description"] = " ".join(words)


def keep_first_type(schema: Json) -> None:
    """Keep the first type of a choice, which a value may always have, and null."""
    choices = schema.get("anyOf", [])
    types = [choice for choice in choices if choice.get("type") != "null"]
    if len(types) < 2:  # noqa: PLR2004 - a choice
        return
    if len(types) < len(choices):
        schema["anyOf"] = [types[0], {"type": "null"}]
    else:
        del schema["anyOf"]
        for name, value in types[0].items():
            schema.setdefault(name, value)
