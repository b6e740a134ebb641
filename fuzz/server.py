"""The service as a process on a free port."""

import re
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

# The environment of the runtime, not that of the fuzzers.
COMMAND = (".venv/bin/python", "-m", "service", "--port", "0")
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@contextmanager
def running() -> Iterator[str]:
    """Start the service; yield its address; stop it."""
    with subprocess.Popen(  # noqa: S603 - the command above
        COMMAND,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None  # noqa: S101 - for the type checker
        log = process.stderr
        url = address(log)
        # A full pipe would block the server.
        reader = threading.Thread(target=list, args=(log,))
        reader.start()
        try:
            yield url
        finally:
            process.terminate()
            reader.join()


def address(log: Iterable[str]) -> str:
    """Return the address that a server writes to its log.

    Raise RuntimeError with the log if the server ends first.
    """
    lines = []
    for line in log:
        lines.append(line)
        found = ADDRESS.search(line)
        if found:
            return found[0]
    raise RuntimeError("".join(lines))
