"""Readiness probe: python -m tests.endurance.probe PORT.

Sends GET /readyz twenty times a second until standard input ends. Prints the seconds
until each response, inf for one that is not 200, and the seconds by which this process
woke up late before it: the machine's own delay. A separate process, as the one that
makes the load is busy.
"""

import asyncio
import math
import sys
import time

from tests.end_to_end.connection import connect, request

READY = request("GET", "/readyz")
PERIOD = 0.05  # seconds


async def main(port: int) -> None:
    """Probe until standard input ends."""
    stop = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with connect(port) as connection:
        while not stop.done():
            due = time.perf_counter() + PERIOD
            await asyncio.sleep(PERIOD)
            started = time.perf_counter()
            response = await connection.exchange(READY)
            seconds = time.perf_counter() - started
            sys.stdout.write(
                f"{seconds if response.status == 200 else math.inf} {started - due}\n"
            )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
