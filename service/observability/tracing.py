"""OpenTelemetry traces, if a collector is configured."""

from collections.abc import Mapping

from opentelemetry import propagate
from opentelemetry.trace import SpanKind, StatusCode, TracerProvider
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.observability.request_context import context_of

SERVICE_NAME = "vae-service"
FIRST_SERVER_ERROR = 500


class TracingError(Exception):
    """Traces are configured, but the packages that send them are not installed."""


def make_tracer_provider(endpoint: str) -> TracerProvider:
    """Return a provider whose spans are sent in batches to an OTLP collector over HTTP.

    Raises TracingError if the extra ``otlp`` is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
            OTLPSpanExporter,
        )
        from opentelemetry.sdk import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracingError("otlp_endpoint: the extra otlp is not installed") from error
    resource = Resource.create({"service.name": SERVICE_NAME})
    provider = trace.TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


class TracingMiddleware:
    """Creates a span for each request, with the caller's ``traceparent`` as parent.

    Attributes are those of OpenTelemetry's semantic conventions for HTTP servers.
    """

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        self.app = app
        self._tracer = provider.get_tracer(SERVICE_NAME)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request within a span."""
        caller = propagate.extract(carrier=header_texts(scope))
        method = scope["method"]
        with self._tracer.start_as_current_span(
            method, caller, SpanKind.SERVER, {"http.request.method": method}
        ) as span:

            async def send_traced(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.set_attribute("http.response.status_code", status)
                    if status >= FIRST_SERVER_ERROR:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self.app(scope, receive, send_traced)
            finally:
                route = context_of(scope).route
                if route:
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)


def header_texts(scope: Scope) -> Mapping[str, str]:
    """Return the headers of a request as text, names in lower case."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
