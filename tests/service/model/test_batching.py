"""Jobs that run together get what they would get alone, in fewer calls of the model."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.model.autoencoder import Posterior
from service.model.batching import (
    CLASS_BOUNDS,
    DECODE_COST,
    FULL_BATCH,
    MAX_SHORT_COST,
    MIN_CONCURRENCY_TO_BATCH,
    BatchScheduler,
    Job,
    ModelCall,
    QueuedJob,
    RequestAutoencoder,
    run_batch,
)
from service.model.errors import OverloadedError
from tests.samples import HEIGHT, WIDTH, FakeAutoencoder

Numbers = NDArray[np.float32]
Compute = Callable[[], Awaitable[object]]
SMALL = 0.01  # milliseconds
HEAVY = 1.01 * FULL_BATCH.cost
LONG = 1.01 * MAX_SHORT_COST


@dataclass
class Timings:
    """Times of a job."""

    queue: float = 0.0
    read: float = 0.0
    infer: float = 0.0
    write: float = 0.0
    percentiles: Sequence[float] = ()
    brightness_percentiles: Sequence[float] = ()


def make_job(
    compute: Compute,
    cost: float = SMALL,
    *,
    is_light: bool = True,
    is_cancelled: bool = False,
) -> Job:
    """Return a job of this cost that computes something."""

    async def ignoring_inputs(_inputs: object, _model: object) -> object:
        return await compute()

    return Job(
        cost=cost,
        is_light=lambda: is_light,
        prepare=list,
        compute=ignoring_inputs,
        finish=lambda result: result,
        timings=Timings(),
        is_cancelled=lambda: is_cancelled,
    )


def noting(done: list[str], name: str) -> Compute:
    """Return a computation that appends its name to a list."""

    async def compute() -> None:
        done.append(name)

    return compute


def batched(*computes: Compute) -> list[Any]:
    """Return each computation's result in one batch, or the exception it raised."""

    async def run() -> list[Any]:
        queued = []
        for compute in computes:
            job = make_job(compute)
            model = RequestAutoencoder(FakeAutoencoder(), job.timings)
            result = asyncio.get_running_loop().create_future()
            queued.append(
                QueuedJob(job, model, job.run(model, FULL_BATCH.cost), result, 0.0, 0)
            )
        run_batch(queued)
        results = [each.result for each in queued]
        return await asyncio.gather(*results, return_exceptions=True)

    return asyncio.run(run())


def double(rows: Numbers) -> Numbers:
    """Compute a function of the model."""
    return rows * 2


def numbers(*values: float) -> Numbers:
    """Return rows of one number."""
    return np.array(values, dtype=np.float32)[:, np.newaxis]


def test_calls_of_the_same_function_are_one_call() -> None:
    """Each job gets the results of its own rows, however many they are."""
    calls: list[int] = []

    def counted(rows: Numbers) -> Numbers:
        calls.append(len(rows))
        return double(rows)

    def compute(*values: float) -> Compute:
        async def call() -> object:
            result, _ = await ModelCall(counted, numbers(*values))
            return result.ravel().tolist()

        return call

    results = batched(compute(1), compute(2, 3, 4), compute(), compute(5))
    assert results == [[2], [4, 6, 8], [], [10]]
    assert calls == [5]


def test_a_job_may_call_more_than_once_or_never() -> None:
    """Its second call is batched with the others' second calls."""
    calls: list[tuple[str, int]] = []

    def encode(rows: Numbers) -> Numbers:
        calls.append(("encode", len(rows)))
        return rows + 1

    def decode(rows: Numbers) -> Numbers:
        calls.append(("decode", len(rows)))
        return rows * 10

    def reconstruct(value: float) -> Compute:
        async def call() -> object:
            latents, _ = await ModelCall(encode, numbers(value))
            pixels, _ = await ModelCall(decode, latents)
            return pixels[0, 0]

        return call

    async def nothing() -> str:
        return "nothing"

    results = batched(reconstruct(1), nothing, reconstruct(2))
    assert results == [20, "nothing", 30]
    assert calls == [("encode", 2), ("decode", 2)]


