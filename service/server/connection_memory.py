"""Memory that the connections of a worker hold beside their requests."""

from typing import Protocol

# Bytes together, in bodies of the largest size.
MAX_BODIES = 6


class Holder(Protocol):
    """A connection that holds memory."""

    def held_bytes(self) -> int:
        """Return the bytes of input not parsed yet and of output not sent yet."""

    def drop(self) -> None:
        """End the connection at once."""


class ConnectionMemory:
    """Bound for what connections hold because their clients read too little.

    A client that reads no responses, or sends requests faster than they are answered,
    costs memory that no request accounts for. Beyond the bound, the connection that has
    held some for the longest time is dropped. One alone may hold any amount: a response
    can be larger than the bound.
    """

    def __init__(self, max_body_bytes: int) -> None:
        self._max_bytes = MAX_BODIES * max_body_bytes
        self._held: dict[Holder, int] = {}  # when last counted; the oldest first
        self._total = 0

    def add(self, connection: Holder) -> None:
        """Count what a connection holds now, until it is removed."""
        held = connection.held_bytes()
        self._total += held - self._held.get(connection, 0)
        self._held[connection] = held
        if self._total > self._max_bytes:
            self._count_again()
        while len(self._held) > 1 and self._total > self._max_bytes:
            oldest = next(iter(self._held))
            self.remove(oldest)
            oldest.drop()

    def remove(self, connection: Holder) -> None:
        """Count a connection no longer."""
        self._total -= self._held.pop(connection, 0)

    def _count_again(self) -> None:
        """Count all connections: some may have sent output since."""
        for connection in self._held:
            self._held[connection] = connection.held_bytes()
        self._total = sum(self._held.values())
