"""Dynamic batching: concurrent jobs share calls of the model.

A job is a coroutine that awaits calls of the model. In a batch, each job runs until its
next call. When all jobs wait or are done, calls of the same function are computed as
one, and the jobs continue. The model takes 86 us for 16 digits in one call, and 510 us
in 16 calls.
"""

import asyncio
import heapq
from bisect import bisect_left
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Generator,
    Sequence,
)
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.model.autoencoder import Backend, Floats, Pixels, Posterior
from service.model.calibration import Calibration
from service.model.card import ModelCard
from service.model.errors import OverloadedError
from service.model.lane import JobThreads, Lane
from service.model.recent_work import RecentWork
from service.model.statistics import LatentStatistics

# All costs are milliseconds of one core. Jobs are divided into classes by these bounds,
# which a job of the class at most costs; the last class has none. Smaller ones are
# computed first, and do not count larger ones among the work that they wait for.
CLASS_BOUNDS = (0.2, 2.0, 10.0, 50.0, 250.0)
MAX_SHORT_COST = CLASS_BOUNDS[3]  # of jobs in the first of the two threads
MICROSECONDS = 1_000_000
MIN_CONCURRENCY_TO_BATCH = 4  # requests in flight
# Of a request besides its job: to parse it, and to send its response.
REQUEST_COST = 0.15
# Of a pixel of an image file that is not plain, to decode and fit it.
DECODE_COST = 4e-5

Array = NDArray[Any]


class BatchLimits(NamedTuple):
    """The most that the event loop computes before it serves its sockets again.

    jobs: number of jobs in a batch. Each response lets a client send its next request,
        and the event loop then reads all of these.
    cost: cost of a batch, and of a single job that does not run in a thread.
    """

    jobs: int
    cost: float


FULL_BATCH = BatchLimits(jobs=16, cost=CLASS_BOUNDS[1])  # the cost of 100 digits
# If another model has had less work lately.
SHARED_BATCH = BatchLimits(jobs=1, cost=CLASS_BOUNDS[0])


class Rows(Protocol):
    """Result of a model call, with one entry for each row of its argument."""

    def __getitem__(self, rows: slice, /) -> Self:
        """Return the result of some rows."""


Function = Callable[[Any], Rows]
RowsT = TypeVar("RowsT", bound=Rows)


class ModelCall(NamedTuple):
    """Awaitable call of a function of the model on rows, computed within a batch.

    Awaiting it returns the result for the rows and their share of the time in seconds.
    """

    function: Function
    rows: Array

    def __await__(self) -> Generator["ModelCall", Any, Any]:
        """Suspend the job until the call is computed."""
        return (yield self)


class Offload:
    """Awaitable that moves a job to a thread."""

    def __await__(self) -> Generator["Offload", None, None]:
        """Suspend the job until the thread resumes it."""
        yield self


class Timings(Protocol):
    """Seconds that a request spends waiting, reading, computing and writing.

    percentiles, brightness_percentiles: of the images that it inspects.
    """

    queue: float
    read: float
    infer: float
    write: float
    percentiles: Sequence[float]
    brightness_percentiles: Sequence[float]


class RequestAutoencoder:
    """The model for one request; records the time that it computes and waits.

    batched: whether calls wait, to be computed together with those of other jobs.
    """

    def __init__(self, backend: Backend, timings: Timings) -> None:
        self._backend = backend
        self._timings = timings
        self.batched = False

    @property
    def card(self) -> ModelCard:
        """Model card."""
        return self._backend.card

    @property
    def statistics(self) -> LatentStatistics:
        """Latent statistics of the classes."""
        return self._backend.statistics

    @property
    def calibration(self) -> Calibration | None:
        """Calibration of inspections."""
        return self._backend.calibration

    async def encode(self, pixels: Pixels | Floats) -> Posterior:
        """Encode pixels (batch, channels, height, width)."""
        return await self._call(self._backend.encode, pixels)

    async def decode(self, latents: Floats) -> Floats:
        """Decode latents (batch, latent)."""
        return await self._call(self._backend.decode, latents)

    async def map_anomalies(self, pairs: Floats) -> Floats:
        """Map the anomalies of images and reconstructions."""
        return await self._call(self._backend.map_anomalies, pairs)

    def report_percentiles(
        self, scores: Sequence[float], brightness: Sequence[float]
    ) -> None:
        """Keep the percentiles of inspected images for the metrics."""
        self._timings.percentiles = scores
        self._timings.brightness_percentiles = brightness

    async def _call(self, function: Callable[[Any], RowsT], rows: Array) -> RowsT:
        started = perf_counter()
        if self.batched:
            result, seconds = await ModelCall(function, rows)
            self._timings.queue += perf_counter() - started - seconds
        else:
            result = function(rows)
            seconds = perf_counter() - started
        self._timings.infer += seconds
        return result  # type: ignore[no-any-return]  # a batch has results of any type


