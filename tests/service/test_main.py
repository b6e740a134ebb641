"""The command, where no port is needed to see what it does."""

import platform
import subprocess
import sys

import pytest

REQUESTS = """
import resource
import numpy as np
from service.__main__ import keep_freed_memory

def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

keep_freed_memory()
for request in range(20):
    if request == 10:
        before = pages()
    arrays = [np.ones(500_000) for _ in range(8)]
print(pages() - before)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="what it asks for is glibc's"
)
def test_the_memory_of_a_request_serves_the_next() -> None:
    """Arrays of 4 MB that are made and freed time and again ask the system for hardly a page."""
    done = subprocess.run(
        [sys.executable, "-c", REQUESTS], capture_output=True, text=True, check=True
    )

    assert int(done.stdout) < 100
