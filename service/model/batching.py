"""Dynamic batching: concurrent jobs share calls of the model.

A job is a coroutine that awaits calls of the model. In a batch, each job runs until its
next call. When all jobs wait or are done, calls of the same function are computed as
one, and the jobs continue. The model takes 86 us for 16 digits in one call, and 510 us
in 16 calls.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.model.autoencoder import Backend, Floats, Pixels, Posterior
from service.model.card import ModelCard
from service.model.errors import OverloadedError
from service.model.priority_lock import PriorityLock
from service.model.statistics import LatentStatistics

# Jobs of this cost run in a thread: 64 images block the event loop for 0.3 to 4 ms.
OFFLOAD_FROM_COST = 65
# The event loop serves its sockets after each batch.
MAX_BATCH_COST = OFFLOAD_FROM_COST - 1
MAX_BATCH_JOBS = 16
MIN_CONCURRENCY_TO_BATCH = 4  # requests in flight
RESERVE_SHARE = 8  # an eighth of the pending images is kept for light jobs
SECONDS_PER_IMAGE = 2e-5
SECONDS_PER_PIXEL = 4e-8  # of an image file, to decode and fit it
PATIENCE = 4  # a heavy job is overtaken by shorter ones for so many times its own time

Array = NDArray[Any]


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
    """Seconds that a request spends waiting, reading, computing and writing."""

    queue: float
    read: float
    infer: float
    write: float


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

    async def encode(self, pixels: Pixels | Floats) -> Posterior:
        """Encode pixels (batch, channels, height, width)."""
        return await self._call(self._backend.encode, pixels)

    async def decode(self, latents: Floats) -> Floats:
        """Decode latents (batch, latent)."""
        return await self._call(self._backend.decode, latents)

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

    images: number of images that are pending until the job is done.
    cost: work in single images.
    is_light: whether the time of ``prepare`` is negligible.
    pixels: number of pixels to decode where it takes some time; slow to count.
    prepare, compute, finish: the steps; only ``compute`` awaits the model.
    is_cancelled: whether nobody is waiting for the result any more.
    """

    images: int
    cost: int
    is_light: Callable[[], bool]
    prepare: Callable[[], Any]
    compute: Callable[[Any, RequestAutoencoder], Awaitable[Any]]
    finish: Callable[[Any], Any]
    timings: Timings
    pixels: Callable[[], int] = int
    is_cancelled: Callable[[], bool] = bool

    async def run(self, model: RequestAutoencoder) -> Any:  # noqa: ANN401 - see finish
        """Run the steps and record their times. Raises any error that they raise."""
        if self.cost >= OFFLOAD_FROM_COST or not self.is_light():
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
    """Admits jobs up to a number of pending images, and runs them.

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

    Heavy jobs run in a thread, one at a time, so that they delay neither probes nor
    light jobs. Passing a job to the thread and back takes a tenth of the time of 64
    digits. Short jobs overtake long ones, and the pixels that wait to be decoded are
    bounded: a small file can have very many.

    in_flight: requests that were received and have no response yet; the server's set.
    heavy: lock of the thread for heavy jobs.
    report_pending: called with the number of pending images when it changes.
    """

    def __init__(self, max_pending_images: int, max_pending_pixels: int) -> None:
        self.max_pending_images = max_pending_images
        self.pending_images = 0
        self._max_pending_pixels = max_pending_pixels
        self._decoding: list[tuple[float, int]] = []  # deadline and pixels of jobs
        self.in_flight: Collection[object] = ()
        self.report_pending: Callable[[int], object] = int
        self._queue: deque[QueuedJob] = deque()
        self._batches = 0
        self.heavy = PriorityLock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="heavy")
        self._counter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="count")

    def check(self, images: int, cost: int = 1) -> None:
        """Raise OverloadedError if this number of images would exceed the limit.

        If no images are pending, any number is admitted: a large job could otherwise
        never run. Heavy jobs leave some room for light ones, so that a client with many
        batches does not lock out the others.
        """
        pending = self.pending_images
        limit = self.max_pending_images
        if cost >= OFFLOAD_FROM_COST:
            limit -= limit // RESERVE_SHARE
        if pending and pending + images > limit:
            raise OverloadedError(
                f"{pending} images are waiting; {images} more would exceed {limit} "
                "(VAE_MAX_PENDING_IMAGES)"
            )

    async def run(self, job: Job, backend: Backend) -> Any:  # noqa: ANN401 - a job's result
        """Return the result of a job, or None if it was cancelled while it waited.

        Raises OverloadedError before anything is computed, and what the job raises.
        """
        self.check(job.images, job.cost)
        self.pending_images += job.images
        self.report_pending(self.pending_images)
        try:
            model = RequestAutoencoder(backend, job.timings)
            steps = job.run(model)
            is_busy = self._queue or len(self.in_flight) >= MIN_CONCURRENCY_TO_BATCH
            if is_busy and job.cost < OFFLOAD_FROM_COST:
                outcome = await self._enqueue(job, model, steps)
            else:
                outcome = advance(steps)
            if isinstance(outcome, Offload):
                return await self._offload(job, model, steps)
            return outcome
        finally:
            self.pending_images -= job.images
            self.report_pending(self.pending_images)

    async def _offload(self, job: Job, model: RequestAutoencoder, steps: Steps) -> Any:  # noqa: ANN401 - a job's result
        """Run a job in the thread, short ones first."""
        queued = perf_counter()
        loop = asyncio.get_running_loop()
        pixels = 0
        if not job.is_light():
            pixels = await loop.run_in_executor(self._counter, job.pixels)
        seconds = pixels * SECONDS_PER_PIXEL + job.cost * SECONDS_PER_IMAGE
        deadline = loop.time() + PATIENCE * seconds
        self._check_pixels(pixels, deadline, steps)
        place = deadline, pixels
        self._decoding.append(place)
        try:
            waited = self.heavy.locked
            async with self.heavy.acquire(deadline):
                if waited and job.is_cancelled():
                    steps.close()
                    return None
                job.timings.queue += perf_counter() - queued
                model.batched = False
                return await loop.run_in_executor(self._thread, advance, steps)
        finally:
            self._decoding.remove(place)

    def _check_pixels(self, pixels: int, deadline: float, steps: Steps) -> None:
        """Raise OverloadedError if too many pixels are decoded before these."""
        ahead = sum(count for before, count in self._decoding if before <= deadline)
        if ahead and ahead + pixels > self._max_pending_pixels:
            steps.close()
            raise OverloadedError(
                f"{ahead} pixels are waiting to be decoded; {pixels} more would exceed "
                f"{self._max_pending_pixels} (by VAE_MAX_IMAGE_PIXELS)"
            )

    async def _enqueue(self, job: Job, model: RequestAutoencoder, steps: Steps) -> Any:  # noqa: ANN401 - a job's result
        loop = asyncio.get_running_loop()
        if not self._queue:
            loop.call_soon(loop.call_soon, self._run_batch, loop)
        result: asyncio.Future[Any] = loop.create_future()
        queued = QueuedJob(job, model, steps, result, perf_counter(), self._batches)
        self._queue.append(queued)
        return await result

    def _run_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs: list[QueuedJob] = []
        cost = 0
        while self._queue and len(jobs) < MAX_BATCH_JOBS:
            if cost + self._queue[0].job.cost > MAX_BATCH_COST:
                break
            queued = self._queue.popleft()
            if self._is_wanted(queued):
                jobs.append(queued)
                cost += queued.job.cost
        run_batch(jobs)
        self._batches += 1
        if self._queue:
            loop.call_soon(self._run_batch, loop)

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