@dataclass(slots=True, eq=False)
class Job:
    """Work of one request.

    cost: processor time, in milliseconds of one core, without the pixels'.
    is_light: whether it may run in the event loop, and there are no ``pixels``.
    pixels: number of pixels of image files to decode by Pillow; slow to count.
    prepare, compute, finish: the steps; only ``compute`` awaits the model.
    is_cancelled: whether nobody is waiting for the result any more.
    size, pending: while it is admitted, its class and its cost in microseconds.
    """

    cost: float
    is_light: Callable[[], bool]
    prepare: Callable[[], Any]
    compute: Callable[[Any, RequestAutoencoder], Awaitable[Any]]
    finish: Callable[[Any], Any]
    timings: Timings
    pixels: Callable[[], int] = int
    is_cancelled: Callable[[], bool] = bool
    size: int = 0
    pending: int = 0

    async def run(self, model: RequestAutoencoder, max_cost: float) -> Any:  # noqa: ANN401 - see finish
        """Run the steps and record their times. Raises any error that they raise.

        max_cost: a job of a greater cost runs in a thread.
        """
        if self.cost > max_cost or not self.is_light():
            await Offload()
        timings = self.timings
        started = perf_counter()
        inputs = self.prepare()
        prepared = perf_counter()
        timings.read += prepared - started
        in_model = timings.infer + timings.queue
        content = self.finish(await self.compute(inputs, model))
        in_model = timings.infer + timings.queue - in_model
        timings.write += perf_counter() - prepared - in_model
        return content


Steps = Coroutine[ModelCall | Offload, Any, Any]  # of a job


def advance(steps: Steps, value: object = None) -> Any:  # noqa: ANN401 - a job's result
    """Resume a job with a value or an exception.

    Return the object that the job awaits next, or its result.
    """
    try:
        if isinstance(value, Exception):
            return steps.throw(value)
        return steps.send(value)
    except StopIteration as end:
        return end.value


class QueuedJob(NamedTuple):
    """A job that waits for a batch.

    queued: time when it was queued.
    batches: number of batches that had run by then.
    """

    job: Job
    model: RequestAutoencoder
    steps: Steps
    result: asyncio.Future[Any]
    queued: float
    batches: int


