"""Work that is done together gets what it would get alone, in fewer calls of the model."""

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.model.autoencoder import Posterior
from service.model.batching import Together, Work, ask
from tests.samples import FakeAutoencoder

Numbers = NDArray[np.float32]


def do(*works: Callable[[], object]) -> list[Any]:
    """Each work's result, or the exception that it raised."""

    async def run() -> list[Any]:
        futures = [asyncio.get_running_loop().create_future() for _ in works]
        Together().do(map(Work, works, futures))
        return await asyncio.gather(*futures, return_exceptions=True)

    return asyncio.run(run())


def double(rows: Numbers) -> Numbers:
    """A function of the model."""
    return rows * 2


def numbers(*values: float) -> Numbers:
    """Rows of one number."""
    return np.array(values, dtype=np.float32)[:, np.newaxis]


def test_questions_of_the_same_function_are_one_call() -> None:
    """Each gets the answers to its own rows, however many they are."""
    calls: list[int] = []

    def counted(rows: Numbers) -> Numbers:
        calls.append(len(rows))
        return double(rows)

    def work(*values: float) -> Callable[[], object]:
        return lambda: ask(counted, numbers(*values))[0].ravel().tolist()

    assert do(work(1), work(2, 3, 4), work(), work(5)) == [[2], [4, 6, 8], [], [10]]
    assert calls == [5]


def test_work_may_ask_more_than_once_and_not_at_all() -> None:
    """Work that asks again is put together with what asks then."""
    calls: list[tuple[str, int]] = []

    def encode(rows: Numbers) -> Numbers:
        calls.append(("encode", len(rows)))
        return rows + 1

    def decode(rows: Numbers) -> Numbers:
        calls.append(("decode", len(rows)))
        return rows * 10

    def reconstruct(value: float) -> Callable[[], object]:
        return lambda: ask(decode, ask(encode, numbers(value))[0])[0][0, 0]

    assert do(reconstruct(1), lambda: "nothing", reconstruct(2)) == [20, "nothing", 30]
    assert calls == [("encode", 2), ("decode", 2)]


def test_rows_of_different_types_are_different_calls() -> None:
    """Bytes among floats would become floats, and mean something else."""
    bytes_and_floats = [
        np.array([200], dtype=np.uint8),
        np.array([0.5], dtype=np.float32),
    ]
    types: list[np.dtype[np.generic]] = []

    def noted(rows: NDArray[np.generic]) -> NDArray[np.generic]:
        types.append(rows.dtype)
        return rows

    assert do(
        *(lambda rows=rows: ask(noted, rows)[0][0] for rows in bytes_and_floats)
    ) == [200, 0.5]
    assert sorted(map(str, types)) == ["float32", "uint8"]


def test_an_error_of_the_work_is_its_own() -> None:
    """Before it asks and after it; the others are done."""

    def before() -> object:
        raise KeyError("before")

    def after() -> object:
        ask(double, numbers(1))
        raise KeyError("after")

    first, second, third = do(before, after, lambda: ask(double, numbers(1))[0][0, 0])

    assert (repr(first), repr(second), third) == (
        "KeyError('before')",
        "KeyError('after')",
        2,
    )


def test_an_error_of_the_model_is_everybodys_who_asked() -> None:
    """It may be caught, as that of a call alone."""

    def broken(rows: Numbers) -> Numbers:
        raise ValueError(f"{len(rows)} rows")

    def caught() -> object:
        with pytest.raises(ValueError, match="2 rows"):
            ask(broken, numbers(1))
        return "caught"

    first, second = do(lambda: ask(broken, numbers(1)), caught)

    assert repr(first) == "ValueError('2 rows')"
    assert second == "caught"


def test_a_posterior_is_divided_as_well() -> None:
    """Its mean and its variance."""
    images = np.arange(12, dtype=np.uint8).reshape(2, 1, 2, 3)
    autoencoder = FakeAutoencoder()

    def work(image: NDArray[np.uint8]) -> Callable[[], object]:
        return lambda: ask(autoencoder.encode, image)[0]

    for image, posterior in zip(images, do(*map(work, images)), strict=True):
        alone = autoencoder.encode(image)
        assert isinstance(posterior, Posterior)
        assert np.array_equal(posterior.mean, alone.mean)
        assert np.array_equal(posterior.log_variance, alone.log_variance)
    assert autoencoder.batches == [2, 1, 1]


def test_the_time_of_a_joint_call_is_shared_by_the_rows() -> None:
    """So that the times of all requests together are the time that the model took."""
    first, second, alone = do(
        lambda: ask(double, numbers(1))[1],
        lambda: ask(double, numbers(1, 2, 3))[1],
        lambda: 0,
    )

    assert isinstance(first, float)
    assert second == pytest.approx(3 * first)
    assert alone == 0
    assert ask(double, numbers(1))[1] > 0


def test_an_idle_fiber_holds_nothing_of_the_last_work() -> None:
    """Neither what it worked on nor what came of it."""

    class Thing:
        """Something large."""

    async def run() -> list[weakref.ref[Thing]]:
        thing, future = Thing(), asyncio.get_running_loop().create_future()
        together.do([Work(lambda thing=thing: [thing, Thing()], future)])  # type: ignore[misc]
        return [weakref.ref(each) for each in future.result()]

    together = Together()

    assert [reference() for reference in asyncio.run(run())] == [None, None]
