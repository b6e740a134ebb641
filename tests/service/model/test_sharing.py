"""Several models share the processor, and none takes the part of another."""

import asyncio
import threading
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

from service.model.batching import (
    FULL_BATCH,
    MAX_SHORT_COST,
    MIN_CONCURRENCY_TO_BATCH,
    REQUEST_COST,
    SHARED_BATCH,
    BatchScheduler,
    Job,
    RequestAutoencoder,
)
from service.model.errors import OverloadedError
from service.model.recent_work import RecentWork
from service.model.sharing import ModelSchedulers
from tests.samples import HEIGHT, WIDTH, FakeAutoencoder, pending_job
from tests.service.model.test_batching import make_job, noting

NAMES = ("a", "b", "c")
MS = 1000  # in a second


@pytest.fixture
def schedulers() -> ModelSchedulers:
    """Schedulers of three models, with enough in flight to batch."""
    schedulers = ModelSchedulers(max_queue_seconds=1)
    schedulers.observe(range(MIN_CONCURRENCY_TO_BATCH))
    schedulers.share(NAMES)
    return schedulers


def add_pending(scheduler: BatchScheduler, seconds: float) -> None:
    """Admit a job of the smallest class that takes so long; it never runs."""
    job = pending_job()
    scheduler.admit(job, 0)
    scheduler.pending[0] += round(1_000_000 * seconds - MS * REQUEST_COST)


def test_a_model_without_work_is_admitted_whatever_others_have(
    schedulers: ModelSchedulers,
) -> None:
    """The saturated one is rejected."""
    first, second, _ = schedulers.by_name.values()
    add_pending(first, 1.5)

    second.check()
    with pytest.raises(OverloadedError):
        first.check()


@pytest.mark.parametrize(
    ("own", "others", "seconds"),
    [
        (0.4, (0.4, 0.0), 0.8),
        (0.4, (0.1, 0.2), 0.7),
        (0.4, (9.0, 0.3), 1.1),
        (0.4, (9.0, 9.0), 1.2),
        (1.1, (0.0, 0.0), 1.1),
    ],
)
def test_a_job_waits_for_as_much_of_others_as_of_its_own_model(
    schedulers: ModelSchedulers,
    own: float,
    others: tuple[float, float],
    seconds: float,
) -> None:
    """In turns, no other model gets more before it; the rejection has the time."""
    for scheduler, pending in zip(
        schedulers.by_name.values(), (own, *others), strict=True
    ):
        add_pending(scheduler, pending)
    scheduler = schedulers.by_name["a"]

    if seconds <= 1:
        scheduler.check()
        return
    with pytest.raises(OverloadedError) as error:
        scheduler.check()
    assert error.value.seconds == pytest.approx(seconds, abs=0.001)


def run_jobs(
    schedulers: ModelSchedulers, names: str, cost: float
) -> tuple[list[str], list[Job]]:
    """Run a job of each named model, all queued at once.

    Return the names in the order in which the jobs ran, and the jobs.
    """
    order: list[str] = []
    jobs = [make_job(noting(order, name), cost) for name in names]

    async def run() -> None:
        await asyncio.gather(
            *(
                schedulers.by_name[name].run(job, FakeAutoencoder())
                for name, job in zip(names, jobs, strict=True)
            )
        )

    asyncio.run(run())
    return order, jobs


@pytest.mark.parametrize("cost", [1.01 * FULL_BATCH.cost, 1.01 * MAX_SHORT_COST])
def test_long_jobs_of_models_take_turns(cost: float) -> None:
    """One that came last does not wait for all of another model's."""
    schedulers = ModelSchedulers(max_queue_seconds=1000)
    schedulers.share(NAMES)
    order, _ = run_jobs(schedulers, "aaaabbc", cost)

    assert "".join(order) == "abcabaa"


def test_batches_of_models_take_turns(schedulers: ModelSchedulers) -> None:
    """Between two batches of one model is one of each other that waits."""
    at_once = MIN_CONCURRENCY_TO_BATCH - 1  # of each model
    counts = {"a": at_once + 3 * FULL_BATCH.jobs, "b": at_once + 2 * FULL_BATCH.jobs}
    names = "".join(name * count for name, count in counts.items())
    order, _ = run_jobs(schedulers, names, 0.01)
    queued = order[2 * at_once :]
    batches = ["".join(queued[i :: FULL_BATCH.jobs]) for i in range(FULL_BATCH.jobs)]

    assert set(batches) == {"ababa"}


def test_a_model_that_returns_has_its_scheduler_again(
    schedulers: ModelSchedulers,
) -> None:
    """Requests in progress meanwhile still count; a new one shares with the others."""
    first = schedulers.by_name["a"]
    schedulers.share(["b", "d"])
    schedulers.share(["a"])

    assert schedulers.by_name["a"] is first
    new = schedulers.by_name["d"]
    assert len(new.others) == 3
    assert new in first.others
    assert len(new.in_flight) == MIN_CONCURRENCY_TO_BATCH


