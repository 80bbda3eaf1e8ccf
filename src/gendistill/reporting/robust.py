"""Scores of DD-Ranking beside accuracy, in fractions of 1, never percent.

| score | formula | says |
| ----- | ------- | ---- |
| HLR   | full - distilled | what is lost against training on the whole set with hard labels; 0 is best |
| IOR   | distilled - random | what distilling adds to random real images under the same training; > 0 is better |
| LRS   | m(w IOR - (1 - w) HLR) | both in one number |
| ARS   | m(w with + (1 - w) without) | IOR with and without augmentation |

with m(a) = (e^a - e^-1) / (e - e^-1), which maps [-1, 1] onto [0, 1], and w = 0.5.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gendistill.reporting.cells import Result

WEIGHT = 0.5


def hlr(full: float, distilled: float) -> float:
    """Hard-label recovery gap: accuracy on the whole set minus accuracy on the distilled one, in [-1, 1]."""
    return full - distilled


def ior(distilled: float, random: float) -> float:
    """Improvement over random: accuracy on the distilled set minus that on random real images, in [-1, 1]."""
    return distilled - random


def squashed(a: float) -> float:
    """``(e^a - e^-1) / (e - e^-1)``: 0 at -1, 0.269 at 0, 1 at 1."""
    return (math.exp(a) - math.exp(-1)) / (math.e - math.exp(-1))


def lrs(improvement: float, gap: float, weight: float = WEIGHT) -> float:
    """Label-robust score of IOR `improvement` and HLR `gap`, in [0, 1]."""
    return squashed(weight * improvement - (1 - weight) * gap)


def ars(with_augmentation: float, without: float, weight: float = WEIGHT) -> float:
    """Augmentation-robust score of the two IORs, in [0, 1]."""
    return squashed(weight * with_augmentation + (1 - weight) * without)


@dataclass(frozen=True, kw_only=True, slots=True)
class Robustness:
    """The scores of one generated source; None where an accuracy that enters was not run.

    Attributes:
        source, network, protocol, ipc: whose accuracy is scored.
        hlr: against `whole`, the same network.
        ior: against `random`, the same network, protocol and IPC.
        lrs: of both.
        ars: of IOR under `fixed` (DSA) and `fixed_plain` (none); stands in the row of `fixed`.
    """

    source: str
    network: str
    protocol: str
    ipc: int
    hlr: float | None
    ior: float | None
    lrs: float | None
    ars: float | None


def robustness(results: Sequence[Result]) -> list[Robustness]:
    """The scores of every generated row, in the order of the results.

    ``fresh`` has no random control under the same training (its control `real` never repeats an image), so it has an
    HLR only.
    """
    found = {(r.source, r.network, r.protocol, r.ipc): r.mean for r in results}

    def improvement(r: Result, protocol: str) -> float | None:
        own = found.get((r.source, r.network, protocol, r.ipc))
        control = found.get(("random", r.network, protocol, r.ipc))
        return None if own is None or control is None else ior(own, control)

    rows = []
    for r in results:
        if r.ipc is None or r.source in ("real", "random"):
            continue
        full = found.get(("whole", r.network, "whole", None))
        gap = None if full is None else hlr(full, r.mean)
        gain, plain = improvement(r, r.protocol), improvement(r, "fixed_plain")
        both = gain is not None and plain is not None and r.protocol == "fixed"
        rows.append(
            Robustness(
                source=r.source,
                network=r.network,
                protocol=r.protocol,
                ipc=r.ipc,
                hlr=gap,
                ior=gain,
                lrs=None if gap is None or gain is None else lrs(gain, gap),
                ars=ars(gain, plain) if both and gain is not None and plain is not None else None,
            )
        )
    return rows
