"""Timer that closes a connection without requests."""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable


class IdleTimer:
    """Timer of a connection's idle time, which each request restarts.

    To restart it is an assignment: a timer of the event loop for each request would
    cost a thirtieth of what the protocol does for a small one.

    since: when the connection became idle, by the event loop's clock; of no meaning
        while it is busy.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        seconds: float,
        is_busy: Callable[[], bool],
        close: Callable[[], None],
    ) -> None:
        """Call ``close`` after some seconds in which ``is_busy`` is false."""
        self.since = loop.time()
        self._loop = loop
        self._seconds = seconds
        self._is_busy = is_busy
        self._close = close
        self._timer: TimerHandle
        self._check_at(self.since + seconds)

    def cancel(self) -> None:
        """Stop the timer for good."""
        self._timer.cancel()

    def _check_at(self, when: float) -> None:
        self._timer = self._loop.call_at(when, self._check)

    def _check(self) -> None:
        now = self._loop.time()
        idle_since = now if self._is_busy() else self.since
        end = idle_since + self._seconds
        if end > now:
            self._check_at(end)
        else:
            self._close()