def test_rows_of_different_types_are_different_calls() -> None:
    """Bytes among floats would become floats, and mean something else."""
    types: list[str] = []

    def noted(rows: NDArray[np.generic]) -> NDArray[np.generic]:
        types.append(str(rows.dtype))
        return rows

    def compute(rows: NDArray[Any]) -> Compute:
        async def call() -> object:
            result, _ = await ModelCall(noted, rows)
            return result[0]

        return call

    results = batched(
        compute(np.array([200], dtype=np.uint8)),
        compute(np.array([0.5], dtype=np.float32)),
    )
    assert results == [200, 0.5]
    assert sorted(types) == ["float32", "uint8"]


def test_an_error_of_a_job_is_its_own() -> None:
    """Before its call and after it; the other jobs get their results."""

    async def before() -> object:
        raise KeyError("before")

    async def after() -> object:
        await ModelCall(double, numbers(1))
        raise KeyError("after")

    async def good() -> object:
        result, _ = await ModelCall(double, numbers(1))
        return result[0, 0]

    first, second, third = batched(before, after, good)

    assert (repr(first), repr(second), third) == (
        "KeyError('before')",
        "KeyError('after')",
        2,
    )


def test_an_error_of_the_model_is_raised_in_every_job_of_the_call() -> None:
    """A job may catch it, as that of a call alone."""

    def broken(rows: Numbers) -> Numbers:
        raise ValueError(f"{len(rows)} rows")

    async def uncaught() -> object:
        return await ModelCall(broken, numbers(1))

    async def caught() -> object:
        with pytest.raises(ValueError, match="2 rows"):
            await ModelCall(broken, numbers(1))
        return "caught"

    first, second = batched(uncaught, caught)

    assert repr(first) == "ValueError('2 rows')"
    assert second == "caught"


def test_a_posterior_is_divided_as_well() -> None:
    """Each job gets the mean and the variance of its own images."""
    levels = np.arange(2 * HEIGHT * WIDTH, dtype=np.uint8)
    images = list(levels.reshape(2, 1, 1, HEIGHT, WIDTH))
    autoencoder = FakeAutoencoder()

    def compute(image: NDArray[np.uint8]) -> Compute:
        async def call() -> object:
            posterior, _ = await ModelCall(autoencoder.encode, image)
            return posterior

        return call

    posteriors = batched(*(compute(image) for image in images))
    for image, posterior in zip(images, posteriors, strict=True):
        alone = autoencoder.encode(image)
        assert isinstance(posterior, Posterior)
        assert np.array_equal(posterior.mean, alone.mean)
        assert np.array_equal(posterior.log_variance, alone.log_variance)
    assert autoencoder.batches == [2, 1, 1]


def test_the_time_of_a_joint_call_is_shared_by_the_rows() -> None:
    """The times of all requests together are the time that the model took."""

    def compute(*values: float) -> Compute:
        async def call() -> object:
            _, seconds = await ModelCall(double, numbers(*values))
            return seconds

        return call

    first, second = batched(compute(1), compute(1, 2, 3))

    assert first > 0
    assert second == pytest.approx(3 * first)


@pytest.fixture
def scheduler() -> BatchScheduler:
    """Return a scheduler of a short queue, with enough in flight to batch."""
    scheduler = BatchScheduler(max_queue_seconds=0.03)
    scheduler.in_flight = range(MIN_CONCURRENCY_TO_BATCH)
    return scheduler


@pytest.fixture
def large_scheduler() -> BatchScheduler:
    """Return a scheduler of a long queue, with enough in flight to batch."""
    scheduler = BatchScheduler(max_queue_seconds=1000)
    scheduler.in_flight = range(MIN_CONCURRENCY_TO_BATCH)
    return scheduler


def gather(*starts: Callable[[], Awaitable[object]]) -> list[object]:
    """Start all at once; return the result of each."""

    async def run() -> list[object]:
        return await asyncio.gather(*(start() for start in starts))

    return asyncio.run(run())


def running(scheduler: BatchScheduler, job: Job) -> Callable[[], Awaitable[object]]:
    """Return a function that runs a job."""
    return lambda: scheduler.run(job, FakeAutoencoder())


def test_jobs_are_admitted_up_to_the_limit(scheduler: BatchScheduler) -> None:
    """One more is rejected, with the time that it would wait and the setting."""
    reported: list[float] = []
    scheduler.report_pending = reported.append

    async def full() -> object:
        with pytest.raises(
            OverloadedError,
            match=r"takes 0.05 s; the limit is 0.03 s \(VAE_MAX_QUEUE_SECONDS",
        ) as error:
            scheduler.check(49.85)
        assert error.value.seconds == pytest.approx(0.05)
        return "full"

    assert gather(running(scheduler, make_job(full, 49.85))) == ["full"]
    scheduler.check(49.85)
    assert max(reported) == pytest.approx(0.05)
    assert reported[-1] == 0


