"""The printed numbers of arXiv 2404.17732, and when one of ours may stand beside one of them.

A printed number is never shown alone: `Comparison` carries both students' width and steps, and says what
differs. Rows of Table 1 that belong to protocols we do not run (learned rates, soft labels, kernel
regression, other widths) are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gendistill.config.catalogue.networks import NETWORKS
from gendistill.reporting.cells import Result

PRINTED_DATASETS: Final = ("mnist", "fashion_mnist", "cifar10")
PRINTED_IPC: Final = (1, 10, 50)
PRINTED_CLASSES: Final = 10
PRINTED_IMAGE_SIZE: Final = 32
PRINTED_EPOCHS: Final = 1000

# Table 1: accuracy in percent, mean and standard deviation; ConvNet3, IPC 1, 10 and 50 for each data set.
TABLE_1: Final[dict[str, dict[str, tuple[tuple[float, float], ...]]]] = {
    "random": {
        "mnist": ((64.9, 3.5), (95.1, 0.9), (97.9, 0.2)),
        "fashion_mnist": ((51.4, 3.8), (73.8, 0.7), (82.5, 0.7)),
        "cifar10": ((14.4, 2.0), (26.0, 1.2), (43.4, 1.0)),
    },
    "cgan": {
        "mnist": ((96.1, 0.7), (97.8, 0.3), (98.4, 0.3)),
        "fashion_mnist": ((81.5, 0.5), (84.0, 0.2), (86.3, 0.3)),
        "cifar10": ((46.4, 1.2), (62.7, 0.9), (68.1, 0.8)),
    },
    "dim": {
        "mnist": ((96.5, 0.6), (98.6, 0.2), (99.2, 0.2)),
        "fashion_mnist": ((84.5, 0.4), (88.2, 0.2), (89.8, 0.1)),
        "cifar10": ((51.3, 1.0), (66.2, 0.5), (72.6, 0.4)),
    },
    "ours": {
        "mnist": ((97.3, 0.3), (98.8, 0.2), (99.1, 0.1)),
        "fashion_mnist": ((85.5, 0.2), (88.6, 0.1), (90.1, 0.1)),
        "cifar10": ((52.3, 0.6), (66.7, 0.3), (73.1, 0.2)),
    },
}

WHOLE: Final = {"mnist": (99.6, 0.0), "fashion_mnist": (93.5, 0.1), "cifar10": (84.8, 0.1)}

# Table 2: CIFAR-10, IPC 10, networks other than ConvNet3; means only.
TABLE_2: Final = {
    "dim": {"resnet18_half": 69.2, "alexnet": 67.3, "vgg11": 66.8},
    "ours": {"resnet18_half": 71.6, "alexnet": 68.0, "vgg11": 67.4},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Printed:
    """A number of the paper: percent, and how its student was trained.

    Attributes:
        mean: accuracy in percent.
        std: standard deviation over five students of one generator, in percent; None where none is printed.
        steps: optimiser steps of the student; None where nothing states them.
    """

    mean: float
    std: float | None
    steps: int | None


def printed(dataset: str, source: str, network: str, protocol: str, ipc: int | None) -> Printed | None:
    """The number that may stand beside ours, or None.

    Generative rows are of the `fresh` protocol. The row of random images is the DC paper's, trained without
    augmentation, so it belongs to `fixed_plain` and to no other. IPC is None for the whole training set.
    """
    if dataset not in PRINTED_DATASETS:
        return None
    if source == "whole":
        mean, std = WHOLE[dataset]
        return Printed(mean=mean, std=std, steps=None) if network == "convnet3" else None
    if protocol != ("fixed_plain" if source == "random" else "fresh") or ipc not in PRINTED_IPC:
        return None
    steps = printed_steps(dataset, source, ipc)
    if network == "convnet3" and source in TABLE_1:
        mean, std = TABLE_1[source][dataset][PRINTED_IPC.index(ipc)]
        return Printed(mean=mean, std=std, steps=steps)
    if dataset == "cifar10" and ipc == 10 and network in TABLE_2.get(source, {}):
        return Printed(mean=TABLE_2[source][network], std=None, steps=steps)
    return None


def printed_steps(dataset: str, source: str, ipc: int) -> int:
    """Optimiser steps behind a printed number: epochs times batches an epoch."""
    images = PRINTED_CLASSES * ipc
    if source == "random":
        return (PRINTED_EPOCHS if dataset == "mnist" else 300) * -(-images // 256)
    return PRINTED_EPOCHS * -(-images // 100)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One of our results beside a printed number, each with the student it was measured with."""

    result: Result
    printed: Printed
    image_size: int

    @property
    def trained_here(self) -> str:
        """Width and steps of our students."""
        return f"width {self.result.channels}, {self.result.steps:,} steps"

    @property
    def trained_there(self) -> str:
        """Width and steps of the printed student, at the standard width; ``?`` where no steps are stated."""
        steps = "? steps" if self.printed.steps is None else f"{self.printed.steps:,} steps"
        return f"width {NETWORKS[self.result.network].channels}, {steps}"

    @property
    def differences(self) -> tuple[str, ...]:
        """Why the two are not like for like; empty when width, steps and image size agree."""
        found = []
        if self.result.width != 1.0:
            found.append(f"{'narrower' if self.result.width < 1 else 'wider'} student")
        if self.printed.steps is not None and self.result.steps != self.printed.steps:
            found.append("fewer steps" if self.result.steps < self.printed.steps else "more steps")
        if self.image_size != PRINTED_IMAGE_SIZE:
            found.append(f"{self.image_size}-pixel images")
        return tuple(found)


def comparisons(results: Sequence[Result], dataset: str, image_size: int) -> list[Comparison]:
    """Those of `results` that have a printed counterpart, in the same order."""
    pairs = [(r, printed(dataset, r.source, r.network, r.protocol, r.ipc)) for r in results]
    return [Comparison(result=r, printed=p, image_size=image_size) for r, p in pairs if p is not None]
