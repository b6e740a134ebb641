"""Probe: python -m tests.endurance.probe PORT LENGTH.

The first LENGTH bytes of standard input are a small request. Sends GET /readyz and that
request twenty times a second until standard input ends. Prints the seconds until each
response to the probe and to the request, inf for one that is not 200, and the seconds
by which this process woke up late before them: the machine's own delay. A separate
process, as the one that makes the load is busy.
"""

import asyncio
import math
import sys
import time

from tests.end_to_end.connection import Connection, connect, request

READY = request("GET", "/readyz")
PERIOD = 0.05  # seconds


async def main(port: int, small: bytes) -> None:
    """Probe until standard input ends."""
    stop = asyncio.create_task(asyncio.to_thread(sys.stdin.buffer.read))
    async with connect(port) as probe, connect(port) as client:
        while not stop.done():
            due = time.perf_counter() + PERIOD
            await asyncio.sleep(PERIOD)
            late = time.perf_counter() - due
            seconds = await asyncio.gather(timed(probe, READY), timed(client, small))
            sys.stdout.write(f"{seconds[0]} {seconds[1]} {late}\n")


async def timed(connection: Connection, content: bytes) -> float:
    """Return the time until the response to a request, inf if it is not 200."""
    started = time.perf_counter()
    response = await connection.exchange(content)
    seconds = time.perf_counter() - started
    return seconds if response.status == 200 else math.inf


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.stdin.buffer.read(int(sys.argv[2]))))
