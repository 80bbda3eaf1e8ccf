"""A benchmark of a few sets and students that takes seconds, and what its stages read of the parameters."""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gendistill.config.benchmark import BenchmarkParams, load_benchmark
from gendistill.config.checks import annotations

TINY: dict[str, Any] = {
    "methods": ["random", "dsa", "kip_fc"],
    "ipc": [1],
    "sets": [0, 1],
    "matched.methods": ["random"],
    "matched.ipc": [2],
    "beside": "digits",
    "dsa.width": 0.0625,
    "dsa.iterations": 3,
    "dsa.outer_steps": 2,
    "dsa.inner_epochs": 1,
    "dsa.real_batch": 4,
    "kip_fc.steps": 3,
    "kip_fc.target_batch": 40,
    "kip_fc.learn_labels": True,
    "evaluate.width": 0.0625,
    "evaluate.students": 2,
    "evaluate.fixed_epochs": 3,
    "evaluate.plain_epochs": 3,
}
NETWORK = ("--network", "convnet3")


def commands(folder: Path) -> list[tuple[str, ...]]:
    """Every stage with its options, in their order."""
    params = load_benchmark(folder / "benchmark/params.yaml")
    pairs = [(method, ipc, ()) for method in params.methods for ipc in params.ipc]
    pairs += [(method, ipc, ("--matched",)) for method in params.matched.methods for ipc in params.matched.ipc]
    found: list[tuple[str, ...]] = [("prepare",)]
    for method, ipc, more in pairs:
        for number in params.sets:
            item = ("--method", method, "--ipc", str(ipc), "--set", str(number), *more)
            found += [("distil", *item), ("evaluate", *NETWORK, *item)]
    return [*found, ("report",)]


@contextmanager
def noting_reads(reads: set[str]) -> Iterator[None]:
    """Add the dotted key of every parameter that is read inside the block."""

    def watch(patch: pytest.MonkeyPatch, cls: type, prefix: Callable[[object], str]) -> None:
        def read(self: object, name: str) -> object:
            value = object.__getattribute__(self, name)
            if name in annotations(cls) and not dataclasses.is_dataclass(value) and not called_by_the_frame():
                reads.add(prefix(self) + name)
            return value

        patch.setattr(cls, "__getattribute__", read)

    with pytest.MonkeyPatch.context() as patch:
        watch(patch, BenchmarkParams, lambda _: "")
        for name, kind in annotations(BenchmarkParams).items():
            if name in ("data", "recipe", "evaluate", "matched"):
                watch(patch, kind, lambda _, name=name: f"{name}.")
        yield


def called_by_the_frame() -> bool:
    """Whether the read is for a record, or a check of the command line or of one's own data."""
    frame = sys._getframe(2)
    for _ in range(20):
        if frame.f_code.co_name in ("check_items", "check_data", "tracked_params"):
            return True
        if frame.f_back is None:
            break
        frame = frame.f_back
    return False
