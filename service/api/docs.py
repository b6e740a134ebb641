"""What FastAPI cannot know of its pages: the model's sizes, the settings' bounds, examples that work, a policy."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from service.api import problems
from service.api.guard import PROBES
from service.api.json_route import request_schema
from service.api.post_route import JSON, PostRoute
from service.api.problems import RefusedError
from service.api.record import Record
from service.api.routes import OPERATIONS
from service.api.schemas import Ingredients, Limits
from service.api.uploads import FORM, OPTIONS, PICTURES
from service.imaging.reader import read_image
from service.model.autoencoder import Autoencoder, Floats, unit_pixels

PAGES = ("/docs", "/redoc")
PATHS = (*PAGES, "/openapi.json", "/static-offline-docs")
INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)

Json = dict[str, Any]


def complete(
    app: FastAPI, limits: Limits, model: Autoencoder, operations: Iterable[PostRoute], *, keys_needed: bool
) -> None:
    """Fill in the application's OpenAPI schema, once all routes are there, the operations among them."""
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path in PAGES:
            guard_page(app, route)
    schema = app.openapi()  # kept by FastAPI until a route is added
    set_bounds(schema["components"]["schemas"], limits)
    for path in schema["paths"].values():
        for operation in path.values():
            describe_refusals(operation["responses"])
    set_examples(schema["paths"], ingredients_of(model, limits), operations)
    describe_uploads(schema["paths"], limits)
    if keys_needed:
        set_security(schema)


def set_bounds(schemas: Json, limits: Limits) -> None:
    """Write the limits where a type is bounded by them."""
    for name in ("Images", "Latents"):
        schemas[name].update(minItems=1, maxItems=limits.max_items)
    schemas["Image"]["description"] += (
        f" It is brought to {limits.image_width} x {limits.image_height} pixels, white ink on black, as fit says."
    )
    schemas["Latent"].update(minItems=limits.latent_size, maxItems=limits.latent_size)
    schemas["Latent"]["items"].update(minimum=-limits.max_latent, maximum=limits.max_latent)
    schemas["Steps"].update(maximum=limits.max_items)


def describe_refusals(responses: Json) -> None:
    """Give each refusal its title, an example, and its media type, where FastAPI writes the route's."""
    for status, example in problems.EXAMPLES.items():
        if response := responses.get(str(status)):
            (content,) = response["content"].values()
            response["description"] = example.title
            response["content"] = {
                problems.MEDIA_TYPE: {**content, "example": example.model_dump(exclude_defaults=True)}
            }


def describe_uploads(paths: Json, limits: Limits) -> None:
    """Tell of pictures without JSON around them, and of the options in a query, where they are taken."""
    for path, operation in OPERATIONS.items():
        schema = request_schema(operation)
        if not schema.takes_files:
            continue
        described = paths[path]["post"]
        file = {"type": "string", "format": "binary", "description": "A picture of a digit, as it is."}
        fields = schema.model_json_schema()["properties"]
        options = {name: fields[name] for name in OPTIONS}
        files = {"type": "array", "items": file, "minItems": 1, "maxItems": limits.max_items}
        files["description"] = "In order; files of other names are read too."
        form: Json = {"type": "object", "properties": {"images": files, **options}, "required": ["images"]}
        form["additionalProperties"] = False
        content = described["requestBody"]["content"]
        content.update({media_type.decode(): {"schema": file} for media_type in PICTURES})
        content[FORM.decode()] = {"schema": form}
        described["parameters"] = [
            {"name": name, "in": "query", "schema": option, "description": "As in a body, whose word counts first."}
            for name, option in options.items()
        ]


def ingredients_of(model: Autoencoder, limits: Limits) -> Ingredients:
    """What examples are made of, by this model."""
    images = model.card.examples
    size = (limits.image_height, limits.image_width)
    pixels = np.array([read_image(image, *size, limits.max_image_pixels, "none").pixels for image in images])
    rows = unit_pixels(pixels).reshape(len(images), -1)
    return Ingredients(images, rounded(rows, 2), rounded(model.encode(pixels).mean, 3))


def rounded(values: Floats, digits: int) -> list[list[float]]:
    """Numbers as short as they may be."""
    return [[round(value, digits) for value in row] for row in values.tolist()]


def set_examples(paths: Json, ingredients: Ingredients, operations: Iterable[PostRoute]) -> None:
    """Give each operation its examples, each with the real answer, but for those that this model refuses."""
    for route in operations:
        if not route.include_in_schema:
            continue
        requests, answers = {}, {}
        for name, request in route.examples(ingredients).items():
            with suppress(RefusedError):
                answers[name] = {"value": answer(route, request)}
                requests[name] = {"value": request}
        operation = paths[route.path]["post"]
        operation["requestBody"]["content"]["application/json"]["examples"] = requests
        operation["responses"]["200"]["content"]["application/json"]["examples"] = answers


def answer(route: PostRoute, request: object) -> object:
    """What a route answers to a body. Raises RefusedError."""
    task = route.parse(json.dumps(request).encode(), JSON, {"headers": (), "query_string": b""})
    content: object = json.loads(task.work(Record("example")).content)
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


def guard_page(app: FastAPI, route: APIRoute) -> None:
    """Let a page load what the service itself serves, and run the one script that stands in it, and no more."""

    async def guarded(request: Request) -> Response:
        response: Response = await route.endpoint(request)
        response.headers["Content-Security-Policy"] = page_policy(bytes(response.body))
        return response

    app.router.routes.remove(route)
    app.add_api_route(route.path, guarded, include_in_schema=False)


def page_policy(page: bytes) -> str:
    """The content security policy of a documentation page (W3C CSP 3): its inline scripts are named by their hashes."""
    scripts = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in INLINE_SCRIPT.findall(page)
    )
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
