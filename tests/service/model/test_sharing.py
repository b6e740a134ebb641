"""Several models share the processor, and none takes the part of another."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import numpy as np
import pytest

from service.model.batching import (
    MAX_BATCH_COST,
    MAX_BATCH_JOBS,
    MAX_SHARED_BATCH_JOBS,
    MAX_SHORT_COST,
    MIN_CONCURRENCY_TO_BATCH,
    RECENT_SECONDS,
    REQUEST_COST,
    BatchScheduler,
    Job,
    RequestAutoencoder,
)
from service.model.errors import OverloadedError
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


@pytest.mark.parametrize("cost", [1.01 * MAX_BATCH_COST, 1.01 * MAX_SHORT_COST])
def test_long_jobs_of_models_take_turns(cost: float) -> None:
    """One that came last does not wait for all of another model's."""
    schedulers = ModelSchedulers(max_queue_seconds=1000)
    schedulers.share(NAMES)
    order, _ = run_jobs(schedulers, "aaaabbc", cost)

    assert "".join(order) == "abcabaa"


def test_batches_of_models_take_turns(schedulers: ModelSchedulers) -> None:
    """Between two batches of one model is one of each other that waits."""
    at_once = MIN_CONCURRENCY_TO_BATCH - 1  # of each model
    counts = {"a": at_once + 3 * MAX_BATCH_JOBS, "b": at_once + 2 * MAX_BATCH_JOBS}
    names = "".join(name * count for name, count in counts.items())
    order, _ = run_jobs(schedulers, names, 0.01)
    queued = order[2 * at_once :]
    batches = ["".join(queued[i::MAX_BATCH_JOBS]) for i in range(MAX_BATCH_JOBS)]

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


@pytest.mark.parametrize(
    ("other", "pause", "size"),
    [
        ("", 0, MAX_BATCH_JOBS),
        ("b", 0, MAX_SHARED_BATCH_JOBS),
        ("b", 2 * RECENT_SECONDS, MAX_BATCH_JOBS),
        ("b" * 100, 0, MAX_BATCH_JOBS),
    ],
)
def test_batches_are_small_while_another_model_has_a_few_jobs(
    schedulers: ModelSchedulers, other: str, pause: float, size: int
) -> None:
    """Not if it had them long ago, or has batches of its own."""
    backends = {name: FakeAutoencoder() for name in NAMES}
    image = np.zeros((1, 1, HEIGHT, WIDTH), np.uint8)

    async def encode(_inputs: object, model: RequestAutoencoder) -> None:
        await model.encode(image)

    def run_one(name: str) -> Awaitable[object]:
        job = replace(make_job(noting([], name)), compute=encode)
        return schedulers.by_name[name].run(job, backends[name])

    async def run() -> None:
        before = [run_one(name) for name in other]
        if pause:
            await asyncio.gather(*before)
            await asyncio.sleep(pause)
            before = []
        await asyncio.gather(*before, *(run_one("a") for _ in range(40)))

    asyncio.run(run())
    assert max(backends["a"].batches) == size


def test_a_model_that_was_busy_in_the_last_round_shares_batches_at_once(
    schedulers: ModelSchedulers,
) -> None:
    """Its clients send their next requests when they have their responses."""
    scheduler = schedulers.by_name["a"]
    order: list[str] = []

    async def run() -> list[Job]:
        jobs = []
        for _ in range(2):
            jobs = [make_job(noting(order, "a")) for _ in range(MAX_BATCH_JOBS)]
            running = [scheduler.run(job, FakeAutoencoder()) for job in jobs]
            await asyncio.gather(*running)
        return jobs

    assert all(job.timings.queue > 0 for job in asyncio.run(run()))
