"""What FastAPI cannot know of the OpenAPI schema: the model's sizes, the settings' bounds, and examples that work."""

import json
from typing import Any

from fastapi import FastAPI

from service.api import problems
from service.api.json_route import answerer
from service.api.routes import Endpoints
from service.api.schemas import DEFAULT_STEPS, Limits
from service.model.autoencoder import Autoencoder

Json = dict[str, Any]


def complete(app: FastAPI, limits: Limits, autoencoder: Autoencoder) -> None:
    """Fill in the application's OpenAPI schema, once all routes are there."""
    schema = app.openapi()
    set_bounds(schema["components"]["schemas"], limits)
    for path in schema["paths"].values():
        for operation in path.values():
            describe_refusals(operation["responses"])
    set_examples(schema["paths"], limits, autoencoder)


def set_bounds(schemas: Json, limits: Limits) -> None:
    """Write the limits where a type is bounded by them."""
    for name in ("Images", "Latents"):
        schemas[name].update(minItems=1, maxItems=limits.max_items)
    schemas["Image"]["description"] += f" Size: {limits.image_width} x {limits.image_height} pixels."
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


def set_examples(paths: Json, limits: Limits, autoencoder: Autoencoder) -> None:
    """Give each operation a request that works, with its real answer."""
    endpoints = Endpoints(autoencoder)
    first, second = autoencoder.card.examples[:2]
    images = {"images": [first, second]}
    encoded = json.loads(answerer(endpoints.encode, limits)(json.dumps(images).encode()))
    latents = {"latents": [[round(value, 3) for value in posterior["mean"]] for posterior in encoded["latents"]]}
    ends = {"start": {"image": first}, "end": {"image": second}, "steps": DEFAULT_STEPS}
    for endpoint, request in (
        (endpoints.encode, images),
        (endpoints.decode, latents),
        (endpoints.reconstruct, images),
        (endpoints.interpolate, ends),
    ):
        operation = paths[f"/{endpoint.__name__}"]["post"]
        answer = json.loads(answerer(endpoint, limits)(json.dumps(request).encode()))
        operation["requestBody"]["content"]["application/json"]["example"] = request
        operation["responses"]["200"]["content"]["application/json"]["example"] = answer
