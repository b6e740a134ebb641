"""What an application shares with its server, and outlives it when the model is loaded anew."""

import os
from dataclasses import dataclass, field

from opentelemetry.trace import TracerProvider

from service.api.admission import Admission
from service.observability.logs import AccessLog
from service.observability.metrics import Metrics
from service.observability.request_context import RequestContext


@dataclass
class AppState:
    """One for each worker process.

    draining: the service is about to stop; readyz says so, and every answer ends its connection.
    main_process: the process that signals go to.
    """

    metrics: Metrics
    admission: Admission
    access_log: AccessLog | None = None
    tracer_provider: TracerProvider | None = None
    draining: bool = False
    main_process: int = field(default_factory=os.getpid)

    def account(
        self,
        record: RequestContext,
        client: str,
        method: str,
        path: str,
        seconds: float,
    ) -> None:
        """Count a request that has ended, and log it."""
        route = self.metrics.label(path)
        self.metrics.request(route, record.status, seconds)
        if record.images:
            self.metrics.work(
                route,
                record.images,
                (record.queue, record.decode, record.infer, record.encode),
            )
        if record.problem:
            self.metrics.add("problem", record.problem)
        if self.access_log:
            self.access_log.write(record, client, method, route, seconds)
