"""One process that serves: uvicorn with a graceful shutdown and hot reload."""

import asyncio
import logging
import os
import signal
import socket
from asyncio import Task
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from typing_extensions import override

from service.api.state import ServedModel
from service.model.errors import ModelLoadError
from service.model.repository import ModelChange, ModelRepository
from service.server.connection_memory import ConnectionMemory
from service.server.descriptors import ConnectionLimit
from service.server.middleware import RequestMiddleware
from service.server.model_changes import ChangeRequests
from service.server.port import POLL_SECONDS, close_port, leave_port
from service.server.process import freeze_objects
from service.server.protocol import HttpProtocol
from service.server.signals import release_signals
from service.server.sockets import BACKLOG, Listeners, allow_new_connections
from service.server.workers import HEARTBEAT_PERIOD
from service.settings import Settings

# Time for an idle connection to bring a request that was sent before the port closed.
LINGER_SECONDS = 0.4
CLOSE = (b"connection", b"close")

log = logging.getLogger(__name__)

LOAD_ERRORS = (ModelLoadError, ValueError)  # of the models; of the API keys' file


class Server(uvicorn.Server):
    """Serve until SIGTERM or SIGINT.

    At SIGHUP, reload the model if this is the only process, and retire if it is a
    worker: its successor already serves.
    """

    def __init__(
        self,
        settings: Settings,
        app: RequestMiddleware,
        models: ModelRepository[ServedModel],
    ) -> None:
        """Serve an application, whose models a reload replaces."""
        self._settings = settings
        self._app = app
        self._state = app.state
        self.metrics = app.state.metrics
        self._models = models
        memory = ConnectionMemory(settings.max_body_bytes)
        self._protocol = partial(HttpProtocol, settings, app.state, memory)
        freeze_objects()
        self._loader = ThreadPoolExecutor(max_workers=1)
        self._reload_requested = False
        self._reloading: Task[None] | None = None
        self._retiring = False
        self._supervisor_ended: int | None = None
        self._state.change_model = self._change_here
        self._limit: ConnectionLimit
        super().__init__(self._uvicorn_config())

    def work(
        self,
        row: int,
        listeners: Listeners,
        supervisor_ended: int,
        requests: ChangeRequests,
    ) -> None:
        """Serve as a worker until a signal.

        row: its row of the metrics.
        supervisor_ended: a file descriptor that becomes readable when the supervisor
            ends; the worker then stops too.
        requests: the way to ask the supervisor for other models.
        """
        self._state.use_metrics_row(row)
        self._state.change_model = requests.send
        self._supervisor_ended = supervisor_ended
        self.run(listeners)

    def _uvicorn_config(self) -> uvicorn.Config:
        settings = self._settings
        return uvicorn.Config(
            self._app,
            http=self._accept,  # type: ignore[arg-type]  # uvicorn only calls it
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

    def _accept(self, **options: Any) -> HttpProtocol:  # noqa: ANN401 - uvicorn's
        """Return the protocol of a connection that was just accepted."""
        connections = self.server_state.connections
        self._limit.make_room(connections)  # type: ignore[arg-type]  # uvicorn's type names all its protocols
        return self._protocol(**options)

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in sockets or []:
            allow_new_connections(listener)  # a worker before this one closed the port
        self._limit = ConnectionLimit(self._state.metrics)
        await super().startup(sockets)
        self._state.schedulers.observe(self.server_state.tasks)
        loop = asyncio.get_running_loop()
        if self._supervisor_ended is None:
            loop.add_signal_handler(signal.SIGHUP, self._request_reload)
        else:
            loop.add_signal_handler(signal.SIGHUP, self._retire)
            loop.add_reader(self._supervisor_ended, self._stop, self._supervisor_ended)
            self._beat()
        release_signals()

    def _beat(self) -> None:
        """Show the supervisor that the event loop runs, from now on."""
        self._state.metrics.add("heartbeats")
        seconds = self._settings.worker_timeout_seconds * HEARTBEAT_PERIOD
        asyncio.get_running_loop().call_later(seconds, self._beat)

    def _stop(self, supervisor_ended: int) -> None:
        self.should_exit = True
        # It stays readable, and would wake the loop again and again.
        asyncio.get_running_loop().remove_reader(supervisor_ended)

    def _retire(self) -> None:
        self._retiring = True
        self.should_exit = True

    def _request_reload(self) -> None:
        self._reload_requested = True
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._reload_while_requested())

    async def _reload_while_requested(self) -> None:
        """Reload in a thread; requests meanwhile cause one more reload in all."""
        loop = asyncio.get_running_loop()
        while self._reload_requested and not self.should_exit:
            self._reload_requested = False
            await loop.run_in_executor(self._loader, self.reload)

    def reload(self) -> bool:
        """Load the models and the API keys again and return whether that succeeded.

        The previous ones stay in service until then, and if it fails. A request keeps
        the model that it began with.
        """
        try:
            keys, models = self._settings.keys(), self._models.load_all()
        except LOAD_ERRORS as error:
            log.error(  # noqa: TRY400 - one line
                "model reload failed, the previous model stays in service: %s", error
            )
            succeeded = False
        else:
            self._state.serve(models)
            self._state.api_keys = keys
            freeze_objects()  # the new models' objects too
            log.info("model reloaded")
            succeeded = True
        self._state.metrics.add("reload", "ok" if succeeded else "refused")
        return succeeded

    async def _change_here(self, change: ModelChange) -> None:
        """Load or unload a model of the only process, in a thread.

        Raises ModelLoadError.
        """
        loop = asyncio.get_running_loop()
        reason = await loop.run_in_executor(self._loader, self.change, change)
        if reason:
            raise ModelLoadError(reason)

    def change(self, change: ModelChange) -> str:
        """Load or unload a model; return the reason if it failed, or an empty text."""
        action, name = change
        try:
            models = self._models.change(change)
        except ModelLoadError as error:
            log.error("%s of the model %s failed: %s", action, name, error)  # noqa: TRY400 - one line
            reason = str(error)
        else:
            self._state.serve(models)
            freeze_objects()
            log.info("%s of the model %s is done", action, name)
            reason = ""
        self._state.metrics.add("reload", "refused" if reason else "ok")
        return reason

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gracefully at the first signal, at once at the second Ctrl-C.

        Unlike uvicorn, do not raise the signal again: the exit code is 0.
        """
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Fail readiness, wait for the delay, close the port, finish open requests.

        uvicorn closes idle connections at once, and loses the requests that already
        are in their sockets' buffers.
        """
        listeners = sockets or []
        if self._retiring:  # the successor gets new connections, readiness holds
            leave_port(listeners, self.servers)
            # Requests in progress share the list.
            self.server_state.default_headers.append(CLOSE)
        else:
            self._state.draining = True
            log.info("stopping")
            await self._wait_while(lambda: True, self._settings.drain_delay_seconds)
            await close_port(listeners, self.servers, self._new_connection)
        was_cut = not await self._finish_connections()
        if self._state.access_log:
            self._state.access_log.flush()
        if was_cut or self.force_exit:
            os._exit(0)  # else Python would wait for the thread that computes

    def _new_connection(self) -> HttpProtocol:
        return self._protocol(
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )

    async def _finish_connections(self) -> bool:
        """Wait for open requests and close idle connections.

        Return False if connections remain, which are cut.
        """
        connections = self.server_state.connections
        await self._wait_while(lambda: connections, LINGER_SECONDS)
        grace_seconds = self._settings.drain_grace_seconds
        await self._wait_while(self._close_idle_connections, grace_seconds)
        if connections:
            await self._cut_connections()
            return False
        return True

    async def _cut_connections(self) -> None:
        """Reject the requests in progress, and count and log them."""
        connections = list(self.server_state.connections)
        reason = "second Ctrl-C" if self.force_exit else "drain_grace_seconds is over"
        log.warning("cut %d connections: %s", len(connections), reason)
        for connection in connections:
            assert isinstance(connection, HttpProtocol)  # noqa: S101 - for the type
            connection.cut()
            self._state.metrics.add("cut", "stop")
        for request in self.server_state.tasks:
            request.cancel()
        await asyncio.sleep(POLL_SECONDS)  # they are counted and logged meanwhile

    def _close_idle_connections(self) -> bool:
        """Close connections without a request; return whether any are open."""
        for connection in list(self.server_state.connections):
            connection.shutdown()
        return bool(self.server_state.connections)

    async def _wait_while(
        self, condition: Callable[[], object], seconds: float
    ) -> None:
        """Wait while the condition holds, for a limited time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while condition() and loop.time() < end and not self.force_exit:  # noqa: ASYNC110 - nothing signals the end
            await asyncio.sleep(POLL_SECONDS)