class BatchScheduler:
    """Admits jobs up to an expected wait, and runs them.

    Costs are milliseconds of one core. A job waits for the pending jobs of its own
    class and of smaller classes, and is rejected if these take more than
    ``max_queue_seconds``. In each class jobs run in order. A job precedes those of the
    next class that came up to ``max_queue_seconds`` before it; larger jobs therefore
    neither delay small ones nor wait for ever.

    With fewer than ``MIN_CONCURRENCY_TO_BATCH`` requests in flight, a job runs at once.
    With more, jobs are queued, and each round of the event loop runs one batch. Between
    batches the loop serves its sockets: new requests are admitted or rejected, and
    probes are answered, without waiting for the whole queue.

    Measured with single digits, compared with running each job at once: 1.5 times the
    rate over 16 connections, 1.7 times over 64, but less over one to three, because
    each response waits for the others. The first batch starts a round of the event loop
    later than it could, since clients that have just received a response send their
    next requests meanwhile: 1.1 times the rate over 16 connections, 1.3 times over 5.
    Other limits were slower: batches of at most 16 images took 1.2 times as long for
    interpolations of 11 frames, batches of up to 48 jobs 1.1 times as long for single
    digits over 64 connections.

    Jobs that cost more than a batch may run in two threads, one at a time in each:
    those of up to ``MAX_SHORT_COST`` and longer ones. The operating system shares the
    core between the event loop and both, so that none waits for a longer job to end.
    Passing a job to a thread and back takes a tenth of the time of 64 digits.

    Each of several models has a scheduler. Their batches take turns, and so do their
    jobs in the threads, which all use. A job therefore waits for the jobs before it,
    and for as much work of each other model, or all that this has pending if it is less
    (Demers et al. 1989, fair queueing). Only a model's own jobs are a reason to queue
    one: a few run at once, however busy the others are. Meanwhile the others' jobs are
    not batched, and only their smallest run in the event loop.

    is_full: even the smallest job would wait for too long.
    in_flight: requests that were received and have no response yet; the server's set.
    report_pending: called with the cost of all pending jobs in seconds when it changes.
    others: schedulers of other models.
    pending: cost of pending jobs by class, in whole microseconds: sums are exact.
    """

    def __init__(
        self, max_queue_seconds: float, threads: JobThreads | None = None
    ) -> None:
        if threads is None:
            threads = JobThreads()
        self._max_queue_seconds = max_queue_seconds
        self._max_pending = max_queue_seconds * MICROSECONDS
        self.is_full = False
        self.pending = [0] * (len(CLASS_BOUNDS) + 1)
        self._all_pending = 0
        self.in_flight: Collection[object] = ()
        self.report_pending: Callable[[float], object] = float
        # Jobs for the event loop: deadline, number, job.
        self._queue: list[tuple[float, int, QueuedJob]] = []
        self._numbers = count()
        self._batches = 0
        self._arrived = self._arrived_before = 0  # in a round, while others are busy
        self.others: Sequence[BatchScheduler] = ()
        self.recent_work = RecentWork()  # only of several models
        self.short = Lane(threads.short)
        self.long = Lane(threads.long)
        self._counter = threads.count

    @property
    def pending_seconds(self) -> float:
        """Cost of all pending jobs, in seconds of one core."""
        return self._all_pending / MICROSECONDS

    def check(self, cost: float = 0.0) -> None:
        """Check that a job of this cost need not wait for long.

        Raises OverloadedError if it would wait for longer than ``max_queue_seconds``.
        """
        if not self._all_pending:
            return
        size = bisect_left(CLASS_BOUNDS, cost)
        own = pending = sum(self.pending[: size + 1])
        for other in self.others:
            pending += min(own, sum(other.pending[: size + 1]))
        seconds = pending / MICROSECONDS
        if seconds > self._max_queue_seconds:
            raise OverloadedError(
                f"the work before this request takes {seconds:.3g} s; the limit is "
                f"{self._max_queue_seconds:g} s (VAE_MAX_QUEUE_SECONDS)",
                seconds,
            )

    def admit(self, job: Job, cost: float) -> None:
        """Count a job of this cost as pending; if it is already, change its cost.

        Raises OverloadedError; the job then is not pending.
        """
        if job.pending:
            self.release(job)
        self.check(cost)
        self._count(job, cost)

    def _count(self, job: Job, cost: float) -> None:
        job.size = bisect_left(CLASS_BOUNDS, cost)
        job.pending = int(1000 * (REQUEST_COST + cost))
        self._add_pending(job.size, job.pending)

    def release(self, job: Job) -> None:
        """Count a job as no longer pending."""
        self._add_pending(job.size, -job.pending)
        job.pending = 0

    def _add_pending(self, size: int, microseconds: int) -> None:
        self.pending[size] += microseconds
        self._all_pending += microseconds
        self.is_full = self.pending[0] > self._max_pending
        self.report_pending(self._all_pending / MICROSECONDS)

    async def run(self, job: Job, backend: Backend) -> Any:  # noqa: ANN401 - a job's result
        """Return the result of a job, or None if it was cancelled while it waited.

        Raises OverloadedError before anything is computed, and what the job raises.
        """
        self.check(job.cost)
        model = RequestAutoencoder(backend, job.timings)
        limits = FULL_BATCH
        is_busy = self._queue or len(self.in_flight) >= MIN_CONCURRENCY_TO_BATCH
        if self.others:
            self.recent_work.add(REQUEST_COST + job.cost, perf_counter())
            limits = self._limits()
            is_busy = is_busy and self._has_batch()
        steps = job.run(model, limits.cost)
        is_queued = is_busy and job.cost <= limits.cost
        if not is_queued:
            # Computed at once, before any other job is admitted: it is never pending.
            outcome = advance(steps)
            if not isinstance(outcome, Offload):
                return outcome
        self._count(job, job.cost)
        try:
            if is_queued:
                outcome = await self._enqueue(job, model, steps)
            if isinstance(outcome, Offload):
                return await self._offload(job, model, steps)
            return outcome
        finally:
            self.release(job)

    def _has_batch(self) -> bool:
        """Count a job of this round of the event loop.

        Return whether this one or the last has enough jobs of the model for a batch: a
        few need not wait while those of other models fill the event loop.
        """
        if self._queue:
            return True
        self._arrived += 1
        if self._arrived == 1:
            asyncio.get_running_loop().call_soon(self._end_round)
        return max(self._arrived, self._arrived_before) >= MIN_CONCURRENCY_TO_BATCH

    def _end_round(self) -> None:
        self._arrived_before, self._arrived = self._arrived, 0

    async def _offload(self, job: Job, model: RequestAutoencoder, steps: Steps) -> Any:  # noqa: ANN401 - a job's result
        """Run a job in one of the threads."""
        queued = perf_counter()
        cost = job.cost
        if not job.is_light():
            cost += await self._decoding_cost(job)
            self.admit(job, cost)
        lane = self.short if cost <= MAX_SHORT_COST else self.long
        waited = lane.is_busy
        async with lane.acquire(self._deadline(job, queued)):
            if waited and job.is_cancelled():
                steps.close()
                return None
            job.timings.queue += perf_counter() - queued
            model.batched = False
            return await lane.run(advance, steps)

    async def _decoding_cost(self, job: Job) -> float:
        """Return the cost of a job's image files that are not plain."""
        loop = asyncio.get_running_loop()
        return DECODE_COST * await loop.run_in_executor(self._counter, job.pixels)

    def _deadline(self, job: Job, queued: float) -> float:
        """Return the time by which a job that was queued is no longer overtaken."""
        return queued + job.size * self._max_queue_seconds

    async def _enqueue(self, job: Job, model: RequestAutoencoder, steps: Steps) -> Any:  # noqa: ANN401 - a job's result
        loop = asyncio.get_running_loop()
        if not self._queue:
            loop.call_soon(loop.call_soon, self._run_batch, loop)
        result: asyncio.Future[Any] = loop.create_future()
        now = perf_counter()
        queued = QueuedJob(job, model, steps, result, now, self._batches)
        entry = self._deadline(job, now), next(self._numbers), queued
        heapq.heappush(self._queue, entry)
        return await result

    def _run_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs: list[QueuedJob] = []
        cost = 0.0
        limits = self._limits()
        while self._queue and len(jobs) < limits.jobs:
            _, _, queued = self._queue[0]
            if jobs and cost + queued.job.cost > limits.cost:
                break
            heapq.heappop(self._queue)
            if self._is_wanted(queued):
                jobs.append(queued)
                cost += queued.job.cost
        run_batch(jobs)
        self._batches += 1
        if self._queue:
            loop.call_soon(self._run_batch, loop)

    def _limits(self) -> BatchLimits:
        """Return the limits of a batch.

        They are smaller while another model has recent requests, but less than half of
        this one's work: its requests wait in the sockets until a batch ends.
        """
        now = perf_counter()
        most = self.recent_work.at(now) / 2
        for other in self.others:
            work = other.recent_work
            if work.is_active(now) and work.at(now) < most:
                return SHARED_BATCH
        return FULL_BATCH

    def _is_wanted(self, queued: QueuedJob) -> bool:
        """Return whether anybody waits for a job's result; if not, close the job."""
        if queued.result.cancelled():
            queued.steps.close()
            return False
        if queued.batches < self._batches and queued.job.is_cancelled():
            queued.steps.close()
            queued.result.set_result(None)
            return False
        return True


