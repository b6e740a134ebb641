"""Completion of FastAPI's schema: model, bounds, problems, examples."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from threading import Lock
from typing import Any

from fastapi import FastAPI

from service.api import errors
from service.api.body import JSON
from service.api.errors import Problem, ProblemError, ProblemType
from service.api.route import OperationRoute
from service.api.state import AppState, ServedModel
from service.imaging.codec import ImageCodec
from service.imaging.errors import ImageError
from service.model.autoencoder import Backend, Floats, unit_pixels
from service.model.errors import ModelLoadError, NoInspectorError
from service.model.labels import label_classes
from service.openapi.labels import describe_labels
from service.openapi.named_paths import describe_named_paths
from service.openapi.uploads import describe_uploads
from service.operations.base import ExampleInputs
from service.operations.limits import Limits

GENERAL = """\
Images are sent as base64 or as files. They are returned as base64 PNGs or, depending on
`Accept` (the media type selected below a response), as one picture or an animation.
Rejected requests get an `application/problem+json`, which names the invalid fields of a
body. `GET /model` returns the model card. Clients are best generated from
`/openapi.json`, which describes JSON only.
"""
# The card's fit of an image that is not of the model's size.
FIT_METHODS = {
    "ink": "the ink on it is cropped, scaled, centered by mass, and white on black",
    "stretch": "another size is scaled as a whole",
    "pad": "another size is scaled to fit inside",
    "crop": "of another size, the central part is scaled",
}
TAGS = {
    "Operations": "Operations of the model on images and latents.",
    "Open Inference Protocol": "Encoder, decoder and inspector on tensors, for the "
    "clients of KServe and Triton.",
    "Status": "Model card, health, metrics.",
}
# Paths, and the beginnings of paths, that a model without an inspector does not have.
INSPECTOR_PATHS = ("/inspect", "/v2/models/inspector")
# Problems of all requests, of those that need the model, and of those with a body.
ANY_REQUEST = (
    errors.BAD_REQUEST,
    errors.REQUEST_TIMEOUT,
    errors.HEADERS_TOO_LARGE,
)
NOT_READY = (errors.INFERENCE_FAILED, errors.DRAINING)
WITH_BODY = (
    errors.NOT_ACCEPTABLE,
    errors.BODY_TOO_LARGE,
    errors.UNSUPPORTED_MEDIA_TYPE,
    errors.INVALID_REQUEST,
    errors.OVERLOADED,
    *NOT_READY,
)

CHANGES_MODELS = (errors.MODEL_UNCHANGED, errors.OVERLOADED)

Json = dict[str, Any]


def customize_openapi(
    app: FastAPI,
    state: AppState,
    operations: Sequence[OperationRoute],
    probes: Iterable[str],
) -> None:
    """Complete FastAPI's schema when it is first requested. Probes need no API key."""
    plain = app.openapi
    lock = Lock()  # the schema is made in threads
    open_paths = frozenset(probes)

    @lru_cache(maxsize=1)
    def completed(model: ServedModel, names: tuple[str, ...]) -> Json:
        app.openapi_schema = None  # completed from scratch for each model
        schema = plain()
        keep_supported_paths(schema, model)
        supported = [route for route in operations if is_supported(route.path, model)]
        describe_service(schema, model)
        with_keys = bool(state.api_keys)
        describe_responses(schema, open_paths, with_keys=with_keys)
        paths = schema["paths"]
        set_examples(paths, supported, model)
        describe_uploads(paths, supported, model.limits)
        described = supported if state.by_name else []
        describe_named_paths(paths, described, names)
        if with_keys:
            set_security(schema, open_paths)
        return schema

    def openapi() -> Json:
        with lock:
            return completed(state.model, tuple(state.models.by_name))

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def keep_supported_paths(schema: Json, model: ServedModel) -> None:
    """Remove the paths of operations that the model does not support."""
    paths = schema["paths"]
    supported = [path for path in paths if is_supported(path, model)]
    schema["paths"] = {path: paths[path] for path in supported}


def describe_service(schema: Json, model: ServedModel) -> None:
    """Set the introduction, the tags, and the bounds of the model's types."""
    schema["info"]["description"] = f"{describe_model(model)}\n\n{GENERAL}"
    tags = []
    for name, description in TAGS.items():
        tag = {"name": name, "description": description}
        tags.append(tag)
    schema["tags"] = tags
    schemas = schema["components"]["schemas"]
    set_bounds(schemas, model.limits)
    describe_image(schemas["Image"], model)


def is_supported(path: str, model: ServedModel) -> bool:
    """Return whether a path is in the schema: not if its model is missing."""
    can_inspect = model.backend.calibration is not None
    return can_inspect or not path.startswith(INSPECTOR_PATHS)


