"""HTTP protocol of a connection: uvicorn's, with limits of time, size and memory.

The only file that depends on uvicorn's private protocol classes.
"""

import asyncio
import logging
from asyncio import TimerHandle
from collections.abc import Awaitable
from time import perf_counter
from typing import Any

from typing_extensions import override
from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

from service.api.errors import (
    BAD_REQUEST,
    DRAINING,
    HEADERS_TOO_LARGE,
    REQUEST_TIMEOUT,
    ProblemType,
)
from service.api.state import AppState
from service.observability.request_context import RequestContext
from service.server.connection_memory import ConnectionMemory
from service.server.idle_timer import IdleTimer
from service.server.middleware import count_request, request_context, request_id
from service.server.parser import RequestParser
from service.server.problem_message import problem_body, problem_message
from service.server.request_clock import RequestClock
from service.server.request_head import (
    RequestHeadError,
    check_head,
    check_protocol,
)
from service.server.response_sender import ResponseSender
from service.server.sockets import end_output, has_unread_input
from service.server.transport import ResponseTransport
from service.server.unparsed_input import (
    MAX_PIECE_BYTES,
    Piece,
    UnparsedInput,
    piece_end,
)
from service.settings import Settings

log = logging.getLogger(__name__)

# From a request's last byte to the end of the client's side.
MAX_HALF_CLOSE_SECONDS = 1.0
CONNECT = b"CONNECT"
HEADER_SEPARATORS = len(b": \r\n")


