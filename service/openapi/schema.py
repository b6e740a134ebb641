"""What FastAPI cannot know of the schema: the model, its sizes, the settings' bounds, refusals, examples that work."""

import json
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
from fastapi import FastAPI

from service.api import errors as problems
from service.api.auth import PROBES
from service.api.body import FORM, PICTURES, option_names
from service.api.errors import Problem, ProblemError, ProblemType
from service.api.json_route import request_schema
from service.api.route import JSON, PostRoute
from service.api.routes import OPERATIONS
from service.api.schemas import ExampleInputs
from service.imaging.errors import ImageError
from service.imaging.reader import read_image
from service.imaging.writer import base64_pngs, contact_sheet, sheet, upscale
from service.model.autoencoder import Autoencoder, Floats, unit_pixels
from service.model.errors import ModelLoadError
from service.model.interpolation import interpolate_path
from service.observability.request_context import RequestContext
from service.operations.fields import DEFAULT_STEPS, Limits

PICTURE_SCALE = 3
GENERAL = """\
Images go in as base64 or as files. They come out as base64 PNGs; by `Accept`, which is the media type chosen below an
answer, as a picture or an animation. Every refusal is an `application/problem+json`; of a bad body, it names the field.
`GET /model` tells more of the model.
"""
TAGS = {
    "Operations": "What the model does with images and latents.",
    "Open Inference Protocol": "Encoder and decoder as KServe's and Triton's clients ask for them, in tensors.",
    "Status": "What is served, and whether it is well.",
}
# What a request may be refused for: any request; one with a body; one that asks whether the model computes.
ANY_REQUEST = (
    problems.BAD_REQUEST,
    problems.REQUEST_TIMEOUT,
    problems.HEADERS_TOO_LARGE,
)
NOT_READY = (problems.INFERENCE_FAILED, problems.DRAINING)
WITH_BODY = (
    problems.NOT_ACCEPTABLE,
    problems.BODY_TOO_LARGE,
    problems.UNSUPPORTED_MEDIA_TYPE,
    problems.INVALID_REQUEST,
    problems.OVERLOADED,
    *NOT_READY,
)

Json = dict[str, Any]


def complete(
    app: FastAPI,
    limits: Limits,
    model: Autoencoder,
    operations: Iterable[PostRoute],
    *,
    keys_needed: bool,
) -> None:
    """Let the application's OpenAPI schema be filled in when it is first asked for, which takes a tenth of a second.

    All routes must be there, the operations among them. Raises ModelLoadError.
    """
    ingredients = example_inputs(model, limits)
    plain, lock = app.openapi, Lock()  # the schema is asked for in threads

    @cache
    def filled() -> Json:
        app.openapi_schema = (
            None  # or it would be filled twice, where the first time failed
        )
        schema = plain()
        schema["info"]["description"] = (
            f"{describe_model(model, ingredients)}\n\n{GENERAL}"
        )
        schema["tags"] = [
            {"name": name, "description": description}
            for name, description in TAGS.items()
        ]
        set_bounds(schema["components"]["schemas"], limits)
        describe_responses(schema, keys_needed=keys_needed)
        set_examples(schema["paths"], ingredients, operations)
        describe_uploads(schema["paths"], limits)
        if keys_needed:
            set_security(schema)
        return schema

    def openapi() -> Json:
        with lock:
            return filled()

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def set_bounds(schemas: Json, limits: Limits) -> None:
    """Write the limits where a type is bounded by them."""
    for name in ("Images", "Latents", "Digits", "Terms", "Dimensions"):
        schemas[name].update(minItems=1, maxItems=limits.max_items)
    schemas["Image"]["description"] += (
        f" It is brought to {limits.image_width} x {limits.image_height} pixels, white ink on black, as fit says."
    )
    numbers, _ = schemas["Latent"]["anyOf"]
    numbers.update(minItems=limits.latent_size, maxItems=limits.latent_size)
    numbers["items"].update(minimum=-limits.max_latent, maximum=limits.max_latent)
    schemas["Waypoints"].update(minItems=2, maxItems=limits.max_items)
    schemas["Steps"].update(minimum=2, maximum=limits.max_items)
    schemas["Dimension"].update(minimum=0, maximum=limits.latent_size - 1)
    schemas["Offset"].update(minimum=-limits.max_latent, maximum=limits.max_latent)
    schemas["Count"].update(minimum=1, maximum=limits.max_items)
    if limits.labels:
        schemas["Digit"].update(enum=limits.labels)


def describe_model(model: Autoencoder, ingredients: ExampleInputs) -> str:
    """What the page opens with, in Markdown: the model's name and size, and a walk between two images that it made."""
    card = model.card
    _, height, width = card.image_shape
    ends = np.array(ingredients.latents[:2], dtype=np.float32)
    _, latents = interpolate_path(model, ends, DEFAULT_STEPS, "linear", closed=False)
    walk = contact_sheet(sheet(model.decode(latents), columns=DEFAULT_STEPS))
    (picture,) = base64_pngs(upscale(walk, PICTURE_SCALE))
    return (
        f"**{card.name}**, a variational autoencoder of {card.parameters:,} parameters, turns an image of "
        f"{width} x {height} pixels into a point of a latent space of {card.latent_size} dimensions, and back. "
        f"It was fitted to {card.data.training_images:,} images of {card.data.name}.\n\n"
        f'<img alt="A walk from an image to another, as the model draws it" src="data:image/png;base64,{picture}">'
    )


