"""Foreign code under the memory settings that it has in a process of its own."""

import ctypes
import platform
from collections.abc import Callable
from functools import wraps

from gendistill.runtime.device import M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, keep_freed_memory

# What glibc raises its thresholds to by itself as blocks are freed: the most patient that it ever gets.
MMAP_BYTES, TRIM_BYTES = 32 * 2**20, 64 * 2**20
WORDS = "glibc's own memory thresholds"


def with_default_memory(call: Callable[[], object]) -> Callable[[], object]:
    """The call without `keep_freed_memory`, which holds for a whole process; it is in force again afterwards.

    That freed memory stays is part of what is measured (docs/decisions.md, D39). What torch reads once, huge pages for
    blocks above 32 MiB, stays for both sides, in favour of the foreign code. Where the C library is another, nothing
    changes.
    """
    if platform.libc_ver()[0] != "glibc":
        return call
    libc = ctypes.CDLL(None)

    @wraps(call)
    def run() -> object:
        libc.mallopt(M_MMAP_THRESHOLD, MMAP_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, TRIM_BYTES)
        try:
            return call()
        finally:
            keep_freed_memory()

    return run
