"""uvicorn, with what an operator needs beside it.

Requests that come in too slowly or are no HTTP get a problem answer, a stop cuts no request, and the model can be
loaded anew between two of them.
"""

import asyncio
import logging
import os
import signal
import socket
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from service.api.edge import Edge
from service.api.metrics import OTHER
from service.api.problems import BAD_REQUEST, DRAINING, HEADERS_TOO_LARGE, MEDIA_TYPE, REQUEST_TIMEOUT, Kind, problem
from service.api.record import Record, request_id
from service.api.state import State
from service.model.errors import ModelLoadError
from service.settings import Settings
from service.workers import WATCHED

LINGER_SECONDS = 0.5  # how long an idle connection may still bring a request that was on its way when the port closed
LOOK_SECONDS = 0.02
BACKLOG = 2048
CONTINUE = b"HTTP/1.1 100"

log = logging.getLogger(__name__)

Load = Callable[[], Edge]
LOAD_ERRORS = (ModelLoadError, OSError, ValueError)  # of the model, or of the file of API keys


class OneWrite:
    """A transport that keeps the head of an answer until its body comes: one system call and one packet for both."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self.is_closing = transport.is_closing

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

    def close(self) -> None:
        """Send what is kept, and close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close without sending what is left."""
        self._transport.abort()


class HttpProtocol(HttpToolsProtocol):
    """A connection whose requests must come in within their time and with headers of bounded size.

    uvicorn's own waits for ever for the rest of a request, and answers what is not HTTP in plain text.
    """

    def __init__(
        self,
        settings: Settings,
        state: State,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._settings = settings
        self._state = state
        self._arriving = False  # a request has begun to come in and has not ended
        self._in_headers = True
        self._header_bytes = 0
        self._deadline: TimerHandle | None = None
        self._taking: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Give the client the time of an idle connection to send anything."""
        super().connection_made(transport)
        self.transport = OneWrite(transport)  # type: ignore[assignment]  # all that uvicorn writes with
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection and its timers."""
        self._stop_clock()
        self._unset_keepalive_if_required()
        if self._taking is not None:
            self._taking.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in a piece of a request; a clock runs from its first to its last."""
        self._header_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._arriving:
            self._stop_clock()
        elif self._in_headers and self._header_bytes > self._settings.max_header_bytes:
            self._headers_too_large()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._settings.request_timeout_seconds, self._timed_out)

    def on_message_begin(self) -> None:
        """See httptools."""
        super().on_message_begin()
        self._arriving = self._in_headers = True

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._in_headers = False
        if self._header_bytes > self._settings.max_header_bytes:  # perhaps: a part of the body may be among them
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._settings.max_header_bytes:
                self._headers_too_large()
                raise ConnectionAbortedError  # ends the parser's work on this connection
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """See httptools."""
        self._arriving = False
        self._header_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """See uvicorn."""
        self.transport.flush()  # type: ignore[attr-defined]  # see connection_made
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Give the client its time to take what is sent."""
        super().pause_writing()
        self._taking = self.loop.call_later(self._settings.request_timeout_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """See asyncio."""
        if self._taking is not None:
            self._taking.cancel()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, and let go of an answer that its client does not take."""
        self.transport.abort()

    def shutdown(self) -> None:
        """Close the connection if it is idle; a request that is coming in or being answered is not cut."""
        if not self._arriving:
            super().shutdown()

    def cut(self) -> None:
        """End the connection, though its request is not answered yet."""
        self._end(DRAINING, "the service has stopped before the request was answered")

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, if it has not been refused yet."""
        if not self.transport.is_closing():
            self._refuse(BAD_REQUEST, msg)

    def _headers_too_large(self) -> None:
        most = self._settings.max_header_bytes
        self._refuse(HEADERS_TOO_LARGE, f"line and headers have more than {most} bytes (VAE_MAX_HEADER_BYTES)")

    def _timed_out(self) -> None:
        seconds = self._settings.request_timeout_seconds
        self._end(REQUEST_TIMEOUT, f"the request was not complete after {seconds:g} s (VAE_REQUEST_TIMEOUT_SECONDS)")

    def _end(self, kind: Kind, detail: str) -> None:
        """End the connection in the middle of a request, with a refusal unless its answer has begun."""
        if not self._in_headers and self.cycle.response_started:
            self.transport.close()
        else:
            self._refuse(kind, detail)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, kind: Kind, detail: str) -> None:
        """Answer past the application, which has not seen this request, and end the connection."""
        record = Record(request_id(None), status=kind.status, refusal=kind.name)
        body = problem(kind, detail, request_id=record.request_id).model_dump_json(exclude_defaults=True).encode()
        record.bytes_out = len(body)
        self.transport.write(
            b"%scontent-type: %s\r\ncontent-length: %d\r\nx-request-id: %s\r\nconnection: close\r\n\r\n%s"
            % (STATUS_LINE[kind.status], MEDIA_TYPE.encode(), len(body), record.request_id.encode(), body)
        )
        self.transport.close()
        self._state.account(record, self.client[0] if self.client else "-", "-", OTHER, 0)


class Server(uvicorn.Server):
    """One process that answers, until SIGTERM or SIGINT; SIGHUP loads the model anew."""

    def __init__(self, settings: Settings, state: State, load: Load) -> None:
        """Load the application; ``load`` may raise what it likes now, and LOAD_ERRORS later."""
        self._settings = settings
        self._state = state
        self._load = load
        self._app = load()
        self._loader = ThreadPoolExecutor(max_workers=1)  # one load after the other: the last that was asked for counts
        self._main_ended: int | None = None
        super().__init__(self._uvicorn_config())

    def work(self, number: int, listener: socket.socket, main_ended: int) -> None:
        """Answer as worker ``number``, until a signal or until ``main_ended``, a file descriptor, can be read."""
        self._state.metrics.write_to(number)
        self._main_ended = main_ended
        self.run([listener])

    def _uvicorn_config(self) -> uvicorn.Config:
        def protocol(**options: Any) -> HttpProtocol:  # noqa: ANN401 - uvicorn's
            return HttpProtocol(self._settings, self._state, **options)

        settings = self._settings
        return uvicorn.Config(
            self._answer,
            http=protocol,  # type: ignore[arg-type]  # uvicorn only calls it
            loop="uvloop",
            lifespan="off",
            ws="none",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            root_path=settings.root_path,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_keep_alive=settings.keep_alive_seconds,
            backlog=BACKLOG,
        )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with the application of now; one that has begun keeps its own to the end."""
        await self._app(scope, receive, send)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._begin_reload)
        if self._main_ended is not None:
            loop.add_reader(self._main_ended, self._stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)

    def _stop(self) -> None:
        self.should_exit = True

    def _begin_reload(self) -> None:
        self._loader.submit(self.reload)

    def reload(self) -> bool:
        """Load the model anew, beside the one that serves, which goes on if this fails; tell whether it did."""
        try:
            self._app = self._load()
        except LOAD_ERRORS as error:
            log.error("the model is not loaded anew, the old one serves on: %s", error)  # noqa: TRY400 - one line
            done = False
        else:
            log.info("the model is loaded anew")
            done = True
        if os.getpid() == self._state.main_process:  # the one that decides for all
            self._state.metrics.add("reload", "ok" if done else "refused")
        return done

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order at the first signal, at once at the second Ctrl-C. The exit code will be 0."""
        del frame
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell of the end, serve on for the delay, close the port, serve what is open, and close the rest.

        uvicorn closes idle connections at once, and with them requests that are already in their sockets' buffers.
        """
        self._state.draining = True
        log.info("stopping")
        await self._wait(self._settings.drain_delay_seconds, lambda: True)
        await asyncio.sleep(0)  # connections that are already made are taken in
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        connections = self.server_state.connections
        await self._wait(LINGER_SECONDS, lambda: connections)
        for connection in list(connections):
            connection.shutdown()
        await self._wait(self._settings.drain_grace_seconds, lambda: connections)
        if connections:
            log.warning("%d connections are cut: drain_grace_seconds is over", len(connections))
            for connection in list(connections):
                assert isinstance(connection, HttpProtocol)  # noqa: S101 - uvicorn's type names all its protocols
                connection.cut()
            await asyncio.sleep(LOOK_SECONDS)  # for their requests to see it
        if self._state.access_log:
            self._state.access_log.flush()

    async def _wait(self, seconds: float, condition: Callable[[], object]) -> None:
        """Wait as long as the condition holds, so many seconds at most."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while condition() and loop.time() < end and not self.force_exit:  # noqa: ASYNC110 - nothing tells of an end
            await asyncio.sleep(LOOK_SECONDS)
