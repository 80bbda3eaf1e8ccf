"""The students of a cell in training, in whichever of the two forms: `apart`, or `together` as one."""

import copy
from typing import Any, Protocol

from torch import Tensor

from gendistill.evaluation.protocols import Budget
from gendistill.evaluation.sources import Source
from gendistill.networks.base import Network


class Team(Protocol):
    """N students that have all done `step` steps."""

    @property
    def step(self) -> int:
        """Steps done by each."""

    def train(self, sources: list[Source], budget: Budget, seed: int, until: int) -> Tensor:
        """Go on for one or more steps, to `until` at most.

        Args:
            sources: of each student, from `side_by_side`.
            budget: learning rate, schedule and augmentation.
            seed: root of the streams of augmentation.
            until: steps done at most; above `step`.

        Returns:
            Losses (k, N) of the k steps, detached, on the device.
        """

    def member(self, number: int) -> Network:
        """Student `number` in train mode, to be looked at; valid until the next call."""

    def dump(self) -> dict[str, Any]:
        """The state as nested dicts, lists, tensors and numbers."""

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `dump` gave."""

    def close(self) -> None:
        """End what the students computed with."""


def side_by_side(source: Source, seed: int, students: int) -> list[Source]:
    """The batches of students 0 to N - 1 at once: a source each, which share what `source` prepares."""
    source.start(seed, 0)
    sources = [copy.copy(source) for _ in range(students)]
    for number, own in enumerate(sources):
        own.start(seed, number)
    return sources
