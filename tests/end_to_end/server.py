"""A real server process on a free port."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.samples import REPOSITORY

COMMAND = [sys.executable, "-m", "service"]


@dataclass
class Server:
    """A process that answers, and where."""

    process: subprocess.Popen[str]
    url: str

    def client(self) -> httpx.Client:
        """An HTTP client of it."""
        return httpx.Client(base_url=self.url, timeout=30)


@contextmanager
def serve(*flags: str, **variables: str) -> Iterator[Server]:
    """Start the service on a free port, wait until it says where, and end it."""
    process = subprocess.Popen(  # noqa: S603 - this project's own command
        [*COMMAND, "--port", "0", *flags],
        cwd=REPOSITORY,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        else:
            raise AssertionError("".join(said))
        yield Server(process, found[0])
    finally:
        process.terminate()
        process.communicate(timeout=30)
