"""What happens to every request, whatever its path: an id, its headers, its counts, its line in the log."""

import re
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.errors import failed, problem_response
from service.api.state import AppState
from service.observability.metrics import CLIENT_GONE
from service.observability.request_context import RequestContext, context_of, path_of

CLOSE = (b"connection", b"close")
SANE_ADDRESS = re.compile(r"[A-Za-z0-9.:%_-]{1,64}")
POLICY_HEADER = b"content-security-policy"
# As OWASP's REST security cheat sheet has them.
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]
POLICY = (POLICY_HEADER, b"default-src 'none'; frame-ancestors 'none'")


class RequestMiddleware:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, state: AppState) -> None:
        self.app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and keep account of it."""
        started = perf_counter()
        record = context_of(scope)
        inner = (
            {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        )  # the server leaves out the body
        state = self._state
        state.metrics.in_flight(1)

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = (
                    record.status or message["status"]
                )  # the connection's, if it has ended the request
                message["headers"] = [
                    *message["headers"],
                    *self._headers(record, message["headers"]),
                ]
            else:
                record.bytes_out += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(inner, receive, send_noted)
        except Exception:
            if not record.status:
                await problem_response(inner, failed())(inner, receive, send_noted)
            raise  # to the server, which logs it
        finally:
            state.metrics.in_flight(-1)
            path = inner["route"].path if "route" in inner else path_of(inner)
            record.status = record.status or CLIENT_GONE
            state.account(
                record,
                client_of(scope),
                scope["method"],
                path,
                perf_counter() - started,
            )

    def _headers(
        self, record: RequestContext, headers: list[tuple[bytes, bytes]]
    ) -> list[tuple[bytes, bytes]]:
        """The headers that each answer has, beside its own."""
        added = [
            (b"x-request-id", record.request_id.encode("ascii")),
            *SECURITY_HEADERS,
        ]
        if all(name != POLICY_HEADER for name, _ in headers):
            added.append(POLICY)
        if record.images:
            added.append((b"server-timing", server_timing(record)))
        if self._state.draining:
            added.append(CLOSE)
        return added


def client_of(scope: Scope) -> str:
    """The client's address, if it looks like one: a proxy that is trusted may hand on what it was told."""
    client: str = scope["client"][0] if scope.get("client") else ""
    return client if SANE_ADDRESS.fullmatch(client) else "-"


def server_timing(record: RequestContext) -> bytes:
    """Where the time of a request went, in milliseconds (W3C Server Timing)."""
    milliseconds = (
        record.queue * 1000,
        record.decode * 1000,
        record.infer * 1000,
        record.encode * 1000,
    )
    return (
        b"queue;dur=%.3f, decode;dur=%.3f, infer;dur=%.3f, encode;dur=%.3f"
        % milliseconds
    )
