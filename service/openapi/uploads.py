"""Description of images and forms as bodies, and of the options in a query."""

from collections.abc import Iterable
from typing import Any

from service.api.route import OperationRoute
from service.api.uploads import FORM, IMAGE_TYPES, options_of
from service.operations.limits import Limits

Json = dict[str, Any]


def describe_uploads(
    paths: Json, operations: Iterable[OperationRoute], limits: Limits
) -> None:
    """Add bodies that are images or forms, and options in the query.

    Only requests that may have images as files have them.
    """
    for route in operations:
        request_type = route.request_type
        if not request_type.takes_files:
            continue
        schema = request_type.model_json_schema(
            ref_template="#/components/schemas/{model}"
        )
        options = {
            name: schema["properties"][name] for name in options_of(request_type)
        }
        described = paths[route.path]["post"]
        content = described["requestBody"]["content"]
        for media_type in IMAGE_TYPES:
            content[media_type.decode()] = {"schema": file_schema()}
        content[FORM.decode()] = {"schema": form_schema(options, limits)}
        described["parameters"] = [
            query_parameter(name, option, schema) for name, option in options.items()
        ]


def file_schema() -> Json:
    """Return the schema of an image as a file."""
    return {"type": "string", "format": "binary", "description": "An image file."}


def form_schema(options: Json, limits: Limits) -> Json:
    """Return the schema of a form with image files and options."""
    files = {
        "type": "array",
        "items": file_schema(),
        "minItems": 1,
        "maxItems": limits.max_items,
        "description": "Image files, in order.",
    }
    return {
        "type": "object",
        "properties": {"images": files} | options,
        "required": ["images"],
        "additionalProperties": False,
    }


def query_parameter(name: str, option: Json, schema: Json) -> Json:
    """Return the description of an option in the query."""
    definition = option
    if "$ref" in option:
        definition = schema["$defs"][option["$ref"].split("/")[-1]] | option
    return {
        "name": name,
        "in": "query",
        "schema": option,
        "description": f"{definition['description']} A value in the body takes "
        "precedence.",
    }
