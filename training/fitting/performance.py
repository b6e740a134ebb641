"""Settings of PyTorch and the C library that make training faster."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# In bytes. The thresholds of glibc's malloc do not follow larger arrays.
MAX_FOLLOWED_ARRAY = 2**25 - 2**13


@contextmanager
def fast_products() -> Iterator[None]:
    """Let oneDNN multiply matrices, at reduced precision where that is faster.

    On processors other than Intel's it is twice as fast as MKL, PyTorch's choice. Where
    the processor has matrix units (AMX, tensor cores), the factors may be rounded to
    bfloat16.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def keep_freed_memory() -> None:
    """Let glibc keep up to 64 MB of freed memory in the process.

    Fresh pages for a step's arrays took a tenth of its time. The thresholds of malloc
    follow the largest array that was ever freed (mallopt(3)), here one whose pages are
    never touched.
    """
    bytes(MAX_FOLLOWED_ARRAY)