def test_pending_work_is_reported_by_model(schedulers: ModelSchedulers) -> None:
    """Each has its own gauge."""
    reported: list[tuple[str, float]] = []
    schedulers.report_pending(
        lambda name: lambda seconds: reported.append((name, seconds))
    )
    schedulers.by_name["b"].admit(pending_job(), 5)

    name, seconds = reported[-1]
    assert name == "b"
    assert seconds == pytest.approx((5 + REQUEST_COST) / MS)


def test_a_few_small_jobs_do_not_wait_for_a_batch_of_another_model(
    schedulers: ModelSchedulers,
) -> None:
    """They run at once; so do the first of many, and all others share batches."""
    few = MIN_CONCURRENCY_TO_BATCH - 1
    order, jobs = run_jobs(schedulers, "a" * 20 + "b" * few, 0.01)

    assert "".join(order) == "a" * few + "b" * few + "a" * (20 - few)
    waited = [job.timings.queue > 0 for job in jobs]
    assert waited == [False] * few + [True] * (20 - few) + [False] * few


@pytest.fixture
def delayed(schedulers: ModelSchedulers) -> ModelSchedulers:
    """Schedulers of which b has had one small job a moment ago."""
    schedulers.by_name["b"].recent_work.add(REQUEST_COST, perf_counter())
    return schedulers


def largest_batch(schedulers: ModelSchedulers) -> int:
    """Return how many of 40 small jobs of a are computed in one call, at most."""
    backend = FakeAutoencoder()
    image = np.zeros((1, 1, HEIGHT, WIDTH), np.uint8)

    async def encode(_inputs: object, model: RequestAutoencoder) -> None:
        await model.encode(image)

    async def run() -> None:
        jobs = [replace(make_job(noting([], "a")), compute=encode) for _ in range(40)]
        scheduler = schedulers.by_name["a"]
        await asyncio.gather(*(scheduler.run(job, backend) for job in jobs))

    asyncio.run(run())
    return max(backend.batches)


def test_no_batch_delays_a_model_with_less_work(delayed: ModelSchedulers) -> None:
    """The event loop reads its requests after each job of the other."""
    assert largest_batch(delayed) == SHARED_BATCH.jobs


def test_batches_are_full_if_no_other_model_has_work(
    schedulers: ModelSchedulers,
) -> None:
    """As if there was only one model."""
    assert largest_batch(schedulers) == FULL_BATCH.jobs


def test_batches_are_full_again_a_second_after_another_models_job(
    delayed: ModelSchedulers,
) -> None:
    """It is unlikely to have another at once."""
    delayed.by_name["b"].recent_work = RecentWork()
    delayed.by_name["b"].recent_work.add(REQUEST_COST, perf_counter() - 1.1)

    assert largest_batch(delayed) == FULL_BATCH.jobs


def test_batches_are_full_if_other_models_have_as_much_work(
    delayed: ModelSchedulers,
) -> None:
    """Small batches would only cost throughput, of both."""
    delayed.by_name["b"].recent_work.add(40 * REQUEST_COST, perf_counter())

    assert largest_batch(delayed) == FULL_BATCH.jobs


@pytest.mark.parametrize(
    ("name", "cost", "in_event_loop"),
    [
        ("a", SHARED_BATCH.cost, True),
        ("a", 1.01 * SHARED_BATCH.cost, False),
        ("b", FULL_BATCH.cost, True),
    ],
)
def test_larger_jobs_leave_the_event_loop_to_a_model_with_less_work(
    delayed: ModelSchedulers, name: str, cost: float, *, in_event_loop: bool
) -> None:
    """They run in a thread; those of the other model do not."""
    delayed.by_name["a"].recent_work.add(10, perf_counter())
    threads: list[threading.Thread] = []

    async def compute() -> None:
        threads.append(threading.current_thread())

    job = make_job(compute, cost)
    asyncio.run(delayed.by_name[name].run(job, FakeAutoencoder()))

    assert (threads == [threading.main_thread()]) is in_event_loop


def test_a_model_that_was_busy_in_the_last_round_shares_batches_at_once(
    schedulers: ModelSchedulers,
) -> None:
    """Its clients send their next requests when they have their responses."""
    scheduler = schedulers.by_name["a"]
    order: list[str] = []

    async def run() -> list[Job]:
        jobs = []
        for _ in range(2):
            jobs = [make_job(noting(order, "a")) for _ in range(FULL_BATCH.jobs)]
            running = [scheduler.run(job, FakeAutoencoder()) for job in jobs]
            await asyncio.gather(*running)
        return jobs

    assert all(job.timings.queue > 0 for job in asyncio.run(run()))
