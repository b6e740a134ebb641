"""A connection of uvicorn's, with limits: of time, of headers, and of patience with a client that takes no answer."""

import asyncio
from asyncio import AbstractEventLoop, TimerHandle
from typing import Any

import httptools
import uvicorn
from typing_extensions import Buffer
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from service.api.errors import (
    BAD_REQUEST,
    DRAINING,
    HEADERS_TOO_LARGE,
    MEDIA_TYPE,
    REQUEST_TIMEOUT,
    ProblemType,
    problem,
)
from service.api.middleware import POLICY, SECURITY_HEADERS
from service.api.state import AppState
from service.observability.metrics import OTHER
from service.observability.request_context import RequestContext, context_of, request_id
from service.server.sockets import end_output, has_unread_input
from service.settings import Settings

CONTINUE = b"HTTP/1.1 100"
CONNECT, UPGRADE = b"CONNECT", b"upgrade"
REFUSAL_HEADERS = b"".join(
    b"%s: %s\r\n" % header for header in (*SECURITY_HEADERS, POLICY)
)


class OneWrite:
    """A transport that keeps the head of an answer until its body comes: one system call and one packet for both."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info

    def write(self, data: bytes) -> None:
        """Send bytes, or keep them if they are a head."""
        if self._head:
            data = self._head + data
            self._head = b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(CONTINUE):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Send a head that has no body."""
        if self._head:
            self.write(b"")

    def has_unsent(self) -> bool:
        """Check if the client has not taken all output."""
        return self._transport.get_write_buffer_size() > 0

    def close(self) -> None:
        """Send what is kept, and close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close without sending what is left."""
        self._transport.abort()


class RequestParser(httptools.HttpRequestParser):
    """A parser that lets go of offers to speak another protocol: the request counts without (RFC 9110, 7.8).

    httptools takes what follows such a head for the other protocol, and then for the next request: the body of a client
    that offers HTTP/2, as Java's does, would be lost, or answered as a request of its own.
    """

    def __init__(self, protocol: "HttpProtocol") -> None:
        self._protocol = protocol
        self._start()

    def _start(self) -> None:
        super().__init__(self._protocol)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's

    def feed_data(self, data: Buffer) -> None:
        """Read a piece; a head with an offer is read twice, at last without it."""
        rest = memoryview(data)
        while True:
            try:
                super().feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                rest = rest[offer.args[0] :]
                head = self._protocol.head_without_offer()
                self._start()  # of a request that ends its connection, nothing more would be read
                super().feed_data(head)
            else:
                return

    def has_offer(self) -> bool:
        """Tell whether the request whose head has come in offers another protocol. CONNECT is no offer."""
        return self.should_upgrade() and self.get_method() != CONNECT


