"""Rate at which an overloaded service rejects requests."""

import asyncio

# Processor time of a rejection, and of each byte of a body that was read before.
REJECTION_SECONDS = 1e-4
BYTE_SECONDS = 5e-10
CORE_SHARE = 0.1  # for all rejections: 1,000 a second if their bodies are small
BURST_SECONDS = 0.05  # rejections that are due within this time are sent at once


class RejectionRate:
    """Bound for the processor time that rejections take.

    Clients that send a request again at once keep the event loop busy with rejections.
    With 900 of them it had time for 3 % of the requests that it answers to 256, which
    are not rejected; with this bound, for 80 %.

    max_wait_seconds: the longest that one waits. If more clients retry at once than this
        time allows for, rejections take a larger share.
    """

    def __init__(self, max_wait_seconds: float) -> None:
        self._max_wait_seconds = max_wait_seconds
        self._due = 0.0  # when the last rejection is sent, by the event loop's clock

    async def wait(self, body_bytes: int) -> None:
        """Wait until a rejection may be sent: not at all, if there were few."""
        now = asyncio.get_running_loop().time()
        seconds = REJECTION_SECONDS + BYTE_SECONDS * body_bytes
        due = max(self._due, now - BURST_SECONDS) + seconds / CORE_SHARE
        self._due = min(due, now + self._max_wait_seconds)
        if self._due > now:
            await asyncio.sleep(self._due - now)
