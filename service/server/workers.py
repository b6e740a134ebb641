"""Several processes that answer on one port, forked from one that has loaded all and watches over them."""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WATCHED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
STOPS = {signal.SIGTERM, signal.SIGINT}
SHORTEST_LIFE_SECONDS = 1.0  # a worker that dies younger is replaced only after this time: it will die again
SPARE_SECONDS = 2.0  # for a worker to end beyond what it may take by the settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Worker:
    """A process and when it was forked, in seconds of the monotonic clock."""

    number: int
    started: float


class Workers:
    """Keeps as many processes alive as there are listening sockets, each of which answers on one.

    What comes in at a socket whose worker has died waits for the next.

    reload: loads the model anew in this process, from which later workers are forked; tells whether it could.
    restarted: is called for each worker that is replaced.
    stop_seconds: the time in which workers end by themselves.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        reload: Callable[[], bool],
        restarted: Callable[[], None],
        stop_seconds: float,
    ) -> None:
        self._listeners = listeners
        self._reload = reload
        self._restarted = restarted
        self._stop_seconds = stop_seconds
        self._workers: dict[int, Worker] = {}  # by process id
        # The second end closes when this process ends, however it ends; a worker that sees it ends too.
        self.ended, self._open_end = os.pipe()

    def run(self) -> int:
        """Fork workers, and replace those that die, until SIGTERM or SIGINT; then end them.

        Like fork, this returns in each worker, with its number from 1, and with 0 in this process when all is over.
        """
        signal.pthread_sigmask(
            signal.SIG_BLOCK, WATCHED
        )  # a worker unblocks them once it can act on them
        for number in range(1, len(self._listeners) + 1):
            if self._fork(number):
                return number
        while (received := signal.sigwait(WATCHED)) not in STOPS:
            if received == signal.SIGCHLD:
                if number := self._replace_dead():
                    return number
            elif self._reload():
                self._send(signal.SIGHUP)
        if (
            number := self._replace_dead()
        ):  # connections may wait at the socket of one that died just now
            return number
        self._stop()
        return 0

    def _fork(self, number: int) -> bool:
        """Fork a worker; tell whether this is it."""
        process = os.fork()
        if process:
            self._workers[process] = Worker(number, time.monotonic())
            return False
        os.close(self._open_end)
        for other in (*self._listeners[: number - 1], *self._listeners[number:]):
            other.close()
        return True

    def _replace_dead(self) -> int:
        """Fork a worker for each that has died; give its number in the worker itself, else 0."""
        while process := self._ended():
            worker = self._workers.pop(process, None)
            if worker is None:  # process 1 of a container is every orphan's parent
                continue
            log.error(
                "worker %d (process %d) has died and is replaced",
                worker.number,
                process,
            )
            self._restarted()
            time.sleep(
                max(0.0, SHORTEST_LIFE_SECONDS - (time.monotonic() - worker.started))
            )
            if self._fork(worker.number):
                return worker.number
        return 0

    def _ended(self) -> int:
        """The process id of a child that has ended, or 0."""
        return os.waitpid(-1, os.WNOHANG)[0] if self._workers else 0

    def _send(self, number: signal.Signals) -> None:
        for process in self._workers:
            os.kill(process, number)

    def _stop(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._send(signal.SIGTERM)
        end = time.monotonic() + self._stop_seconds + SPARE_SECONDS
        while self._workers and time.monotonic() < end:
            if process := self._ended():
                self._workers.pop(process, None)
            else:
                signal.sigtimedwait({signal.SIGCHLD}, max(0.0, end - time.monotonic()))
        self._send(signal.SIGKILL)
