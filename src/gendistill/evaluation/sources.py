"""Where a student's batches come from. The evaluation sees nothing of a method but this interface.

Every source gives standardised images and labels for a step, as a pure function of (seed, student, step), so that
training resumes exactly. A new method is a new source, or a fixed set in a file.
"""

from abc import ABC, abstractmethod
from typing import Protocol

import torch
from torch import Tensor

from gendistill.data.order import class_major_labels, class_table
from gendistill.data.resident import ImageSet
from gendistill.evaluation.protocols import Budget
from gendistill.runtime.streams import generator as stream

BLOCK = 1024  # images drawn at once, so that small batches are not generated one by one


class Source(Protocol):
    """Labelled batches for a student.

    Shallow copies give the batches of several students at once: what `start` and `batch` set belongs to one copy, and
    copies may be asked from threads of their own. What `prepare` makes is for all.
    """

    def start(self, seed: int, student: int) -> None:
        """Begin the batches of a student."""

    def prepare(self, steps: range) -> None:
        """Make what the students share of the batches of `steps`; called before any of them asks."""

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Standardised images (b, c, h, w) and labels (b,) of a step."""

    def close(self) -> None:
        """Let go of what was read ahead for the student begun last; `start` may be called again."""

    def distinct_images(self) -> int:
        """Different images that the student begun last sees in its training."""


class Blocks(ABC):
    """Shared arithmetic: steps within epochs, epochs within blocks that are drawn at once for speed.

    Args:
        budget: images per epoch and per batch.
        device: where the batches live.
    """

    def __init__(self, budget: Budget, device: torch.device) -> None:
        self.budget, self.device = budget, device
        self.epochs = max(1, BLOCK // budget.epoch_images)
        self.seed, self.student, self.block = 0, 0, -1

    def start(self, seed: int, student: int) -> None:
        """Begin the batches of a student."""
        self.seed, self.student, self.block = seed, student, -1

    def prepare(self, steps: range) -> None:  # noqa: B027 (a default)
        """Students share nothing."""

    def block_of(self, step: int) -> int:
        """The block that holds the batch of a step."""
        return step // self.budget.steps_per_epoch // self.epochs

    def locate(self, step: int) -> slice:
        """Where the batch of `step` lies in its block, drawing the block when it is not the current one."""
        epoch, part = divmod(step, self.budget.steps_per_epoch)
        block, within = divmod(epoch, self.epochs)
        if block != self.block:
            self.block = block
            self.draw(stream(self.device, self.seed, "student", self.student, "images", block))
        start = within * self.budget.epoch_images + part * self.budget.batch
        return slice(start, min(start + self.budget.batch, (within + 1) * self.budget.epoch_images))

    @abstractmethod
    def draw(self, draw: torch.Generator) -> None:
        """Draw the images of a block."""

    def shuffles(self, n: int, draw: torch.Generator) -> Tensor:
        """A permutation of n for every epoch of the block, one after another."""
        return torch.rand(self.epochs, n, device=self.device, generator=draw).argsort(dim=1).flatten()


class OfSet(Blocks):
    """Batches of images that lie in a set.

    Args:
        data: the set.
        budget: images per epoch and per batch.
    """

    def __init__(self, data: ImageSet, budget: Budget) -> None:
        super().__init__(budget, data.device)
        self.data = data
        self.followed = data.follow(self)

    def start(self, seed: int, student: int) -> None:
        """Begin the batches of a student."""
        self.close()  # what was read ahead is of another student
        self.followed = self.data.follow(self)  # a copy follows its own order, not that of what it was copied from
        super().start(seed, student)

    def close(self) -> None:
        """Let go of what was read ahead."""
        self.followed.close()

    @abstractmethod
    def index(self, step: int) -> Tensor:
        """Positions in the set of the images of a step."""

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Standardised images and labels of a step."""
        return self.data.batch(self.followed.index(step))


class FreshReal(OfSet):
    """Real training images, newly drawn for every epoch (with replacement within a class): the control of ``fresh``.

    Args:
        data: the training set.
        num_classes: K; every class has an image.
        budget: under protocol ``fresh``.
    """

    def __init__(self, data: ImageSet, num_classes: int, budget: Budget) -> None:
        super().__init__(data, budget)
        table = class_table(data.labels, num_classes)
        self.members = torch.cat(list(table))
        self.counts = torch.tensor([len(part) for part in table], device=self.device)
        self.offsets = self.counts.cumsum(0) - self.counts
        self.in_order = class_major_labels(num_classes, budget.epoch_images // num_classes, self.device)

    def draw(self, draw: torch.Generator) -> None:
        """Draw labels, and an image of each."""
        labels = self.in_order[self.shuffles(len(self.in_order), draw)]
        share = torch.rand(len(labels), device=self.device, generator=draw, dtype=torch.float64)
        self.drawn = self.members[self.offsets[labels] + (share * self.counts[labels]).long()]

    def index(self, step: int) -> Tensor:
        """Positions in the training set of the images of a step."""
        where = self.locate(step)
        return self.drawn[where]

    def distinct_images(self) -> int:
        """Different training images drawn, counted by drawing once more."""
        seen = torch.zeros(len(self.data), dtype=torch.bool, device=self.device)
        for step in range(self.budget.steps):
            seen[self.index(step)] = True
        return int(seen.sum())


class Stored(OfSet):
    """A set of images that stay, in a new random order every epoch: fixed sets, and the whole training set.

    Args:
        data: its images and labels.
        budget: under any protocol whose epoch is this set.
        different: different images among them; all, if not given.
    """

    def __init__(self, data: ImageSet, budget: Budget, different: int | None = None) -> None:
        super().__init__(data, budget)
        self.different = len(data) if different is None else different

    def draw(self, draw: torch.Generator) -> None:
        """Draw the order of the block's epochs."""
        self.order = self.shuffles(len(self.data), draw)

    def index(self, step: int) -> Tensor:
        """Positions in the set of the images of a step."""
        where = self.locate(step)
        return self.order[where]

    def distinct_images(self) -> int:
        """The different images of the set."""
        return self.different
