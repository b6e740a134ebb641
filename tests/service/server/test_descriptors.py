"""File descriptors."""

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.observability.metrics import Metrics
from service.server.descriptors import (
    MAX_DESCRIPTORS,
    RESERVED_DESCRIPTORS,
    ConnectionLimit,
    raise_descriptor_limit,
)


@pytest.fixture(autouse=True)
def limits() -> Iterator[tuple[int, int]]:
    """Limits of open files; the soft one is restored."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield limits
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@dataclass(eq=False)
class FakeConnection:
    """Connection that became idle at a time, or is busy."""

    since: float | None
    closed: bool = False

    def idle_since(self) -> float | None:
        """Return the time."""
        return self.since

    def shutdown(self) -> None:
        """Note that it was closed."""
        self.closed = True


def test_the_soft_limit_is_raised(limits: tuple[int, int]) -> None:
    """It becomes the hard one, or as much as a worker can use."""
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))

    raise_descriptor_limit()

    soft, hard_after = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == min(hard, MAX_DESCRIPTORS)
    assert hard_after == hard


def limit_of(connections: int, limits: tuple[int, int]) -> ConnectionLimit:
    """Return a limit to a number of connections."""
    open_now = sum(1 for _ in Path("/dev/fd").iterdir())
    soft = open_now + RESERVED_DESCRIPTORS + connections
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, limits[1]))
    return ConnectionLimit(Metrics([], []))


def test_the_longest_idle_connections_are_closed(limits: tuple[int, int]) -> None:
    """Four per cent of all at a time; busy ones stay."""
    limit = limit_of(64, limits)
    busy = [FakeConnection(None) for _ in range(32)]
    idle = [FakeConnection(float(since)) for since in range(32)]

    limit.make_room([*busy, *idle[::-1]])

    assert [each.closed for each in idle] == [True, True] + [False] * 30
    assert not any(each.closed for each in busy)


def test_below_the_limit_none_is_closed(limits: tuple[int, int]) -> None:
    """There is room for one more."""
    limit = limit_of(64, limits)
    idle = [FakeConnection(0.0) for _ in range(63)]

    limit.make_room(idle)

    assert not any(each.closed for each in idle)
