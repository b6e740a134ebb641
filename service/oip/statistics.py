"""Statistics of the models, from the counts that the metrics show.

Triton's other statistics are absent, because they are not measured: executions, which
requests share by dynamic batching, and the stages of requests.
"""

from pydantic import Field

from service.api.state import ServedModel
from service.observability.metrics import SUCCESS, Metrics, RouteCounts
from service.oip.specs import VERSION, model_paths
from service.operations.base import Response

NANOSECONDS = 1_000_000_000


class DurationStatistics(Response):
    """Number of requests and their time."""

    count: int = Field(description="Number of requests.")
    ns: int = Field(description="Time of all these requests in nanoseconds.")


class InferStatistics(Response):
    """Requests to a model by their result."""

    success: DurationStatistics = Field(description="Requests that were answered.")
    fail: DurationStatistics = Field(
        description="Requests that were rejected, failed, or left by their client."
    )


class ModelStatistics(Response):
    """Statistics of a model, of all workers since the service started."""

    name: str = Field(description="Name of the model.")
    version: str = Field(VERSION, description="Version of the model.")
    inference_count: int = Field(description="Items of the requests answered.")
    inference_stats: InferStatistics = Field(description="Requests by their result.")


class Statistics(Response):
    """Statistics of models."""

    model_stats: list[ModelStatistics] = Field(description="Statistics of each model.")


def model_statistics(
    name: str, model: ServedModel, metrics: Metrics
) -> ModelStatistics:
    """Return the statistics of one of a model's graphs.

    Those of the default model count its requests by both of its names.
    """
    paths = [f"{path}/infer" for path in model_paths(name)]
    routes = [metrics.route_counts(path, model.name) for path in paths]
    return ModelStatistics(
        name=model.prefix + name,
        inference_count=sum(counts.images for counts in routes),
        inference_stats=InferStatistics(
            success=duration_statistics(routes, success=True),
            fail=duration_statistics(routes, success=False),
        ),
    )


def duration_statistics(
    routes: list[RouteCounts], *, success: bool
) -> DurationStatistics:
    """Return the requests of several routes that succeeded, or those that did not."""
    durations = [
        duration
        for counts in routes
        for status, duration in counts.durations.items()
        if (status == SUCCESS) == success
    ]
    seconds = sum(duration.seconds for duration in durations)
    return DurationStatistics(
        count=sum(duration.requests for duration in durations),
        ns=round(seconds * NANOSECONDS),
    )
