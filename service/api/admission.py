"""How much is taken in at once: counted in images and in bytes, small requests before large ones."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.types import Receive

from service.api.metrics import Metrics
from service.api.problems import OVERLOADED, RefusedError

LARGE = 16  # images from which a request is computed beside the event loop, not in it: about a millisecond
ROUND = 16  # images of small requests between two looks at the sockets
MOST_BODIES = 16  # bodies of the largest size that may be in memory, each in part or whole
RETRY_AFTER_SECONDS = 1

T = TypeVar("T")


class Admission:
    """What one worker has taken in and not answered."""

    def __init__(self, max_pending_images: int, max_body_bytes: int, metrics: Metrics) -> None:
        self._metrics = metrics
        self.pending_images = 0
        self._most_images = max_pending_images
        self._body_bytes = 0
        self._most_bytes = MOST_BODIES * max_body_bytes
        self._turns = Turns()
        self._large = asyncio.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="large")

    def check_images(self, count: int) -> None:
        """Refuse a request of so many images where that is too much; one request is always taken in.

        Raises RefusedError.
        """
        if self.pending_images and self.pending_images + count > self._most_images:
            raise overloaded(
                f"{self.pending_images} images are waiting; {count} more would be over {self._most_images} "
                "(VAE_MAX_PENDING_IMAGES)"
            )

    def take_images(self, count: int) -> None:
        """Take in a request of so many images; ``give_images`` must follow. Raises RefusedError."""
        self.check_images(count)
        self.pending_images += count
        self._metrics.pending(count)

    def give_images(self, count: int) -> None:
        """A request of so many images is answered, or will not be."""
        self.pending_images -= count
        self._metrics.pending(-count)

    def take_bytes(self, count: int) -> None:
        """Take in a piece of a body; ``give_bytes`` must follow. Raises RefusedError."""
        if self._body_bytes + count > self._most_bytes:
            raise overloaded(
                f"bodies of {self._body_bytes} bytes are coming in; {count} more would be over {self._most_bytes} "
                f"({MOST_BODIES} times VAE_MAX_BODY_BYTES)"
            )
        self._body_bytes += count

    def give_bytes(self, count: int) -> None:
        """A body has been read, or will not be."""
        self._body_bytes -= count

    async def compute(self, work: Callable[[], T], images: int, receive: Receive) -> T | None:
        """Do the work of a request when its turn comes; None if the client has gone by then.

        Small work is done in the event loop: a hop to a thread and back costs as much as a digit. Large work goes
        to a thread, one request at a time, so that it holds up neither probes nor small requests.
        """
        if images < LARGE:
            waited = await self._turns.take(images)
            return None if waited and has_gone(receive) else work()
        waited = self._large.locked()
        async with self._large:
            if waited and has_gone(receive):
                return None
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def overloaded(detail: str) -> RefusedError:
    """The refusal of what is too much for now."""
    return RefusedError(OVERLOADED, detail, {"Retry-After": str(RETRY_AFTER_SECONDS)})


class Turns:
    """So many images of small work in each round of the event loop.

    Between two rounds the loop looks at its sockets: what comes in is counted, and refused where it is too much, and
    probes are answered, before the work that waits is done. Measured: a round for each request would cost a quarter of
    the rate of single digits.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._left = ROUND
        self._in_round = False

    async def take(self, images: int) -> bool:
        """Wait for a turn with so many images; tell whether that took any waiting."""
        loop = asyncio.get_running_loop()
        if not self._in_round:
            self._in_round = True
            loop.call_soon(self._next_round, loop)
        if self._left > 0 and not self._waiting:
            self._left -= images
            return False
        turn = loop.create_future()
        self._waiting.append((turn, images))
        await turn
        return True

    def _next_round(self, loop: asyncio.AbstractEventLoop) -> None:
        self._left = ROUND
        self._in_round = bool(self._waiting)
        while self._waiting and self._left > 0:
            turn, images = self._waiting.popleft()
            if not turn.cancelled():
                turn.set_result(None)
                self._left -= images
        if self._in_round:
            loop.call_soon(self._next_round, loop)


def has_gone(receive: Receive) -> bool:
    """Tell, without waiting, whether the client has closed its connection, once its body is read.

    ``receive`` then gives http.disconnect, or would wait for it: one step of it tells which.
    """
    step = receive().__await__()
    try:
        next(step)
    except StopIteration as end:
        gone: bool = end.value["type"] == "http.disconnect"
        return gone
    step.close()
    return False