def describe_responses(schema: Json, *, keys_needed: bool) -> None:
    """Give each operation all statuses but 500, which any can fail with, and say what comes with them."""
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            for response in responses.values():
                answer_schema = (
                    response["content"].get(JSON.decode(), {}).get("schema", {})
                )
                if reference := answer_schema.get("$ref"):
                    response["description"] = schema["components"]["schemas"][
                        reference.split("/")[-1]
                    ]["description"]
            kinds = list(ANY_REQUEST)
            if keys_needed and path not in PROBES:
                kinds.append(problems.UNAUTHORIZED)
            if "requestBody" in operation:
                kinds += WITH_BODY
            elif "503" in responses:
                kinds += NOT_READY
            responses.update(refusals(kinds))


def refusals(kinds: Iterable[ProblemType]) -> Json:
    """The responses of these kinds, by status, with an example of each."""
    by_status: dict[int, list[Problem]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(problems.EXAMPLES[kind.title])
    return {
        str(status): refusal_response(examples)
        for status, examples in sorted(by_status.items())
    }


def refusal_response(examples: list[Problem]) -> Json:
    """The response of a status, which these are examples of."""
    titles = [example.title for example in examples]
    values = [example.model_dump(exclude_defaults=True) for example in examples]
    content: Json = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if len(values) == 1:
        content["example"] = values[0]
    else:
        content["examples"] = {
            title: {"value": value} for title, value in zip(titles, values, strict=True)
        }
    return {
        "description": " / ".join(titles),
        "content": {problems.MEDIA_TYPE: content},
    }


def describe_uploads(paths: Json, limits: Limits) -> None:
    """Tell of pictures without JSON around them, and of the options in a query, where they are taken."""
    for path, operation in OPERATIONS.items():
        schema = request_schema(operation)
        if not schema.takes_files:
            continue
        described = paths[path]["post"]
        file = {
            "type": "string",
            "format": "binary",
            "description": "A picture of a digit, as it is.",
        }
        body = schema.model_json_schema(ref_template="#/components/schemas/{model}")
        options = {name: body["properties"][name] for name in option_names(schema)}
        files = {
            "type": "array",
            "items": file,
            "minItems": 1,
            "maxItems": limits.max_items,
        }
        files["description"] = "In order."
        form: Json = {
            "type": "object",
            "properties": {"images": files, **options},
            "required": ["images"],
        }
        form["additionalProperties"] = False
        content = described["requestBody"]["content"]
        content.update(
            {media_type.decode(): {"schema": file} for media_type in PICTURES}
        )
        content[FORM.decode()] = {"schema": form}
        described["parameters"] = [
            {
                "name": name,
                "in": "query",
                "schema": option,
                "description": f"{definition_of(option, body)['description']} What a body says of it counts first.",
            }
            for name, option in options.items()
        ]


def definition_of(field: Json, schema: Json) -> Json:
    """What a field is, by what it refers to and what it says itself."""
    return (
        {**schema["$defs"][field["$ref"].split("/")[-1]], **field}
        if "$ref" in field
        else field
    )


def example_inputs(model: Autoencoder, limits: Limits) -> ExampleInputs:
    """What examples are made of, by this model. Raises ModelLoadError if its card's images are none of its size."""
    images = model.card.examples
    size = (limits.image_height, limits.image_width)
    try:
        pixels = np.array(
            [
                read_image(image, *size, limits.max_image_pixels, "none").pixels
                for image in images
            ]
        )
    except ImageError as error:
        raise ModelLoadError(f"the examples in the model card: {error}") from error
    rows = unit_pixels(pixels).reshape(len(images), -1)
    return ExampleInputs(
        images, rounded(rows, 2), rounded(model.encode(pixels).mean, 3)
    )


def rounded(values: Floats, digits: int) -> list[list[float]]:
    """Numbers as short as they may be."""
    return [[round(value, digits) for value in row] for row in values.tolist()]


def set_examples(
    paths: Json, ingredients: ExampleInputs, operations: Iterable[PostRoute]
) -> None:
    """Give each operation its examples, each with the real answer, but for those that this model refuses."""
    for route in operations:
        if not route.include_in_schema:
            continue
        requests, answers = {}, {}
        for name, request in route.examples(ingredients).items():
            with suppress(ProblemError):
                answers[name] = {"value": answer(route, request)}
                requests[name] = {"value": request}
        operation = paths[route.path]["post"]
        operation["requestBody"]["content"]["application/json"]["examples"] = requests
        operation["responses"]["200"]["content"]["application/json"]["examples"] = (
            answers
        )


def answer(route: PostRoute, request: object) -> object:
    """What a route answers to a body. Raises RefusedError."""
    task = route.parse(
        json.dumps(request).encode(), JSON, {"headers": (), "query_string": b""}
    )
    content: object = json.loads(task.work(RequestContext("example")).content)
    return content


def set_security(schema: Json) -> None:
    """Tell how to bring a key; the page then asks for one."""
    schema["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for path, operations in schema["paths"].items():
        if path not in PROBES:
            for operation in operations.values():
                operation["security"] = [{"bearer": []}, {"header": []}]
