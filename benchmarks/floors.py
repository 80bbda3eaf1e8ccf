"""How fast a step could be on this machine: its work over rates measured on the spot.

``floor_seconds = max(sum over dtypes of FLOPs / matrix rate, bytes / copy rate)``, where

- FLOPs are those of the matrix products and convolutions that our step runs, forward and backward, by torch's own
  formulas (`torch.utils.flop_counter`); everything elementwise is taken as free;
- bytes are the operands and results of these same operations, each moved once: as if everything elementwise were fused
  into them, and no map stayed in a cache from one to the next;
- the matrix rate is that of a large square product in the operation's dtype, the copy rate counts bytes read and
  written. Both are the best of several repeats: a floor has to be low.

It is a floor of a step made of separate convolutions, which a machine does not go below without another algorithm
(Winograd, layers fused into one another, maps that fit the cache). Work inside a compiled graph or a replayed CUDA
graph is not seen: count the eager form. Tests: tests/benchmarks/test_floors.py.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from benchmarks.timing import seconds


@dataclass(frozen=True)
class Rates:
    """What a device does.

    Attributes:
        flops: floating-point operations per second of a matrix product, by dtype.
        bytes: bytes per second of a copy, read and written counted.
    """

    flops: dict[torch.dtype, float]
    bytes: float


@dataclass
class Work:
    """What a step asks for.

    Attributes:
        flops: of matrix products and convolutions, by dtype of their first operand.
        bytes: of their operands and results.
    """

    flops: dict[torch.dtype, int] = field(default_factory=lambda: defaultdict(int))
    bytes: int = 0


class _Counter(TorchDispatchMode):
    """Adds up the operations that `flop_registry` has a formula for."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.work = Work()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, Tensor)]
            self.work.flops[tensors[0].dtype] += formula(*args, **kwargs, out_val=out)
            self.work.bytes += sum(tensor.nbytes for tensor in tensors)
        return out


def count(step: Callable[[], object]) -> Work:
    """The work of one call."""
    counter = _Counter()
    with counter:
        step()
    return counter.work


def floor_seconds(work: Work, rates: Rates) -> float:
    """Seconds below which the work does not go at these rates."""
    arithmetic = sum(flops / rates.flops[dtype] for dtype, flops in work.flops.items())
    return max(arithmetic, work.bytes / rates.bytes)


def measure_rates(device: torch.device, dtypes: list[torch.dtype], *, side: int, copied: int) -> Rates:
    """Measure a device.

    Args:
        device: which.
        dtypes: of the matrix products; float32 may use TF32 on CUDA, as our steps do.
        side: of the square matrices; large enough to fill the device.
        copied: bytes of the copied tensor; several times the cache.
    """
    return Rates({dtype: matrix_rate(device, dtype, side) for dtype in dtypes}, copy_rate(device, copied))


def matrix_rate(device: torch.device, dtype: torch.dtype, side: int) -> float:
    """FLOPs per second of a square matrix product, 2 side^3 each."""
    a, b = torch.ones(side, side, device=device, dtype=dtype), torch.ones(side, side, device=device, dtype=dtype)
    out = torch.empty_like(a)
    return 2 * side**3 / best_seconds(lambda: torch.mm(a, b, out=out), device)


def copy_rate(device: torch.device, copied: int) -> float:
    """Bytes per second of a copy within the device's memory, read and written counted."""
    source = torch.ones(copied, device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    return 2 * copied / best_seconds(lambda: target.copy_(source), device)


def best_seconds(work: Callable[[], object], device: torch.device, repeats: int = 7) -> float:
    """The shortest of several calls, after two untimed ones."""
    times = [seconds(work, device) for _ in range(repeats + 2)]
    return min(times[2:])
