"""Worker processes on one port, forked and supervised by the main process."""

import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.server.sockets import Listeners, close

WATCHED_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
# A worker that dies younger is replaced only after this time: the next may die too.
MIN_LIFETIME_SECONDS = 1.0
# Time for a worker to end, beyond the delay and the grace time.
STOP_MARGIN_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process; ``started`` in seconds of the monotonic clock."""

    number: int
    started: float


class Workers:
    """Supervisor of worker processes, each with listening sockets of its own.

    Connections to the sockets of a worker that died wait for its successor.

    reload: loads the application in this process, from which later workers are
        forked; returns whether it succeeded.
    restarted: called for each worker that is replaced.
    stop_seconds: time in which a worker ends by itself after a signal.
    """

    def __init__(
        self,
        listeners: Sequence[Listeners],
        reload: Callable[[], bool],
        restarted: Callable[[], None],
        stop_seconds: float,
    ) -> None:
        self._listeners = listeners
        self._reload = reload
        self._restarted = restarted
        self._stop_seconds = stop_seconds
        self._workers: dict[int, Worker] = {}  # by process id
        # The write end closes when this process ends, however that happens; each
        # worker then finds the read end readable, and ends too.
        self.supervisor_ended, self._write_end = os.pipe()

    def run(self) -> int:
        """Fork workers and replace those that die, until SIGTERM or SIGINT.

        Like fork, return in each worker too: its number, from 1. In this process,
        return 0 when all workers have ended.
        """
        # A worker unblocks the signals once it can handle them.
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED_SIGNALS)
        for number in range(1, len(self._listeners) + 1):
            if self._fork(number):
                return number
        while (received := signal.sigwait(WATCHED_SIGNALS)) not in STOP_SIGNALS:
            if received == signal.SIGCHLD:
                if number := self._replace_dead():
                    return number
            elif self._reload():
                self._send(signal.SIGHUP)
        # Connections may wait at the socket of a worker that died just now.
        if number := self._replace_dead():
            return number
        self._stop()
        return 0

    def _fork(self, number: int) -> bool:
        """Fork a worker; return True in the worker."""
        process = os.fork()
        if process:
            self._workers[process] = Worker(number, time.monotonic())
            return False
        os.close(self._write_end)
        for index, listeners in enumerate(self._listeners, start=1):
            if index != number:
                close(listeners)
        return True

    def _replace_dead(self) -> int:
        """Fork a successor of each dead worker; return its number in it, else 0."""
        while process := self._ended_child():
            worker = self._workers.pop(process, None)
            if worker is None:  # process 1 of a container inherits orphans
                continue
            log.error(
                "worker %d (process %d) died; replacing it", worker.number, process
            )
            self._restarted()
            lifetime = time.monotonic() - worker.started
            time.sleep(max(0.0, MIN_LIFETIME_SECONDS - lifetime))
            if self._fork(worker.number):
                return worker.number
        return 0

    def _ended_child(self) -> int:
        """Return the process id of a child that ended, or 0."""
        if not self._workers:
            return 0
        return os.waitpid(-1, os.WNOHANG)[0]

    def _send(self, number: signal.Signals) -> None:
        for process in self._workers:
            os.kill(process, number)

    def _stop(self) -> None:
        """Stop all workers, by force if they take too long."""
        for listeners in self._listeners:
            close(listeners)
        self._send(signal.SIGTERM)
        end = time.monotonic() + self._stop_seconds + STOP_MARGIN_SECONDS
        while self._workers and time.monotonic() < end:
            if process := self._ended_child():
                self._workers.pop(process, None)
            else:
                seconds = max(0.0, end - time.monotonic())
                signal.sigtimedwait({signal.SIGCHLD}, seconds)
        self._send(signal.SIGKILL)
