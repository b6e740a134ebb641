"""Clients that keep a server busy and record its responses."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from tests.end_to_end.connection import Connection, Response, connect

MAX_SECONDS = 600


@dataclass
class Load:
    """Clients that send the same request again and again, each on its own connection.

    A client whose connection ends opens a new one; with ``reconnect`` off, it ends too.
    With ``until_refused``, a client ends without complaint when the port is closed.
    """

    port: int
    content: bytes
    clients: int
    reconnect: bool = True
    until_refused: bool = False
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: Counter[bytes] = field(default_factory=Counter)
    cut: list[str] = field(default_factory=list)
    told_to_close: int = 0
    stopping: bool = False

    @property
    def answered(self) -> int:
        """Number of responses so far."""
        return self.statuses.total()

    async def run(self) -> None:
        """Send until ``stop``, or until every connection has ended."""
        await asyncio.gather(*(self._client() for _ in range(self.clients)))

    def stop(self) -> None:
        """Let each client end after its response."""
        self.stopping = True

    async def reach(self, count: int) -> None:
        """Wait for a total number of responses. Raises TimeoutError."""
        async with asyncio.timeout(MAX_SECONDS):
            while self.answered < count:  # noqa: ASYNC110 - an event at each response would slow down the load
                await asyncio.sleep(0.01)

    async def _client(self) -> None:
        while not self.stopping:
            try:
                async with connect(self.port) as connection:
                    await self._use(connection)
            except ConnectionRefusedError as error:
                if not self.until_refused:
                    self.cut.append(f"not connected: {error}")
                return
            except OSError as error:
                self.cut.append(f"not connected: {error}")
                return
            if not self.reconnect:
                return

    async def _use(self, connection: Connection) -> None:
        """Send on one connection until it ends."""
        while not self.stopping:
            try:
                response = await connection.exchange(self.content)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.cut.append(repr(error))
                return
            self._note(response)
            if response.headers.get("connection") == "close":
                self.told_to_close += 1
                return

    def _note(self, response: Response) -> None:
        self.statuses[response.status] += 1
        self.bodies[response.body] += 1
