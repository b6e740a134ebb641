"""Worker processes on one port, forked and supervised by the main process."""

import logging
import math
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from service.model.repository import ModelChange
from service.observability.metrics import Metrics
from service.server.model_changes import STOPPING, ChangeRequest, ChangeRequests
from service.server.signals import STOP_SIGNALS, SignalReceiver
from service.server.sockets import Listeners, close

# A worker that dies younger is replaced only after this time: the next may die too.
MIN_LIFETIME_SECONDS = 1.0
FORK_RETRY_SECONDS = 1.0
# A worker is replaced after so many checks in a row that find no new heartbeat. Checks
# are counted, not seconds: this process may have been stopped itself.
MAX_SILENT_CHECKS = 10
# In parts of the timeout: two heartbeats for each check.
HEARTBEAT_PERIOD = 0.5 / MAX_SILENT_CHECKS
# Time for a worker to end, beyond the delay and the grace time.
STOP_MARGIN_SECONDS = 2.0
# Time for workers to change to other models, until a request for that is answered.
MAX_CHANGE_SECONDS = 2.0
# The same as the margin, after a second Ctrl-C.
FORCED_STOP_SECONDS = 0.5

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Worker:
    """A worker process.

    slot: which of the listening sockets are its own, from 0.
    row: its row of the metrics.
    started: seconds of the monotonic clock.
    retiring: its successor serves the slot; it finishes its requests and ends.
    heartbeats: their number at the last check.
    silent_checks: how many checks in a row found no new one.
    """

    slot: int
    row: int
    started: float
    retiring: bool = False
    heartbeats: float = 0.0
    silent_checks: int = 0


class Application(Protocol):
    """The application that is loaded here, and copied by each fork."""

    metrics: Metrics

    def reload(self) -> bool:
        """Load all models in this process; return whether that succeeded."""

    def change(self, change: ModelChange) -> str:
        """Load or unload a model; return the reason if it failed, or an empty text."""


