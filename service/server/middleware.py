"""Outermost layer: request id, security headers, metrics, access log."""

import asyncio
import functools
import os
import re
import secrets
from itertools import count
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.errors import internal_error, problem_response
from service.api.state import AppState
from service.observability.metrics import CLIENT_GONE, IN_FLIGHT
from service.observability.request_context import SCOPE_KEY, RequestContext, path_of

CLOSE = (b"connection", b"close")
PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9.:%_-]{1,64}")
PLAIN_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# OWASP's REST security cheat sheet.
NO_SNIFFING = (b"x-content-type-options", b"nosniff")
# For responses that have none of their own.
NO_CACHING = (b"cache-control", b"no-store")
POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
START = secrets.token_hex(4)
NUMBERS = count(1)


class RequestMiddleware:
    """Adds headers to every response, and counts and logs every request."""

    def __init__(self, app: ASGIApp, state: AppState) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, add headers to its response, count and log it."""
        started = perf_counter()
        context = request_context(scope)
        if scope["method"] == "HEAD":  # the server leaves out the body
            scope = {**scope, "method": "GET"}
        gauges = self.state.metrics.gauges
        gauges[IN_FLIGHT] += 1

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                # If the connection has ended the request, its status takes precedence.
                context.status = context.status or message["status"]
                self._add_headers(message["headers"], context)
            else:
                context.bytes_out += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            pass  # the process stops: uvicorn would log a traceback
        except Exception:
            if not context.status:
                response = problem_response(scope, internal_error())
                await response(scope, receive, send_with_headers)
            raise  # to the server, which logs it
        finally:
            gauges[IN_FLIGHT] -= 1
            if not context.status:
                context.status = CLIENT_GONE
            if not context.route:
                context.route = path_of(scope)
            # Counted in the next round of the event loop, not to delay the connection.
            asyncio.get_running_loop().call_soon(
                count_request,
                self.state,
                context,
                client_of(scope),
                scope["method"],
                perf_counter() - started,
            )

    def _add_headers(
        self, headers: list[tuple[bytes, bytes]], context: RequestContext
    ) -> None:
        """Add the headers of every response."""
        has_policy = has_caching = False
        for name, _ in headers:  # an iteration takes less than a generator's
            has_policy |= name == POLICY[0]
            has_caching |= name == NO_CACHING[0]
        headers.append((b"x-request-id", context.request_id.encode("ascii")))
        headers.append(NO_SNIFFING)
        if not has_caching:
            headers.append(NO_CACHING)
        if not has_policy:
            headers.append(POLICY)
        if context.images:
            headers.append((b"server-timing", server_timing(context)))
        if self.state.draining:
            headers.append(CLOSE)


def count_request(
    state: AppState, context: RequestContext, client: str, method: str, seconds: float
) -> None:
    """Count and log a request that has ended."""
    route = state.metrics.count_request(context, seconds)
    if state.access_log:
        state.access_log.write(context, client, method, route, seconds)


def request_context(scope: Scope) -> RequestContext:
    """Return the context of a request, with the client's request id if it is plain."""
    context: RequestContext | None = scope.get(SCOPE_KEY)
    if context is None:
        given = None
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given = value
                break
        context = scope[SCOPE_KEY] = RequestContext(request_id(given))
    return context


def request_id(given: bytes | None = None) -> str:
    """Return the client's X-Request-ID if it is plain, else a unique id."""
    if given is not None and PLAIN_ID.fullmatch(given):
        return given.decode("ascii")
    return f"{START}-{os.getpid():x}-{next(NUMBERS):x}"


def client_of(scope: Scope) -> str:
    """Return the client's address, or "-" if it does not look like one."""
    client = scope.get("client")
    return plain_address(client[0]) if client else "-"


@functools.lru_cache(maxsize=1024)
def plain_address(address: str) -> str:
    """Return an address, or "-" if it does not look like one.

    A trusted proxy may pass on an address that its client made up.
    """
    return address if PLAIN_ADDRESS.fullmatch(address) else "-"


def server_timing(context: RequestContext) -> bytes:
    """Return the times of a request in milliseconds (W3C Server Timing)."""
    return b"queue;dur=%.3f, read;dur=%.3f, infer;dur=%.3f, write;dur=%.3f" % (
        context.queue * 1000,
        context.read * 1000,
        context.infer * 1000,
        context.write * 1000,
    )