def run_batch(jobs: Collection[QueuedJob]) -> None:
    """Run jobs to completion; calls of the same function are computed as one.

    A job that awaits an ``Offload`` ends its part in the batch with it as the result.
    """
    waiting: dict[tuple[Function, str], list[tuple[QueuedJob, Array]]] = {}

    def resume(queued: QueuedJob, value: object) -> None:
        try:
            outcome = advance(queued.steps, value)
        except Exception as error:  # noqa: BLE001 - goes to whoever awaits the job
            queued.result.set_exception(error)
            return
        if isinstance(outcome, ModelCall):
            key = outcome.function, outcome.rows.dtype.char
            waiting.setdefault(key, []).append((queued, outcome.rows))
        else:
            queued.result.set_result(outcome)

    for queued in jobs:
        queued.job.timings.queue += perf_counter() - queued.queued
        queued.model.batched = True
        resume(queued, None)
    while waiting:
        (function, _), calls = waiting.popitem()
        results = call_batched(function, [rows for _, rows in calls])
        for (queued, _), result in zip(calls, results, strict=True):
            resume(queued, result)


def call_batched(
    function: Function, batches: list[Array]
) -> list[tuple[Rows, float]] | list[Exception]:
    """Call a function once on the rows of all batches.

    Return the result for each batch with its share of the time in seconds. If the call
    fails, return its exception for each batch.
    """
    started = perf_counter()
    try:
        together = function(np.concatenate(batches))
    except Exception as error:  # noqa: BLE001 - goes to those who await the call
        return [error] * len(batches)
    seconds = perf_counter() - started
    lengths = [len(rows) for rows in batches]
    per_row = seconds / max(1, sum(lengths))
    results: list[tuple[Rows, float]] = []
    start = 0
    for length in lengths:
        rows = together[start : start + length]
        results.append((rows, per_row * length))
        start += length
    return results
