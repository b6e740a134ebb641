"""Metrics, access log, request context and tracing."""
