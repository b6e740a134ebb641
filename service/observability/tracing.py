"""Traces, where a collector is named: FastAPI's own OpenTelemetry spans, which join the caller's ``traceparent``."""

from fastapi.telemetry import TelemetryConfig
from opentelemetry.trace import TracerProvider

SERVICE_NAME = "vae-service"


class TracingError(Exception):
    """Traces are asked for, but what sends them is not installed."""


def tracer_provider(endpoint: str) -> TracerProvider:
    """What makes spans and sends them, some at a time, to an OTLP collector's address over HTTP.

    Raises TelemetryError where the extra is missing.
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
    provider = trace.TracerProvider(
        resource=Resource.create({"service.name": SERVICE_NAME})
    )
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces"))
    )
    return provider


def telemetry(provider: TracerProvider | None) -> TelemetryConfig:
    """How FastAPI tells of its requests: only traces, only with a provider. Else it would look for one at each."""
    return {
        "tracing": provider is not None,
        "tracer_provider": provider,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
    }
