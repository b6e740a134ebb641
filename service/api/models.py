"""Routes of the models: the list, and the card of each."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field

from service.api.errors import Problem
from service.api.model_paths import MODELS_PATH, find_model
from service.api.state import AppState, ServedModel
from service.api.status import TAG
from service.model.card import ImageDescription, ModelCard
from service.operations import base


class ModelEntry(base.Response):
    """A model that was found."""

    name: str = Field(description="Name of the model in paths.")
    title: str | None = Field(None, description="The kind of images, for people.")
    image: ImageDescription | None = Field(None, description="The model's images.")
    labels: list[str] | None = Field(None, description="Names of the classes.")
    state: Literal["ready", "unavailable"] = Field(
        description="ready: the model is loaded."
    )
    reason: str = Field(
        "",
        description="Reason why the model could not be loaded. If it is ready "
        "nevertheless, an earlier version is in service.",
    )
    default: bool = Field(
        default=False, description="Whether paths without a name are this model's."
    )


class ModelList(base.Response):
    """Models that were found, in the order of their names."""

    models: list[ModelEntry] = Field(description="Each model, loaded or not.")


def models_router(state: AppState) -> APIRouter:
    """Return the routes that describe the models."""
    router = APIRouter(tags=[TAG])

    @router.get(MODELS_PATH, operation_id="models", summary="Models")
    async def models() -> ModelList:
        """Name, kind of images, classes and state of each model."""
        return list_models(state)

    @router.get(
        MODELS_PATH + "/{model}",
        operation_id="model_by_name",
        summary="Model card of a model",
        response_model_exclude_unset=True,  # the fields of the file, no others
        responses={404: {"model": Problem}},
    )
    async def model_card(request: Request) -> ModelCard:
        """Architecture, objective, data, measured quality, hashes."""
        return find_model(state, request.path_params["model"]).backend.card

    return router


def list_models(state: AppState) -> ModelList:
    """Return all models that were found."""
    models = state.models
    entries = []
    for name in sorted(models.by_name.keys() | models.reasons.keys()):
        reason = models.reasons.get(name, "")
        model = models.by_name.get(name)
        if model is None:
            entries.append(ModelEntry(name=name, state="unavailable", reason=reason))
        else:
            is_default = name == models.default_name
            entries.append(loaded_entry(model, reason, default=is_default))
    return ModelList(models=entries)


def loaded_entry(model: ServedModel, reason: str, *, default: bool) -> ModelEntry:
    """Return the entry of a model that is loaded."""
    card = model.backend.card
    return ModelEntry(
        name=model.name,
        title=card.title,
        image=card.image,
        labels=[label.name for label in card.labels],
        state="ready",
        reason=reason,
        default=default,
    )
