"""uvicorn, with what an operator needs beside it: a stop cuts no request, and the model is loaded anew between two."""

import asyncio
import logging
import os
import select
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send

from service.api.middleware import RequestMiddleware
from service.api.state import AppState
from service.model.errors import ModelLoadError
from service.server.protocol import HttpProtocol
from service.server.workers import WATCHED
from service.settings import Settings

LINGER_SECONDS = 0.5  # how long an idle connection may still bring a request that was on its way when the port closed
LOOK_SECONDS = 0.02
BACKLOG = 2048

log = logging.getLogger(__name__)

Load = Callable[[], RequestMiddleware]
LOAD_ERRORS = (ModelLoadError, ValueError)  # of the model, or of the file of API keys


class Server(uvicorn.Server):
    """One process that answers, until SIGTERM or SIGINT; SIGHUP loads the model anew."""

    def __init__(self, settings: Settings, state: AppState, load: Load) -> None:
        """Load the application; ``load`` may raise what it likes now, and LOAD_ERRORS later."""
        self._settings = settings
        self._state = state
        self._load = load
        self._app = load()
        self._loader = ThreadPoolExecutor(
            max_workers=1
        )  # one load after the other: the last that was asked for counts
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
        self._state.admission.turns.at_hand = self.server_state.tasks
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._begin_reload)
        if self._main_ended is not None:
            loop.add_reader(self._main_ended, self._stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)

    def _stop(self) -> None:
        self.should_exit = True
        if self._main_ended is not None:
            asyncio.get_running_loop().remove_reader(
                self._main_ended
            )  # what has ended stays ready to be read

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
        listeners = sockets or []
        await self._take_in(listeners)
        for listener in listeners:
            with suppress(OSError):  # macOS has none of it
                listener.shutdown(
                    socket.SHUT_RD
                )  # the main process holds it too: it would go on to get connections
        for server in self.servers:
            server.close()
        for listener in listeners:
            listener.close()
        connections = self.server_state.connections
        await self._wait(LINGER_SECONDS, lambda: connections)
        for connection in list(connections):
            connection.shutdown()
        await self._wait(self._settings.drain_grace_seconds, lambda: connections)
        if connections:
            log.warning(
                "%d connections are cut: drain_grace_seconds is over", len(connections)
            )
            for connection in list(connections):
                assert isinstance(connection, HttpProtocol)  # noqa: S101 - uvicorn's type names all its protocols
                connection.cut()
            await asyncio.sleep(LOOK_SECONDS)  # for their requests to see it
        if self._state.access_log:
            self._state.access_log.flush()

    async def _take_in(self, listeners: list[socket.socket]) -> None:
        """Take in connections that are already made: one from each listener in a turn of the loop."""
        for _ in range(BACKLOG):
            if not select.select(listeners, [], [], 0)[0]:
                return
            await asyncio.sleep(0)

    async def _wait(self, seconds: float, condition: Callable[[], object]) -> None:
        """Wait as long as the condition holds, so many seconds at most."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while condition() and loop.time() < end and not self.force_exit:  # noqa: ASYNC110 - nothing tells of an end
            await asyncio.sleep(LOOK_SECONDS)
