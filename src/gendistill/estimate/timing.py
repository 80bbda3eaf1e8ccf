"""The seconds of one call: warmed up, repeated, median. Torch-free."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

BUDGET_SECONDS = 1.2  # timed per unit, after warming up; a call that takes longer is timed once
CHUNK_SECONDS = 0.2  # calls between two looks at the clock, so that a device is not waited for after each


@dataclass(frozen=True)
class Timing:
    """What was found of a call.

    Attributes:
        seconds: of one call, the median.
        spent: seconds of all calls made here without what warming up took beyond that.
    """

    seconds: float
    spent: float


def time_call(
    call: Callable[[], object],
    synchronise: Callable[[], object],
    *,
    known: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Time a call.

    Args:
        call: does the work once.
        synchronise: waits until the device has done it.
        known: seconds of the call where they were measured before; it is then warmed up only.
        clock: seconds since some moment.
    """

    def elapsed(calls: int) -> float:
        began = clock()
        for _ in range(calls):
            call()
        synchronise()
        return clock() - began

    once, warm_calls = elapsed(1), 1
    if once < BUDGET_SECONDS:
        once, warm_calls = elapsed(1), 2
    if known is not None:
        return Timing(known, warm_calls * known)
    found: list[float] = []
    spent = 0.0
    while spent < BUDGET_SECONDS:
        calls = max(1, int(CHUNK_SECONDS / max(once, 1e-6)))
        seconds = elapsed(calls)
        once = seconds / calls
        found.append(once)
        spent += seconds
    median = statistics.median(found)
    return Timing(median, spent + warm_calls * median)