def test_one_job_is_always_admitted(scheduler: BatchScheduler) -> None:
    """However large it is: otherwise it could never be answered."""
    done: list[str] = []
    gather(running(scheduler, make_job(noting(done, "large"), 5000)))
    assert done == ["large"]


def test_a_job_that_fails_is_no_longer_pending(scheduler: BatchScheduler) -> None:
    """It makes room for others."""

    async def fail() -> object:
        raise KeyError

    with pytest.raises(KeyError):
        gather(running(scheduler, make_job(fail, 20)))
    assert scheduler.pending_seconds == 0


@pytest.mark.parametrize("cost", [SMALL, HEAVY])
def test_a_cancelled_job_is_not_begun(
    large_scheduler: BatchScheduler, cost: float
) -> None:
    """It had to wait, and when its turn came nobody waited for it any more."""
    done: list[str] = []

    def job(name: str, cost: float, *, is_cancelled: bool) -> Job:
        return make_job(noting(done, name), cost, is_cancelled=is_cancelled)

    count = FULL_BATCH.jobs if cost == SMALL else 1
    jobs = [job("first", cost, is_cancelled=False) for _ in range(count)]
    jobs += [
        job("gone", cost, is_cancelled=True),
        job("last", cost, is_cancelled=False),
    ]
    gather(*(running(large_scheduler, each) for each in jobs))

    assert "gone" not in done
    assert done[-1] == "last"


@pytest.mark.parametrize(
    ("cost", "in_a_batch"),
    [
        (SMALL, FULL_BATCH.jobs),
        (FULL_BATCH.cost / 3.1, 3),
        (FULL_BATCH.cost / 1.9, 1),
    ],
)
def test_the_loop_looks_at_its_sockets_between_batches(
    large_scheduler: BatchScheduler, cost: float, in_a_batch: int
) -> None:
    """Jobs run in order, a batch's cost and number at a time, other tasks between."""
    order: list[str] = []

    async def look() -> None:
        await asyncio.sleep(0)
        order.append("probe")

    names = [str(number) for number in range(3 * in_a_batch)]
    jobs = [make_job(noting(order, name), cost) for name in names]
    gather(*(running(large_scheduler, job) for job in jobs), look)

    assert [name for name in order if name != "probe"] == names
    assert order.index("probe") <= 2 * in_a_batch


def test_a_batch_takes_who_comes_a_moment_later(
    large_scheduler: BatchScheduler,
) -> None:
    """A client that was answered last is on its way back."""
    order: list[str] = []

    async def look() -> None:
        for _ in range(5):
            order.append("look")
            await asyncio.sleep(0)

    async def later() -> None:
        await asyncio.sleep(0)
        await running(large_scheduler, make_job(noting(order, "second")))()

    first = running(large_scheduler, make_job(noting(order, "first")))
    gather(first, later, look)

    assert order.index("second") == order.index("first") + 1


@pytest.mark.parametrize(
    ("in_flight", "order"),
    [
        (MIN_CONCURRENCY_TO_BATCH - 1, "work, look"),
        (MIN_CONCURRENCY_TO_BATCH, "look, work"),
    ],
)
def test_a_job_waits_for_a_batch_only_where_there_are_others(
    large_scheduler: BatchScheduler, in_flight: int, order: str
) -> None:
    """With few requests in flight it runs as it comes."""
    done: list[str] = []
    large_scheduler.in_flight = range(in_flight)

    async def look() -> None:
        done.append("look")

    gather(running(large_scheduler, make_job(noting(done, "work"))), look)

    assert ", ".join(done) == order


@pytest.mark.parametrize("in_flight", [0, MIN_CONCURRENCY_TO_BATCH])
@pytest.mark.parametrize(
    ("cost", "is_light"), [(HEAVY, True), (LONG, True), (SMALL, False)]
)
def test_heavy_jobs_run_one_at_a_time_in_a_thread(
    large_scheduler: BatchScheduler,
    cost: float,
    is_light: bool,  # noqa: FBT001 - a case
    in_flight: int,
) -> None:
    """A light job that comes later is done before a heavy one ends."""
    order: list[str] = []
    large_scheduler.in_flight = range(in_flight)

    async def heavy() -> None:
        started, end = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        async def compute() -> None:
            loop.call_soon_threadsafe(started.set)
            asyncio.run_coroutine_threadsafe(end.wait(), loop).result(30)
            order.append("heavy")

        job = make_job(compute, cost, is_light=is_light)
        computing = asyncio.create_task(large_scheduler.run(job, FakeAutoencoder()))
        await started.wait()
        await running(large_scheduler, make_job(noting(order, "light")))()
        end.set()
        await computing

    asyncio.run(heavy())
    assert order == ["light", "heavy"]


