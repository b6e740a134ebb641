"""Preparation of the process."""

import gc
import platform
import subprocess
import sys
import weakref

import pytest

from service.server.process import freeze_objects

REQUESTS = """
import resource
import numpy as np
from service.server.process import keep_freed_memory

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
    platform.libc_ver()[0] != "glibc", reason="it tunes glibc's allocator"
)
def test_the_memory_of_a_request_serves_the_next() -> None:
    """Allocating and freeing arrays of 4 MB again and again takes hardly a page."""
    done = subprocess.run(
        [sys.executable, "-c", REQUESTS], capture_output=True, text=True, check=True
    )

    assert int(done.stdout) < 100


def test_objects_of_a_batch_of_requests_do_not_start_a_collection() -> None:
    """16 requests have about 700; looking through them would slow each down."""
    freeze_objects()
    before = gc.get_stats()[0]["collections"]
    objects: list[list[object]] = [[] for _ in range(3000)]
    assert len(objects) == 3000
    assert gc.get_stats()[0]["collections"] == before


class Node:
    """Object that can refer to itself."""

    itself: "Node"


def test_frozen_objects_that_become_garbage_are_freed_at_the_next_freeze() -> None:
    """Reloads do not keep the models before."""
    node = Node()
    node.itself = node
    reference = weakref.ref(node)
    freeze_objects()
    assert gc.get_freeze_count() > 0
    del node
    gc.collect()
    assert reference() is not None  # excluded from collection

    freeze_objects()

    assert reference() is None
