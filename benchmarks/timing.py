"""Two ways of doing the same work, timed in turn in one process.

Absolute times are noise on a shared machine; turns of ours, reference, ours, reference, … are hit alike by whatever
else runs, so their quotient is what is reported. Tests: tests/benchmarks/test_timing.py.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

Clock = Callable[[], float]


@dataclass(frozen=True)
class Timing:
    """Seconds of both sides, turn by turn.

    Attributes:
        ours: of the code of this project; one entry a repeat.
        reference: of what it is held against, in the turn that followed.
    """

    ours: tuple[float, ...]
    reference: tuple[float, ...]

    @property
    def ours_seconds(self) -> float:
        """Median of our turns."""
        return statistics.median(self.ours)

    @property
    def reference_seconds(self) -> float:
        """Median of the reference's turns."""
        return statistics.median(self.reference)

    @property
    def spread(self) -> float:
        """Of the quotient reference / ours of every repeat: (max - min) / median; >= 0.

        The spread of the quotient, not of the seconds: it is the quotient that is claimed, and a load that slows
        both turns of a repeat leaves it alone.
        """
        return relative_range([b / a for a, b in zip(self.ours, self.reference, strict=True)])


def relative_range(values: Sequence[float]) -> float:
    """(max - min) / median of positive values."""
    return (max(values) - min(values)) / statistics.median(values)


def interleave(
    ours: Callable[[], object],
    reference: Callable[[], object],
    *,
    repeats: int,
    warmup: int,
    device: torch.device,
    clock: Clock = time.perf_counter,
) -> Timing:
    """Time two callables in turn.

    Args:
        ours: does the work once.
        reference: does the same work.
        repeats: timed calls of each; >= 1.
        warmup: untimed calls of each before that; they pay for allocations, autotuning and compilation.
        device: waited for before and after every timed call.
        clock: gives seconds.

    Returns:
        Both sides' seconds.
    """
    for _ in range(warmup):
        ours()
        reference()
    turns = [(seconds(ours, device, clock), seconds(reference, device, clock)) for _ in range(repeats)]
    return Timing(tuple(a for a, _ in turns), tuple(b for _, b in turns))


def seconds(work: Callable[[], object], device: torch.device, clock: Clock = time.perf_counter) -> float:
    """Seconds of one call, the device idle at both ends."""
    synchronise(device)
    began = clock()
    work()
    synchronise(device)
    return clock() - began


def synchronise(device: torch.device) -> None:
    """Wait for what is queued on a CUDA device; a CPU has nothing queued."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
