"""The bound for what connections hold."""

from dataclasses import dataclass

from service.server.connection_memory import MAX_BODIES, ConnectionMemory

MAX_BYTES = 100 * MAX_BODIES


@dataclass(eq=False)
class Connection:
    """A connection that holds bytes."""

    size: int
    dropped: bool = False

    def held_bytes(self) -> int:
        """Return its bytes."""
        return self.size

    def drop(self) -> None:
        """Note that it is dropped."""
        self.dropped = True


def dropped(*connections: Connection) -> list[bool]:
    """Add connections one after the other; return which of them are dropped."""
    memory = ConnectionMemory(100)
    for connection in connections:
        memory.add(connection)
    return [connection.dropped for connection in connections]


def test_connections_within_the_bound_stay() -> None:
    """The bound itself may be reached."""
    assert dropped(Connection(MAX_BYTES - 1), Connection(1)) == [False, False]


def test_the_oldest_are_dropped() -> None:
    """As many as are needed to be within the bound."""
    sizes = (10, MAX_BYTES // 2, 10, MAX_BYTES // 2)
    connections = [Connection(size) for size in sizes]
    assert dropped(*connections) == [True, True, False, False]


def test_one_alone_may_hold_more() -> None:
    """A response can be larger than the bound."""
    assert dropped(Connection(2 * MAX_BYTES)) == [False]


def test_a_connection_that_was_read_is_no_longer_the_oldest() -> None:
    """It is counted from when it holds something again."""
    slow, stuck = Connection(MAX_BYTES // 2), Connection(MAX_BYTES // 2)
    memory = ConnectionMemory(100)
    memory.add(slow)
    memory.add(stuck)
    memory.remove(slow)
    memory.add(slow)
    memory.add(Connection(1))
    assert (slow.dropped, stuck.dropped) == (False, True)


def test_what_was_sent_meanwhile_does_not_count() -> None:
    """A client may read without anything being parsed or paused."""
    reading, other = Connection(MAX_BYTES), Connection(MAX_BYTES)
    memory = ConnectionMemory(100)
    memory.add(reading)
    reading.size = 0
    memory.add(other)
    assert not reading.dropped
    assert not other.dropped


def test_a_connection_counts_once() -> None:
    """What it held before is replaced by what it holds now."""
    memory = ConnectionMemory(100)
    first, second = Connection(MAX_BYTES // 2), Connection(MAX_BYTES // 2)
    for _ in range(3):
        memory.add(first)
        memory.add(second)
    assert not first.dropped
