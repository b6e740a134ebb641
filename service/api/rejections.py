"""Rate at which an overloaded service rejects requests."""

import asyncio

# A rejection takes about 0.1 ms, all of them together a tenth of a core.
REJECTIONS_PER_SECOND = 1000
BURST_SECONDS = 0.05  # so many seconds' rejections need not wait


class RejectionRate:
    """Bound for the processor time that rejections take.

    Clients that send a request again at once keep the event loop busy with rejections.
    With 900 of them it had time for 3 % of the requests that it answers to 600, which
    are not rejected; at this rate for 84 %.

    max_wait_seconds: beyond it the rate is exceeded, for clients that do not wait.
    """

    def __init__(self, max_wait_seconds: float) -> None:
        self._max_wait_seconds = max_wait_seconds
        self._due = 0.0  # when the last rejection is sent, by the event loop's clock

    async def wait(self) -> None:
        """Wait until a rejection may be sent: not at all, if there were few."""
        now = asyncio.get_running_loop().time()
        due = max(self._due, now - BURST_SECONDS) + 1 / REJECTIONS_PER_SECOND
        self._due = min(due, now + self._max_wait_seconds)
        if self._due > now:
            await asyncio.sleep(self._due - now)
