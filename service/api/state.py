"""State that the application shares with the server process."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from operator import setitem

from service.api.body import BodyBudget
from service.api.rejections import RejectionRate
from service.imaging.codec import ImageCodec
from service.model.autoencoder import Backend
from service.model.batching import BatchScheduler
from service.model.repository import LoadedModels, ModelChange
from service.model.sharing import ModelSchedulers
from service.observability.logs import AccessLog
from service.observability.metrics import Metrics
from service.operations.base import ExampleInputs
from service.operations.cost import ImageCost
from service.operations.limits import Limits


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """A model and everything derived from it; a reload replaces all of it at once.

    name: in the paths of several models.
    prefix: of its names in the Open Inference Protocol; empty for the default model
        where no name is given.
    """

    name: str
    prefix: str
    backend: Backend
    limits: Limits
    codec: ImageCodec
    image_cost: ImageCost
    examples: ExampleInputs


ChangeModel = Callable[[ModelChange], Awaitable[None]]


@dataclass
class AppState:
    """State of one process.

    models: all models that are loaded.
    model: the default model, as it is served where no name is given.
    by_name: whether the models come from a folder of several, and are described by
        their names.
    api_keys: keys of which clients must send one; empty: no key is needed.
    draining: whether the service is about to stop: /readyz then fails, and every
        response closes its connection.
    main_process: process id that signals are sent to.
    change_model: loads or unloads a model in all processes; raises ModelLoadError, or
        OverloadedError if too many changes wait.
    """

    models: LoadedModels[ServedModel]
    schedulers: ModelSchedulers
    body_budget: BodyBudget
    rejection_rate: RejectionRate
    by_name: bool = False
    access_log: AccessLog | None = None
    api_keys: tuple[bytes, ...] = ()
    draining: bool = False
    main_process: int = field(default_factory=os.getpid)
    change_model: ChangeModel = field(init=False)
    model: ServedModel = field(init=False)
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        """Set the default model and the schedulers of all models."""
        self.model = replace(self.models.default, prefix="")
        self.schedulers.share(self.models.by_name)

    @property
    def scheduler(self) -> BatchScheduler:
        """The scheduler of the default model."""
        return self.schedulers.by_name[self.model.name]

    def serve(self, models: LoadedModels[ServedModel]) -> None:
        """Replace the models. A request keeps the model that it began with."""
        self.metrics.count_models(models.by_name)
        for name, model in models.by_name.items():
            earlier = self.models.by_name.get(name)
            if earlier is None or model.backend.card != earlier.backend.card:
                self.metrics.inspections_of(name).clear()
        self.schedulers.share(models.by_name)
        self._report_pending()
        self.models = models
        self.model = replace(models.default, prefix="")

    def start_counting(self, metrics: Metrics) -> None:
        """Set the metrics, and count in their row 0."""
        self.metrics = metrics
        metrics.count_models(self.models.by_name)
        self.use_metrics_row(0)

    def use_metrics_row(self, row: int) -> None:
        """Count this process's requests in a row of the metrics."""
        self.metrics.write_to(row)
        self._report_pending()

    def _report_pending(self) -> None:
        """Have the schedulers write their pending work to this process's metrics."""
        metrics = self.metrics
        self.schedulers.report_pending(
            lambda name: partial(setitem, metrics.gauges, metrics.pending_cell(name))
        )
