"""Preparation of the process, before it serves."""

import gc
import os
import sys

# In bytes. glibc's thresholds follow no larger array.
LARGEST_ARRAY = 2**25 - 2**13
# Number of new objects at which the garbage collector looks through them. Before Python
# 3.13 it is 700. A batch of 16 requests has as many, and then takes 4 us longer each.
COLLECTION_THRESHOLD = 10_000


def check_system() -> None:
    """End the process with one line on a system that lacks what the service needs."""
    if sys.platform == "win32":
        raise SystemExit("error: the service runs on Linux and macOS, not on Windows")


def open_standard_streams() -> None:
    """Open the null device for standard streams that were closed at the start.

    A socket or a file would get the descriptor otherwise, and be written to.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def keep_freed_memory() -> None:
    """Make glibc keep up to 64 MB of memory that requests free.

    Page faults took a sixth of the time of 256 images. glibc sets its thresholds by the
    largest array that was ever freed (mallopt(3)). The pages of this one are never
    touched.
    """
    bytes(LARGEST_ARRAY)


def freeze_objects() -> None:
    """Exclude all present objects from garbage collection, except for garbage.

    Later ones are collected less often than by default.

    A full collection of the loaded application stops the process for 50 ms, and its
    end takes 0.3 s instead of 0.03 s. A collection would also write to the memory that
    workers share.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTION_THRESHOLD)