def set_bounds(schemas: Json, limits: Limits) -> None:
    """Set the limits in the schemas of the types that they bound."""
    for name in ("Images", "Latents", "Labels", "Terms", "Dimensions"):
        schemas[name].update(minItems=1, maxItems=limits.max_items)
    numbers, _ = schemas["Latent"]["anyOf"]
    numbers.update(minItems=limits.latent_size, maxItems=limits.latent_size)
    bound = limits.max_latent
    numbers["items"].update(minimum=-bound, maximum=bound)
    schemas["Waypoints"].update(minItems=2, maxItems=limits.max_items)
    schemas["Steps"].update(minimum=2, maximum=limits.max_items)
    schemas["Dimension"].update(minimum=0, maximum=limits.latent_size - 1)
    schemas["Offset"].update(minimum=-bound, maximum=bound)
    schemas["Count"].update(minimum=1, maximum=limits.max_items)
    describe_labels(schemas, limits.labels)


def describe_image(schema: Json, model: ServedModel) -> None:
    """Describe the images that requests have."""
    card = model.backend.card
    color = card.image.color
    shape = model.limits.image_shape
    schema["description"] += (
        f" It is converted to {shape.width} x {shape.height} pixels in {color}; "
        f"{FIT_METHODS[card.fit.method]}. The field fit selects another way."
    )


def describe_model(model: ServedModel) -> str:
    """Return the document's introduction in Markdown."""
    card = model.backend.card
    shape = model.limits.image_shape
    return (
        f"**{card.name}**, a variational autoencoder of {card.parameters:,} "
        f"parameters, encodes an image of {shape.width} x {shape.height} pixels in "
        f"{card.image.color} to a point of a latent space of {card.latent_size} "
        f"dimensions, and decodes it. It was trained on {card.data.images.train:,} "
        f"images of {card.data.name}: {card.title}."
    )


def describe_responses(
    schema: Json, open_paths: frozenset[str], *, with_keys: bool
) -> None:
    """Add all problems with examples, except 500, which any operation can have."""
    components = schema["components"]["schemas"]
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            for response in responses.values():
                content = response["content"].get(JSON.decode(), {})
                if reference := content.get("schema", {}).get("$ref"):
                    name = reference.split("/")[-1]
                    response["description"] = components[name]["description"]
            kinds = list(ANY_REQUEST)
            if with_keys and path not in open_paths:
                kinds.append(errors.UNAUTHORIZED)
            if "404" in responses:
                kinds.append(errors.NOT_FOUND)
            if "requestBody" in operation:
                kinds += WITH_BODY
            elif "422" in responses:
                kinds += CHANGES_MODELS
            elif "503" in responses:
                kinds += NOT_READY
            responses.update(problem_responses(kinds))


def problem_responses(kinds: Iterable[ProblemType]) -> Json:
    """Return the responses of problem types by status, with an example of each."""
    by_status: dict[int, list[Problem]] = {}
    for kind in kinds:
        examples = by_status.setdefault(kind.status, [])
        examples.append(errors.EXAMPLES[kind.title])
    responses = {}
    for status, examples in sorted(by_status.items()):
        responses[str(status)] = problem_response(examples)
    return responses


def problem_response(examples: list[Problem]) -> Json:
    """Return the response of one status with its examples."""
    content: Json = {"schema": {"$ref": "#/components/schemas/Problem"}}
    values = {}
    for example in examples:
        values[example.title] = example.model_dump(exclude_defaults=True)
    if len(values) == 1:
        (content["example"],) = values.values()
    else:
        named = {title: {"value": value} for title, value in values.items()}
        content["examples"] = named
    return {
        "description": " / ".join(values),
        "content": {errors.MEDIA_TYPE: content},
    }


def example_inputs(backend: Backend, codec: ImageCodec) -> ExampleInputs:
    """Return the inputs of the examples, from the images in the model card.

    Raises ModelLoadError if they cannot be decoded or are not of the model's size.
    """
    images = backend.card.examples
    try:
        decoded = codec.decode(images, "none")
    except ImageError as error:
        raise ModelLoadError(f"the examples in the model card: {error}") from error
    pixels = decoded.pixels
    means = backend.encode(pixels).mean
    rows = unit_pixels(pixels).reshape(len(images), -1)
    return ExampleInputs(
        images,
        rounded(rows, 2),
        rounded(means, 3),
        list(label_classes(backend)),
    )


def rounded(values: Floats, decimals: int) -> list[list[float]]:
    """Return rows of numbers, rounded for readers."""
    return [[round(value, decimals) for value in row] for row in values.tolist()]


def set_examples(
    paths: Json, operations: Iterable[OperationRoute], model: ServedModel
) -> None:
    """Add each operation's examples with their real responses.

    An example that the model rejects is left out.
    """
    for route in operations:
        if not route.include_in_schema:
            continue
        requests = {}
        responses = {}
        for title, request in route.examples(model.examples).items():
            with suppress(ProblemError, NoInspectorError):
                response = route.example_response(request, model)
                responses[title] = {"value": response}
                requests[title] = {"value": request}
        operation = paths[route.path]["post"]
        bodies = operation["requestBody"]["content"]
        bodies[JSON.decode()]["examples"] = requests
        results = operation["responses"]["200"]["content"]
        results[JSON.decode()]["examples"] = responses


def set_security(schema: Json, open_paths: frozenset[str]) -> None:
    """Describe both ways to send an API key, so that the page can ask for one."""
    schema["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for path, operations in schema["paths"].items():
        if path not in open_paths:
            for operation in operations.values():
                operation["security"] = [{"bearer": []}, {"header": []}]
