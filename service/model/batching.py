"""Pieces of work that want the model at the same time, and get it in one call for all of them.

Each piece runs in a fiber until it asks for the model. Once all have asked or are done, what they ask about is computed
as one batch, and each goes on with its part: sixteen single digits take the model 86 us so, and one by one 510 us.
"""

import asyncio
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from greenlet import getcurrent, greenlet
from numpy.typing import DTypeLike, NDArray


class Rows(Protocol):
    """What a function of the model gives: something for each row that it was asked about."""

    def __getitem__(self, rows: slice, /) -> Self:
        """That of some of the rows."""


T = TypeVar("T", bound=Rows)
Array = NDArray[Any]
Function = Callable[[Any], Rows]


class Work(NamedTuple):
    """Something to do, and where its result or exception goes."""

    function: Callable[[], object]
    future: asyncio.Future[Any]


class Question(NamedTuple):
    """A function of the model, and the rows that it is asked about."""

    function: Function
    rows: Array


class Fiber(greenlet):
    """Does one piece of work after the other: the first stack of a new one takes 30 us to get."""

    def __init__(self) -> None:
        super().__init__()
        self.switch()  # to where it waits: what a fiber is started with it holds for ever

    def run(self) -> None:
        """Do work as it comes; give back each question, and None at the end of each piece."""
        while True:
            function, future = self.give(None)
            try:
                future.set_result(function())
            except Exception as error:  # noqa: BLE001 - goes to whoever waits for the work
                future.set_exception(error)
            del (
                function,
                future,
            )  # or an idle fiber would hold the last request's images

    def give(self, value: object) -> Any:  # noqa: ANN401 - work after None, an answer after a question
        """Hand something to who runs the fiber, and wait for what comes back."""
        return self.parent.switch(value)  # type: ignore[union-attr]  # only a thread's main greenlet has none


def ask(function: Callable[[Any], T], rows: Array) -> tuple[T, float]:
    """What a function of the model gives for rows, and the seconds that it took: of a joint call, the rows' share.

    Work that is done by itself, not in a fiber, is answered at once.
    """
    fiber = getcurrent()
    if not isinstance(fiber, Fiber):
        started = perf_counter()
        return function(rows), perf_counter() - started
    answer = fiber.give(Question(function, rows))
    if isinstance(answer, Exception):
        raise answer
    return answer  # type: ignore[no-any-return]  # what answers() has made of this question


def answers(
    function: Function, batches: list[Array]
) -> list[tuple[Rows, float]] | list[Exception]:
    """What one call of a function gives for the rows of each question; or the exception that it raised, for each."""
    started = perf_counter()
    try:
        together = function(np.concatenate(batches))
        ends = np.cumsum([len(rows) for rows in batches]).tolist()
        seconds = (perf_counter() - started) / ends[-1]
        return [
            (together[end - len(rows) : end], seconds * len(rows))
            for rows, end in zip(batches, ends, strict=True)
        ]
    except Exception as error:  # noqa: BLE001 - goes to those who asked
        return [error] * len(batches)


class Together:
    """Does pieces of work together; its fibers are kept for the next."""

    def __init__(self) -> None:
        self._idle: list[Fiber] = []

    def do(self, works: Iterable[Work]) -> None:
        """Do each piece of work."""
        asking: dict[tuple[Function, DTypeLike], list[tuple[Fiber, Array]]] = {}

        def go_on(fiber: Fiber, given: object) -> None:
            question = fiber.switch(given)
            if question is None:
                self._idle.append(fiber)
            else:
                asking.setdefault((question.function, question.rows.dtype), []).append(
                    (fiber, question.rows)
                )

        for work in works:
            go_on(self._idle.pop() if self._idle else Fiber(), work)
        while asking:
            (function, _), asked = asking.popitem()
            for (fiber, _), answer in zip(
                asked, answers(function, [rows for _, rows in asked]), strict=True
            ):
                go_on(fiber, answer)
