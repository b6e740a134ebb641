"""Changes to the service's OpenAPI document that describe valid requests exactly."""

from typing import Any

from fuzz.api_formats import register_latents
from service.api.uploads import FALSE, TRUE
from service.oip.schemas import MAX_OUTPUTS

Schema = dict[str, Any]

# Parameters that are rejected without ``sample``, or with ``false_alarm_rate``.
DEPENDENT_PARAMETERS = {"samples", "seed", "threshold"}
RATE = "false_alarm_rate"
MIN_RATE = 0.001  # the shipped model has 5,000 calibration images


def describe_images(schemas: dict[str, Schema]) -> None:
    """Give images a format of their own."""
    schemas["Image"] = {"type": "string", "format": "image"}


def describe_interpolations(schemas: dict[str, Schema]) -> None:
    """Require either both ends or waypoints of an interpolation."""
    interpolation = schemas["InterpolateRequest"]
    interpolation["anyOf"] = [
        with_fields(start="object", end="object"),
        with_fields(waypoints="array"),
    ]


def describe_rates(fields: Schema) -> None:
    """Bound false-alarm rates by those that the calibration images carry.

    fields: properties of a schema, or schemas of parameters by their names.
    """
    if RATE in fields:
        number, _ = fields[RATE]["anyOf"]
        del number["exclusiveMinimum"]
        number["minimum"] = MIN_RATE


def describe_latents(schemas: dict[str, Schema]) -> None:
    """Give latents in base64 a format of their own, with the bounds of numbers."""
    numbers, text = schemas["Latent"]["anyOf"]
    text["format"] = "latent"
    item = numbers["items"]
    register_latents(item["minimum"], item["maximum"], numbers["minItems"])


def describe_lists(schemas: dict[str, Schema]) -> None:
    """Allow one item without a list in fields that are described as lists only."""
    for name, field in (
        ("GenerateRequest", "label"),
        ("TraverseRequest", "dimensions"),
    ):
        properties = schemas[name]["properties"]
        described = properties[field]
        items = described.get("anyOf", [described])[0]["$ref"]
        item = {"$ref": items.removesuffix("s")}
        properties[field] = {"anyOf": [described, item]}


def describe_optional_rates(operation: Schema) -> None:
    """Bound the rates of an operation's query and forms as ``describe_rates`` does."""
    parameters = operation.get("parameters", [])
    describe_rates({each["name"]: each["schema"] for each in parameters})
    for body in operation.get("requestBody", {}).get("content", {}).values():
        describe_rates(body["schema"].get("properties", {}))


def describe_spellings(operation: Schema) -> None:
    """Allow empty fields, and all spellings of booleans, in forms and queries."""
    fields = [parameter["schema"] for parameter in operation.get("parameters", [])]
    for body in operation.get("requestBody", {}).get("content", {}).values():
        fields += body["schema"].get("properties", {}).values()
    for field in fields:
        if "items" not in field:
            spellings: list[str | int] = [""]
            if field.get("type") == "boolean":
                # As text, the numbers are spellings, too.
                spellings += [*TRUE, *FALSE, 0, 1]
            described = dict(field)
            field.clear()
            field["anyOf"] = [described, {"enum": spellings}]


def describe_inference(operation: Schema) -> None:
    """Describe valid requests of an operation of the Open Inference Protocol."""
    request = json_content(operation["requestBody"])
    response = json_content(operation["responses"]["200"])
    (example,) = request["examples"].values()
    (result,) = response["examples"].values()
    outputs = [output["name"] for output in result["value"]["outputs"]]
    tensor = example["value"]["inputs"][0]
    request["schema"] = inference_schema(tensor, outputs)


def json_content(described: Schema) -> Schema:
    """Return the JSON description of a request or response."""
    content: Schema = described["content"]["application/json"]
    return content


def inference_schema(tensor: Schema, outputs: list[str]) -> Schema:
    """Return a schema of valid requests: one fixed tensor and existing outputs.

    No schema can say that a tensor's numbers fit its shape.
    """
    inputs = {
        "type": "array",
        "items": fixed_object(tensor),
        "minItems": 1,
        "maxItems": 1,
    }
    binary_data = {"type": ["boolean", "null"]}
    output = closed_object(
        {
            "name": {"enum": outputs},
            "parameters": closed_object({"binary_data": binary_data}),
        },
        "name",
    )
    return closed_object(
        {
            "id": {"type": "string"},
            "inputs": inputs,
            "outputs": {"type": "array", "items": output, "maxItems": MAX_OUTPUTS},
        },
        "inputs",
    )


def fixed_object(value: Schema) -> Schema:
    """Return the schema of one object only."""
    properties = {name: {"const": content} for name, content in value.items()}
    return closed_object(properties, *value)


def closed_object(properties: Schema, *required: str) -> Schema:
    """Return the schema of objects with these properties only."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def with_fields(**types: str) -> Schema:
    """Return a schema of objects that have these fields, not null."""
    return {
        "required": list(types),
        "properties": {name: {"type": kind} for name, kind in types.items()},
    }


def remove_dependent_parameters(operation: Schema) -> None:
    """Remove parameters that are valid only with or without another parameter."""
    parameters = operation.get("parameters", [])
    parameters[:] = [
        parameter
        for parameter in parameters
        if parameter["name"] not in DEPENDENT_PARAMETERS
    ]