class HttpProtocol(HttpToolsProtocol):
    """A connection whose requests must come in within their time and with headers of bounded size.

    uvicorn's own waits for ever for the rest of a request, and answers what is not HTTP in plain text.
    """

    def __init__(
        self,
        settings: Settings,
        state: AppState,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.parser: RequestParser = RequestParser(self)
        self._settings = settings
        self._state = state
        self._arriving = False  # a request has begun to come in and has not ended
        self._in_headers = True
        self._header_bytes = 0  # since the request began, or since a piece of its body: of trailers, then
        self._deadline: TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None
        self._taking: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Give the client the time of an idle connection to send anything."""
        super().connection_made(transport)
        self.transport = OneWrite(transport)  # type: ignore[assignment]  # all that uvicorn writes with
        self._wait_for_request(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection and its timers."""
        self._stop_clock()
        self._unset_keepalive_if_required()
        if self._taking is not None:
            self._taking.cancel()
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True  # uvicorn tells the last request alone, which may wait behind this one
            self._answering.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(
        self, cycle: RequestResponseCycle, app: ASGI3Application
    ) -> None:
        """See uvicorn."""
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        """Take in a piece of a request; a clock runs from its first to its last."""
        self._header_bytes += len(data)
        idle = self.timeout_keep_alive_task
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._arriving:
            if (
                self.cycle is None or self.cycle.response_complete
            ):  # an empty line, or the end of a refused body
                self._wait_for_request(idle)
        elif self._header_bytes > self._settings.max_header_bytes:
            self._headers_too_large()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(
                self._settings.request_timeout_seconds, self._timed_out
            )

    def on_message_begin(self) -> None:
        """See httptools."""
        super().on_message_begin()
        self._arriving = self._in_headers = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. Trailers, which come after the body, are dropped: nobody reads them."""
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """See httptools."""
        size = len(self.url) + sum(
            len(name) + len(value) + 4 for name, value in self.headers
        )
        if size > self._settings.max_header_bytes:
            self._headers_too_large()
            raise ConnectionAbortedError  # ends the parser's work on this connection
        if self.parser.has_offer():
            return
        if self.parser.get_method() == CONNECT:  # what follows would be no HTTP
            raise ConnectionRefusedError
        super().on_headers_complete()  # which fails at a target that is none
        self._in_headers = False

    def head_without_offer(self) -> bytes:
        """The head that has come in, but for its offer of another protocol."""
        line = b"%s %s HTTP/%s" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
        )
        return b"\r\n".join(
            [
                line,
                *(
                    b"%s: %s" % header
                    for header in self.headers
                    if header[0] != UPGRADE
                ),
                b"",
                b"",
            ]
        )

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._header_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """See httptools."""
        if self.parser.has_offer():
            return
        self._arriving = False
        self._header_bytes = 0
        self._stop_clock()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """See uvicorn."""
        self.transport.flush()  # type: ignore[attr-defined]  # see connection_made
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Give the client its time to take what is sent."""
        super().pause_writing()
        self._taking = self.loop.call_later(
            self._settings.request_timeout_seconds, self.transport.abort
        )

    def resume_writing(self) -> None:
        """See asyncio."""
        if self._taking is not None:
            self._taking.cancel()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, and let go of an answer that its client does not take."""
        self.transport.abort()

    def shutdown(self) -> None:
        """Close the connection if it is idle; no request that arrives is cut.

        A request may be in the socket, where the event loop has not read it yet. The
        event loop would close the socket a turn later, when another may have arrived.
        """
        transport = self.transport
        descriptor = transport.get_extra_info("socket").fileno()
        if self._arriving or has_unread_input(descriptor):
            return
        super().shutdown()
        if transport.is_closing() and not transport.has_unsent():  # type: ignore[attr-defined]  # see connection_made
            end_output(descriptor)

    def cut(self) -> None:
        """End the connection, though its request is not answered yet."""
        self._end(DRAINING, "the service has stopped before the request was answered")
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, if it has not been refused yet."""
        if not self.transport.is_closing():
            self._end(BAD_REQUEST, msg)

    def _headers_too_large(self) -> None:
        limit = f"{self._settings.max_header_bytes} bytes (VAE_MAX_HEADER_BYTES)"
        self._end(
            HEADERS_TOO_LARGE, f"line and headers, or trailers, have more than {limit}"
        )

    def _timed_out(self) -> None:
        seconds = self._settings.request_timeout_seconds
        self._end(
            REQUEST_TIMEOUT,
            f"the request was not complete after {seconds:g} s (VAE_REQUEST_TIMEOUT_SECONDS)",
        )

    def _end(self, kind: ProblemType, detail: str) -> None:
        """End the connection in the middle of a request, with a refusal if nothing else is to be answered before."""
        if (
            self._in_headers
            and self.cycle is not None
            and not self.cycle.response_complete
        ):
            self.cycle.keep_alive = (
                False  # the request before this one, whose answer ends the connection
            )
        elif not self._in_headers and (self.pipeline or self.cycle.response_started):
            self.transport.close()
        else:
            self._refuse(kind, detail)

    def _wait_for_request(self, idle: TimerHandle | None) -> None:
        """Give the client what is left of its time to send anything, or all of it."""
        until = idle.when() if idle else self.loop.time() + self.timeout_keep_alive
        self.timeout_keep_alive_task = self.loop.call_at(
            until, self.timeout_keep_alive_handler
        )

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, kind: ProblemType, detail: str) -> None:
        """Answer past the application, and end the connection. Where the headers are whole, Edge keeps account."""
        seen = None if self._in_headers else self.cycle.scope
        record = context_of(seen) if seen else RequestContext(request_id(None))  # type: ignore[arg-type]  # uvicorn's own type
        record.status, record.problem = kind.status, kind.name
        body = (
            problem(kind, detail, request_id=record.request_id)
            .model_dump_json(exclude_defaults=True)
            .encode()
        )
        self.transport.write(
            b"%scontent-type: %s\r\ncontent-length: %d\r\nx-request-id: %s\r\n%sconnection: close\r\n\r\n%s"
            % (
                STATUS_LINE[kind.status],
                MEDIA_TYPE.encode(),
                len(body),
                record.request_id.encode(),
                REFUSAL_HEADERS,
                body,
            )
        )
        self.transport.close()
        if not seen:
            record.bytes_out = len(body)
            self._state.account(
                record, self.client[0] if self.client else "-", "-", OTHER, 0
            )