class Workers:
    """Supervisor of worker processes, each with listening sockets of its own.

    Connections to the sockets of a worker that died wait for its successor. Workers
    never load a model themselves, as the files may change between two loads: this
    process does, and forks all workers anew from what it loaded. A worker may ask for
    that.
    """

    def __init__(
        self,
        listeners: Sequence[Listeners],
        application: Application,
        *,
        timeout_seconds: float,
        stop_seconds: float,
    ) -> None:
        """Take what the workers share; start none yet.

        timeout_seconds: time after which a worker without a heartbeat is replaced.
        stop_seconds: time in which a worker ends by itself after a signal.
        """
        self._listeners = listeners
        self._application = application
        self._metrics = application.metrics
        self._timeout_seconds = timeout_seconds
        self._stop_seconds = stop_seconds
        self._workers: dict[int, Worker] = {}  # by process id
        # Slots without a worker, or whose worker is to retire, and when to fork one.
        self._due = dict.fromkeys(range(len(listeners)), 0.0)
        self._next_check = time.monotonic()
        self._reload_requested = False
        self.requests = ChangeRequests()
        self._waiting: list[ChangeRequest] = []
        self._changed: list[ChangeRequest] = []  # until all workers have changed
        self._answer_due = math.inf
        self._signals = SignalReceiver()
        # The write end closes when this process ends, however that happens; each
        # worker then finds the read end readable, and ends too.
        self.supervisor_ended, self._write_end = os.pipe()

    def run(self) -> Worker | None:
        """Fork workers and replace those that die, until SIGTERM or SIGINT.

        Like fork, return in each worker too: the worker. In this process, return None
        when all workers have ended.
        """
        while True:
            if worker := self._fork_due(time.monotonic()):
                return worker
            received = self._signals.wait(self._seconds_to_act(), self.requests.inbox)
            self._reap()
            self._check_heartbeats()
            if received & STOP_SIGNALS:
                break
            if signal.SIGHUP in received:
                self._reload_requested = True
            self._waiting += self.requests.receive()
            self._reload_if_requested()
            self._change_models()
            self._answer_changes()
        # Connections may wait at the sockets of a worker that died just now.
        if worker := self._fork_due(math.inf):
            return worker
        self._stop()
        return None

    def _seconds_to_act(self) -> float:
        """Return the time until a fork, an answer or a check of heartbeats is due."""
        times = [self._next_check, self._answer_due, *self._due.values()]
        return min(times) - time.monotonic()

    def _fork_due(self, now: float) -> Worker | None:
        """Fork the workers that are due; return the worker in each of them."""
        due_slots = [slot for slot, due in self._due.items() if due <= now]
        for slot in due_slots:
            if worker := self._fork(slot):
                return worker
        return None

    def _fork(self, slot: int) -> Worker | None:
        """Fork a worker; return it in the new process."""
        worker = Worker(slot, self._free_row(slot), time.monotonic())
        try:
            process = os.fork()
        except OSError as error:
            self._due[slot] = worker.started + FORK_RETRY_SECONDS
            log.error(  # noqa: TRY400 - one line
                "cannot fork worker %d, trying again: %s", slot + 1, error.strerror
            )
            return None
        if process == 0:
            self._leave_supervision(slot)
            return worker
        del self._due[slot]
        self._retire(slot)
        self._workers[process] = worker
        return None

    def _free_row(self, slot: int) -> int:
        """Return one of the slot's rows of the metrics.

        Retiring workers still count in the others.
        """
        rows = self._metrics.rows_of(slot)
        used = {worker.row for worker in self._workers.values()}
        return next(row for row in rows if row not in used)

    def _leave_supervision(self, slot: int) -> None:
        """Close what a worker does not need."""
        self._signals.close()
        os.close(self._write_end)
        self.requests.inbox.close()
        for request in self._waiting + self._changed:
            request.close()
        for other, listeners in enumerate(self._listeners):
            if other != slot:
                close(listeners)

    def _retire(self, slot: int) -> None:
        """Let the worker of a slot finish its requests and end."""
        for process, worker in self._workers.items():
            if worker.slot == slot and not worker.retiring:
                worker.retiring = True
                os.kill(process, signal.SIGHUP)

    def _reload_if_requested(self) -> None:
        """Load the application, and have every worker replaced by one that has it.

        Only when the last replacement is complete: each slot has at most two workers.
        """
        if not self._reload_requested or self._retiring():
            return
        self._reload_requested = False
        if self._application.reload():
            self._replace_all()

    def _retiring(self) -> set[int]:
        """Return the processes of the workers that retire."""
        workers = self._workers.items()
        return {process for process, worker in workers if worker.retiring}

    def _replace_all(self) -> None:
        """Have every worker replaced by one that is forked from this process."""
        self._due = dict.fromkeys(range(len(self._listeners)), 0.0)

    def _change_models(self) -> None:
        """Load and unload the models that workers have asked for.

        Only when the last replacement is complete, but for workers that wait for this.
        """
        asking = {request.process for request in self._waiting}
        if not asking or self._due or not self._retiring() <= asking:
            return
        requests, self._waiting = self._waiting, []
        for request in requests:
            reason = self._application.change(request.change)
            if reason:
                request.finish(reason)
            else:
                self._changed.append(request)
        if self._changed:
            self._replace_all()
            self._answer_due = time.monotonic() + MAX_CHANGE_SECONDS

    def _answer_changes(self) -> None:
        """Answer requests whose change all workers have made.

        The workers that asked retire when they have their answers. Others may take
        long, for a large request: they are not waited for longer than
        ``MAX_CHANGE_SECONDS``.
        """
        if not self._changed:
            return
        asking = {request.process for request in self._changed}
        is_complete = not self._due and self._retiring() <= asking
        if is_complete or time.monotonic() >= self._answer_due:
            for request in self._changed:
                request.finish("")
            self._changed.clear()
            self._answer_due = math.inf

    def _check_heartbeats(self) -> None:
        """Kill workers whose event loop does not respond; they are then replaced."""
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + self._timeout_seconds / MAX_SILENT_CHECKS
        for process, worker in self._workers.items():
            heartbeats = self._metrics.heartbeats(worker.row)
            if heartbeats != worker.heartbeats:
                worker.heartbeats = heartbeats
                worker.silent_checks = 0
                continue
            worker.silent_checks += 1
            if worker.silent_checks == MAX_SILENT_CHECKS:
                self._kill_silent(process, worker)

    def _kill_silent(self, process: int, worker: Worker) -> None:
        log.error(
            "worker %d (process %d) has not responded for %g s; killing it",
            worker.slot + 1,
            process,
            self._timeout_seconds,
        )
        self._metrics.add("timeouts")
        os.kill(process, signal.SIGKILL)

    def _reap(self) -> None:
        """Forget the workers that have ended; have those that died replaced."""
        while process := ended_child():
            worker = self._workers.pop(process, None)
            if worker is None:  # process 1 of a container inherits orphans
                continue
            self._metrics.clear_gauges(worker.row)
            if worker.retiring:
                continue
            number = worker.slot + 1
            log.error("worker %d (process %d) died; replacing it", number, process)
            self._metrics.add("restarts")
            self._due[worker.slot] = worker.started + MIN_LIFETIME_SECONDS

    def _stop(self) -> None:
        """Stop all workers, by force if they take too long or at a second Ctrl-C."""
        for request in self._waiting + self._changed:
            request.finish(STOPPING)
        for listeners in self._listeners:
            close(listeners)
        self._send(signal.SIGTERM)
        end = time.monotonic() + self._stop_seconds + STOP_MARGIN_SECONDS
        while self._workers and time.monotonic() < end:
            received = self._signals.wait(end - time.monotonic())
            while process := ended_child():
                self._workers.pop(process, None)
            if signal.SIGINT in received:
                self._send(signal.SIGINT)
                end = min(end, time.monotonic() + FORCED_STOP_SECONDS)
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        for process in self._workers:
            os.kill(process, number)


def ended_child() -> int:
    """Return the process id of a child that has ended, or 0."""
    try:
        process, _ = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:  # there are no children
        return 0
    return process