def test_large_jobs_leave_room_for_small_ones(scheduler: BatchScheduler) -> None:
    """A job is rejected for the work of its own class and of smaller ones only."""
    small, middle, *_, large = (0.9 * bound for bound in CLASS_BOUNDS)
    scheduler.admit(make_job(noting([], "large"), large), large)
    scheduler.check(middle)
    with pytest.raises(OverloadedError):
        scheduler.check(large)

    while scheduler.pending_seconds < 0.03 + (large + 1) / 1000:
        scheduler.admit(make_job(noting([], "middle"), middle), middle)
    scheduler.check(small)
    for cost in (middle, large):
        with pytest.raises(OverloadedError):
            scheduler.check(cost)


def file_job(order: list[str], name: str, pixels: int) -> Job:
    """Return a job that decodes a file of so many pixels."""
    job = make_job(noting(order, name), is_light=False)
    job.pixels = lambda: pixels
    return job


def test_short_jobs_overtake_long_ones(large_scheduler: BatchScheduler) -> None:
    """A small file does not wait for all the large ones that came before it."""
    order: list[str] = []

    async def run() -> None:
        blocking, end = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        async def block() -> None:
            loop.call_soon_threadsafe(blocking.set)
            asyncio.run_coroutine_threadsafe(end.wait(), loop).result(30)

        blocker = asyncio.create_task(
            large_scheduler.run(make_job(block, LONG), FakeAutoencoder())
        )
        await blocking.wait()
        jobs = [
            file_job(order, "long", 9_000_000),
            file_job(order, "short", 2_000_000),
            file_job(order, "also short", 2_000_000),
        ]
        tasks = [
            asyncio.create_task(large_scheduler.run(job, FakeAutoencoder()))
            for job in jobs
        ]
        while large_scheduler.long.waiting < len(jobs):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.001)
        end.set()
        await asyncio.gather(blocker, *tasks)

    asyncio.run(run())
    assert order == ["short", "also short", "long"]


def test_small_jobs_precede_larger_ones_for_a_limited_time(
    scheduler: BatchScheduler,
) -> None:
    """One that came more than a queue's length later does not."""
    order: list[str] = []

    async def later(seconds: float) -> None:
        large = make_job(noting(order, "large"), 0.9 * FULL_BATCH.cost)
        small = make_job(noting(order, "small"))
        first = make_job(noting(order, "first"), 0.9 * FULL_BATCH.cost)
        before = asyncio.create_task(scheduler.run(first, FakeAutoencoder()))
        waiting = asyncio.create_task(scheduler.run(large, FakeAutoencoder()))
        await asyncio.sleep(0)
        time.sleep(seconds)  # noqa: ASYNC251 - the event loop is busy meanwhile
        await asyncio.gather(before, waiting, scheduler.run(small, FakeAutoencoder()))

    asyncio.run(later(0))
    assert order == ["small", "first", "large"]
    order.clear()
    asyncio.run(later(0.04))
    assert order == ["first", "large", "small"]


def test_the_pixels_that_wait_are_bounded(scheduler: BatchScheduler) -> None:
    """They are counted before they are decoded; the rejection says the time."""
    order: list[str] = []
    first, second = (file_job(order, name, 1_000_000) for name in "ab")
    rejected = threading.Event()
    first.prepare = partial(rejected.wait, 30)

    async def run() -> tuple[object, OverloadedError]:
        running = asyncio.create_task(scheduler.run(first, FakeAutoencoder()))
        while not scheduler.short.is_busy:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.001)
        with pytest.raises(OverloadedError) as error:
            await scheduler.run(second, FakeAutoencoder())
        rejected.set()
        return await running, error.value

    result, error = asyncio.run(run())
    assert result is None
    assert error.seconds >= 1000 * DECODE_COST
    assert order == ["a"]
    assert scheduler.pending_seconds == 0
