"""Clock of a request that is arriving."""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable

# As Kestrel's MinRequestBodyDataRate has them: 240 bytes a second, after 5 s.
MIN_BYTES_PER_SECOND = 240
INTERVAL_SECONDS = 5.0


class RequestClock:
    """Clock that ends a request that arrives too slowly.

    All of a request must arrive within some seconds; and in each interval of 5 s that
    its body takes, it must come at 240 bytes a second or more. Else a client could hold
    the memory of a body for all that time and send nothing.

    body_bytes: returns the bytes of the body so far, or None while it is not due.
    end: called with the reason.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        seconds: float,
        body_bytes: Callable[[], int | None],
        end: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._body_bytes = body_bytes
        self._end = end
        self._deadline = 0.0
        self._bytes_before: int | None = None
        self._timer: TimerHandle | None = None

    def is_running(self) -> bool:
        """Return whether a request is arriving."""
        return self._timer is not None

    def start(self) -> None:
        """Start, when a request has begun."""
        self._deadline = self._loop.time() + self._seconds
        self._begin_interval(self._body_bytes())

    def stop(self) -> None:
        """Stop, when the request is complete."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin_interval(self, body_bytes: int | None) -> None:
        self._bytes_before = body_bytes
        interval_end = self._loop.time() + INTERVAL_SECONDS
        next_check = min(interval_end, self._deadline)
        self._timer = self._loop.call_at(next_check, self._check)

    def _check(self) -> None:
        self._timer = None
        body_bytes = self._body_bytes()
        if self._loop.time() >= self._deadline:
            limit = f"{self._seconds:g} s (VAE_REQUEST_TIMEOUT_SECONDS)"
            self._end(f"the request was not complete after {limit}")
        elif self._is_too_slow(body_bytes):
            self._end(f"the body came at less than {MIN_BYTES_PER_SECOND} bytes/s")
        else:
            self._begin_interval(body_bytes)

    def _is_too_slow(self, body_bytes: int | None) -> bool:
        if body_bytes is None or self._bytes_before is None:
            return False
        received = body_bytes - self._bytes_before
        return received < MIN_BYTES_PER_SECOND * INTERVAL_SECONDS
