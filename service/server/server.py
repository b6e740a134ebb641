"""One process that serves: uvicorn with a graceful shutdown and hot reload."""

import asyncio
import logging
import os
import select
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from types import FrameType

import uvicorn
from typing_extensions import override

from service.api.state import ServedModel
from service.model.errors import ModelLoadError
from service.server.connection_memory import ConnectionMemory
from service.server.middleware import RequestMiddleware
from service.server.protocol import HttpProtocol
from service.server.sockets import BACKLOG
from service.server.workers import WATCHED_SIGNALS
from service.settings import Settings

# Time for an idle connection to bring a request that was sent before the port closed.
LINGER_SECONDS = 0.5
POLL_SECONDS = 0.02

log = logging.getLogger(__name__)

Load = Callable[[], ServedModel]
LOAD_ERRORS = (ModelLoadError, ValueError)  # of the model; of the API keys' file


class Server(uvicorn.Server):
    """Serve until SIGTERM or SIGINT; reload the model at SIGHUP."""

    def __init__(self, settings: Settings, app: RequestMiddleware, load: Load) -> None:
        """Serve an application; a reload replaces its model by what ``load`` returns.

        ``load`` may raise LOAD_ERRORS.
        """
        self._settings = settings
        self._app = app
        self._state = app.state
        self._load = load
        # One load after another: the last one that was requested counts.
        self._loader = ThreadPoolExecutor(max_workers=1)
        self._supervisor_ended: int | None = None
        super().__init__(self._uvicorn_config())

    def work(self, number: int, listener: socket.socket, supervisor_ended: int) -> None:
        """Serve as worker ``number`` until a signal.

        supervisor_ended: a file descriptor that becomes readable when the supervisor
            ends; the worker then stops too.
        """
        self._state.use_metrics_row(number)
        self._supervisor_ended = supervisor_ended
        self.run([listener])

    def _uvicorn_config(self) -> uvicorn.Config:
        settings = self._settings
        memory = ConnectionMemory(settings.max_body_bytes)
        return uvicorn.Config(
            self._app,
            http=partial(HttpProtocol, settings, self._state, memory),  # type: ignore[arg-type]  # uvicorn only calls it
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

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._state.scheduler.in_flight = self.server_state.tasks
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._begin_reload)
        if self._supervisor_ended is not None:
            loop.add_reader(self._supervisor_ended, self._stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED_SIGNALS)

    def _stop(self) -> None:
        self.should_exit = True
        if self._supervisor_ended is not None:
            # It stays readable, and would wake the loop again and again.
            asyncio.get_running_loop().remove_reader(self._supervisor_ended)

    def _begin_reload(self) -> None:
        self._loader.submit(self.reload)

    def reload(self) -> bool:
        """Load the model and the API keys again and return whether that succeeded.

        The previous ones stay in service until then, and if it fails. A request keeps
        the model that it began with.
        """
        try:
            model, keys = self._load(), self._settings.keys()
        except LOAD_ERRORS as error:
            log.error(  # noqa: TRY400 - one line
                "model reload failed, the previous model stays in service: %s", error
            )
            succeeded = False
        else:
            self._state.model, self._state.api_keys = model, keys
            log.info("model reloaded")
            succeeded = True
        if os.getpid() == self._state.main_process:  # it decides for all workers
            self._state.metrics.add("reload", "ok" if succeeded else "refused")
        return succeeded

    def count_restart(self) -> None:
        """Count a worker that was replaced."""
        self._state.metrics.add("restarts")

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gracefully at the first signal, at once at the second Ctrl-C.

        Unlike uvicorn, do not raise the signal again: the exit code is 0.
        """
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Fail readiness, wait for the delay, close the port, finish open requests.

        uvicorn closes idle connections at once, and loses the requests that already
        are in their sockets' buffers.
        """
        self._state.draining = True
        log.info("stopping")
        await self._wait_while(lambda: True, self._settings.drain_delay_seconds)
        await self._close_port(sockets or [])
        await self._finish_connections()
        if self._state.access_log:
            self._state.access_log.flush()

    async def _close_port(self, listeners: list[socket.socket]) -> None:
        await self._accept_waiting(listeners)
        for listener in listeners:
            # The main process holds the socket too: without a shutdown it would
            # still be given connections.
            with suppress(OSError):  # not supported on macOS
                listener.shutdown(socket.SHUT_RD)
        for server in self.servers:
            server.close()
        for listener in listeners:
            listener.close()

    async def _accept_waiting(self, listeners: list[socket.socket]) -> None:
        """Accept the connections that are already established.

        The event loop accepts one from each listener in a turn.
        """
        for _ in range(BACKLOG):
            readable, _, _ = select.select(listeners, [], [], 0)
            if not readable:
                return
            await asyncio.sleep(0)

    async def _finish_connections(self) -> None:
        """Wait for open requests, close idle connections, cut what remains."""
        connections = self.server_state.connections
        await self._wait_while(lambda: connections, LINGER_SECONDS)
        for connection in list(connections):
            connection.shutdown()
        await self._wait_while(lambda: connections, self._settings.drain_grace_seconds)
        if not connections:
            return
        log.warning("cut %d connections: drain_grace_seconds is over", len(connections))
        for connection in list(connections):
            assert isinstance(connection, HttpProtocol)  # noqa: S101 - for the type
            connection.cut()
        await asyncio.sleep(POLL_SECONDS)  # their requests are cancelled meanwhile

    async def _wait_while(
        self, condition: Callable[[], object], seconds: float
    ) -> None:
        """Wait while the condition holds, for a limited time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while condition() and loop.time() < end and not self.force_exit:  # noqa: ASYNC110 - nothing signals the end
            await asyncio.sleep(POLL_SECONDS)
