"""python -m tests.endurance.probe PORT: ask twenty times a second whether a service is ready, until input ends.

Prints the seconds that each answer took, inf for one that is not 200, and the seconds by which this process woke up
late before it: what the machine itself is late by. A process of its own, for the one that makes the load is busy.
"""

import asyncio
import math
import sys
import time

from tests.end_to_end.connection import connect, request

READY = request("GET", "/readyz")
PERIOD = 0.05  # seconds


async def main(port: int) -> None:
    """Ask until told to stop."""
    stop = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with connect(port) as connection:
        while not stop.done():
            due = time.perf_counter() + PERIOD
            await asyncio.sleep(PERIOD)
            started = time.perf_counter()
            answer = await connection.ask(READY)
            seconds = time.perf_counter() - started
            sys.stdout.write(
                f"{seconds if answer.status == 200 else math.inf} {started - due}\n"
            )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