class HttpProtocol(HttpToolsProtocol):
    """Connection whose requests must arrive in time and with headers of bounded size.

    uvicorn's own waits for the rest of a request without limit, and answers input that
    is not HTTP in plain text. It parses all that it reads at once, whatever number of
    requests that is; this one parses a request when the one before it is answered, so
    that uvicorn's queue of requests stays empty and ``cycle`` is the one in progress.
    """

    def __init__(
        self,
        settings: Settings,
        state: AppState,
        memory: ConnectionMemory,
        **options: Any,  # noqa: ANN401 - what uvicorn gives its protocols
    ) -> None:
        super().__init__(**options)
        self.parser: RequestParser = RequestParser(self)
        self._settings = settings
        self._state = state
        self._memory = memory
        self._input = UnparsedInput()
        self._arriving = False  # a request has begun and is not complete
        self._in_headers = True
        self._line: Piece = b""  # input from a request's line on, until it is checked
        # Since the request began, or since a piece of its body: then of trailers.
        self._header_bytes = 0
        self._body_bytes = 0
        self._began_at = 0.0  # when the last request did, by the performance counter
        self._clock = RequestClock(
            self.loop,
            settings.request_timeout_seconds,
            self._due_body_bytes,
            self._time_out,
        )
        self._write_deadline: TimerHandle | None = None
        self._idle: IdleTimer
        self._socket: ResponseTransport

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        self._socket = ResponseTransport(transport, self._resume_reading, self._close)
        super().connection_made(self._socket)  # type: ignore[arg-type]  # has all methods that uvicorn calls
        self._idle = IdleTimer(
            self.loop, self.timeout_keep_alive, self._is_busy, self._socket.abort
        )

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._clock.stop()
        self._idle.cancel()
        if self._write_deadline is not None:
            self._write_deadline.cancel()
        self._input.clear()
        self._memory.remove(self)
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        begins = not self._arriving and not self._socket.reading_paused
        if begins and piece_end(data, 0) == len(data) and self._may_parse():
            self._parse(data)  # nearly always: one request in one packet
        else:
            self._input.append(data)
            self._parse_input()

    @override
    def eof_received(self) -> bool:  # type: ignore[override]  # as in asyncio
        """Keep the connection open for the response if the client only ended its side.

        A client that gives up closes its connection, which looks the same; but it has
        waited for a while before.
        """
        waited = self.loop.time() - self._idle.since
        is_half_closed = self._is_answering() and waited < MAX_HALF_CLOSE_SECONDS
        if is_half_closed:
            self.cycle.keep_alive = False
        return is_half_closed

    def _resume_reading(self) -> None:
        if self._input:
            self.loop.call_soon(self._parse_input)
        else:
            self._socket.read()

    def _parse_input(self) -> None:
        """Parse input until a request waits for its response or input runs out.

        At most two pieces' length is parsed in a turn of the event loop, and a body of
        known length, which takes one call. While input is left, nothing is read.
        """
        budget = MAX_PIECE_BYTES
        while self._input and self._may_parse():
            body_left = self._body_left()
            if budget <= 0 and not body_left:
                break
            piece = self._input.take_piece(body_left)
            if not body_left:
                budget -= len(piece)
            self._parse(piece)
        if self._input:
            self._socket.pause_reading()
            if self._may_parse():
                self.loop.call_soon(self._parse_input)
        elif self._socket.reading_paused and not self.flow.read_paused:
            self._socket.read()
        self._count_memory()

    def _count_memory(self) -> None:
        if self._input or self.flow.write_paused:
            self._memory.add(self)
        else:
            self._memory.remove(self)

    def held_bytes(self) -> int:
        """Return the bytes of input not parsed yet and of output not sent yet."""
        return len(self._input) + self._socket.unsent_bytes()

    def drop(self) -> None:
        """End the connection at once, because its client reads too little."""
        log.warning(
            "connection of %s dropped: it held %d bytes that the client did not read, "
            "and all connections together too many",
            self._client_address(),
            self.held_bytes(),
        )
        self._state.metrics.add("cut", "memory")
        self._socket.abort()

    def _cut_unread(self) -> None:
        log.warning(
            "connection of %s cut: the client did not read the response within %g s "
            "(VAE_REQUEST_TIMEOUT_SECONDS)",
            self._client_address(),
            self._settings.request_timeout_seconds,
        )
        self._state.metrics.add("cut", "unread")
        self._socket.abort()

    def _client_address(self) -> str:
        return self.client[0] if self.client else "-"

    def _may_parse(self) -> bool:
        flow = self.flow
        if flow.read_paused or self._is_answering() or self._socket.is_closing():
            return False
        # A client that reads no responses gets no further ones.
        return self._arriving or not flow.write_paused

    def _is_answering(self) -> bool:
        """Check if a complete request waits for the end of its response."""
        cycle = self.cycle
        return not (cycle is None or cycle.more_body or cycle.response_complete)

    def _is_busy(self) -> bool:
        """Check if a request is arriving or waits for the end of its response."""
        return self._arriving or self._is_answering() or bool(self._input)

    def idle_since(self) -> float | None:
        """Return when the connection became idle, by the event loop's clock.

        None if it is busy or closing.
        """
        if self._is_busy() or self._socket.is_closing():
            return None
        return self._idle.since

    def _body_left(self) -> int:
        """Return the bytes of the body that are to come; 0 if its length is unknown."""
        if self._in_headers or not self._arriving:
            return 0
        for name, value in self.headers:
            if name == b"content-length":
                return int(value) - self._body_bytes
        return 0

    def _parse(self, data: Piece) -> None:
        if not self._arriving:
            self._began_at = perf_counter()
            self._line = data
        elif self._in_headers and self._line and not self.headers:
            self._line = b"".join((self._line, data))
        self._header_bytes += len(data)
        super().data_received(data)  # type: ignore[arg-type]  # it goes to our parser
        if not self._arriving or self._socket.is_closing():
            return
        if self._header_bytes > self._settings.max_header_bytes:
            self._reject_headers()
        elif not self._clock.is_running():
            self._clock.start()

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._arriving = self._in_headers = True
        self._body_bytes = 0

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_headers:  # trailers are dropped: nobody reads them
            return
        name = name.lower()
        value = value.rstrip()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    @override
    def on_headers_complete(self) -> None:
        if self._is_answering():  # what does not look like a request, yet parses as one
            raise ConnectionAbortedError  # ends the parser's work on this connection
        self._check_head()
        if self.parser.should_upgrade():  # the head is parsed again, without the offer
            if self.parser.get_method() == CONNECT:  # what follows would not be HTTP
                raise ConnectionRefusedError
            return
        super().on_headers_complete()  # raises if the request's target is invalid
        self._in_headers = False

    @override
    def _start_asgi_task(
        self, cycle: RequestResponseCycle, app: ASGI3Application
    ) -> None:
        if cycle.waiting_for_100_continue:
            app = close_without_body(app, cycle)
        super()._start_asgi_task(cycle, self._sending_whole(app, cycle))

    def _sending_whole(
        self, app: ASGI3Application, cycle: RequestResponseCycle
    ) -> ASGI3Application:
        """Return an application that sends its response through a ResponseSender."""
        sender = ResponseSender(cycle, self._socket)

        def send_whole(
            scope: Scope, receive: ASGIReceiveCallable, _: ASGISendCallable
        ) -> Awaitable[None]:
            return app(scope, receive, sender)

        return send_whole

    @override
    def on_body(self, body: bytes) -> None:
        self._header_bytes = 0
        self._body_bytes += len(body)
        cycle = self.cycle
        arrived: bytes | bytearray = cycle.body
        is_whole = not arrived and len(body) <= HIGH_WATER_LIMIT
        if is_whole and not cycle.response_complete:
            # uvicorn would copy a body of one piece into an array and back.
            cycle.body = body  # type: ignore[assignment]  # an array if more follows
            cycle.message_event.set()
            return
        if isinstance(arrived, bytes):
            cycle.body = bytearray(arrived)
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._arriving = False
        self._idle.since = self.loop.time()
        self._header_bytes = 0
        self._clock.stop()
        super().on_message_complete()

    @override
    def on_response_complete(self) -> None:
        # Without uvicorn's timer for each request: see IdleTimer.
        self._socket.flush()
        self.server_state.total_requests += 1
        self._idle.since = self.loop.time()
        if self._socket.reading_paused and not self._socket.is_closing():
            self.flow.resume_reading()
            self.loop.call_soon(self._parse_input)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.call_later(
            self._settings.request_timeout_seconds, self._cut_unread
        )
        self._count_memory()

    @override
    def resume_writing(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
        super().resume_writing()
        self._count_memory()
        if self._input:
            self.loop.call_soon(self._parse_input)

    @override
    def shutdown(self) -> None:
        """Close the connection if it is idle; no request that arrives is cut.

        A request may be in the socket, where the event loop has not read it yet. The
        event loop would close the socket a turn later, when another may have arrived.
        """
        if self._socket.is_closing() or self._arriving or self._input:
            return
        descriptor = self._socket.get_extra_info("socket").fileno()
        if has_unread_input(descriptor):
            return
        super().shutdown()
        if self._socket.is_closing() and not self._socket.unsent_bytes():
            end_output(descriptor)

    def _close(self) -> None:
        is_sending = self._arriving or self._input
        if is_sending or self._socket.unsent_bytes():
            self._linger()
        else:
            self._socket.end()

    def _linger(self) -> None:
        """Close the connection once its client has stopped sending."""
        self._clock.stop()
        self._idle.cancel()
        self._input.clear()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # nobody waits for the application any more
            cycle.message_event.set()
        self._socket.linger(self.loop, self._settings.request_timeout_seconds)

    def cut(self) -> None:
        """Close the connection although its request has not been answered."""
        self._end(DRAINING, "the service has stopped before the request was answered")
        self.transport.close()

    @override
    def send_400_response(self, msg: str) -> None:
        self._end(BAD_REQUEST, msg)

    def _check_head(self) -> None:
        # The line's beginning may have come in one piece with the request before.
        max_size = self._header_bytes + len(self.url)
        if max_size > self._settings.max_header_bytes:
            self._check_head_size()
        try:
            if self._line:
                check_protocol(self._line)
                self._line = b""
            check_head(self.parser.get_http_version(), self.headers)
        except RequestHeadError as error:
            self._end(BAD_REQUEST, str(error))
            raise

    def _check_head_size(self) -> None:
        size = len(self.url)
        for name, value in self.headers:
            size += len(name) + len(value) + HEADER_SEPARATORS
        if size > self._settings.max_header_bytes:
            self._reject_headers()
            raise ConnectionAbortedError

    def _reject_headers(self) -> None:
        limit = f"{self._settings.max_header_bytes} bytes (VAE_MAX_HEADER_BYTES)"
        self._end(
            HEADERS_TOO_LARGE, f"line and headers, or trailers, have more than {limit}"
        )

    def _due_body_bytes(self) -> int | None:
        """Return the bytes of the body so far, or None if the client need not send."""
        if self._in_headers or self.flow.read_paused:
            return None
        return self._body_bytes

    def _time_out(self, detail: str) -> None:
        if self._is_answering():  # the rest is not read before that
            self._clock.start()
        else:
            self._end(REQUEST_TIMEOUT, detail)

    def _end(self, kind: ProblemType, detail: str) -> None:
        """End the connection within a request.

        Send a problem, unless a response before it is not complete yet.
        """
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if self._in_headers and cycle is not None and not cycle.response_complete:
            # The request before this one: its response ends the connection.
            cycle.keep_alive = False
        elif not self._in_headers and cycle.response_started:
            self.transport.close()
        else:
            self._send_problem(kind, detail)

    def _send_problem(self, kind: ProblemType, detail: str) -> None:
        """Send a problem without the application, and close the connection.

        If the head is complete, the application's middleware counts and logs it.
        """
        context = self._context()
        context.status, context.problem = kind.status, kind.name
        body = problem_body(kind, detail, context.request_id)
        context.bytes_out = len(body)
        self._socket.write(problem_message(kind, context.request_id, body))
        self._socket.flush()
        self._linger()
        if self._in_headers:
            seconds = perf_counter() - self._began_at
            count_request(self._state, context, self._client_address(), "-", seconds)

    def _context(self) -> RequestContext:
        if self._in_headers:
            return RequestContext(request_id())
        return request_context(self.cycle.scope)  # type: ignore[arg-type]  # uvicorn's own type


def close_without_body(
    app: ASGI3Application, cycle: RequestResponseCycle
) -> ASGI3Application:
    """Return an application that closes the connection if it does not read the body.

    The client waits for 100 Continue: it may keep the body back if the response comes
    instead, and its next request would be read as the body (RFC 9110, 10.1.1).
    """

    async def respond(
        scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        async def send_and_close(message: ASGISendEvent) -> None:
            if cycle.waiting_for_100_continue and cycle.more_body:
                cycle.keep_alive = False
            await send(message)

        await app(scope, receive, send_and_close)

    return respond
