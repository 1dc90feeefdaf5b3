"""Arrays that are mapped to files: what was read of them need not stay in memory."""

import mmap
from typing import Any

import numpy as np


def unmap(array: np.ndarray) -> None:
    """Give back the memory in which an array's file was read; it is read again when needed.

    The pages of a file that a process has looked at count as its memory until the system is
    short of it. Arrays that are not mapped to a file stay as they are, and so do all where the
    system knows no such advice.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode != "r":
            return  # what was written to it may be nowhere else
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
