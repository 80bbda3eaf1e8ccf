"""Which images a training step sees, as pure functions of (seed, purpose, step)."""

from typing import Protocol

import torch
from torch import Tensor

from gendistill.runtime.errors import UserError
from gendistill.runtime.streams import generator

UNEVEN = 2  # a set is uneven if its largest class has more than this many times the images of its smallest
MOST_DRAWN = 2**22  # positions of an epoch drawn at once, in rounds of all classes


class Order(Protocol):
    """What a loop asks for the images of its steps."""

    def index(self, step: int) -> Tensor:
        """The positions (b,) int64, on the device, of the images of a step >= 0; a pure function of the step."""


class InTurn:
    """A set as it lies, in batches of `batch_size` and a last one of what is left; nothing beyond the end."""

    def __init__(self, n: int, batch_size: int, device: torch.device | str) -> None:
        self.positions = torch.arange(n, device=device)
        self.batch_size = batch_size
        self.steps = -(-n // batch_size)

    def index(self, step: int) -> Tensor:
        """The positions (b,) int64, on the device, of the images of step `step` >= 0; none from `steps` on."""
        return self.positions[step * self.batch_size : (step + 1) * self.batch_size]


class Shuffled:
    """Batches of a data set in a new random order every epoch; the incomplete last batch is dropped.

    `index` is a pure function of the step: the current epoch's permutation is kept only for speed, so
    steps may be asked for in any order and a resumed loop needs no saved state. Nothing waits for the device.
    """

    def __init__(self, n: int, batch_size: int, seed: int, purpose: str, device: torch.device | str) -> None:
        """Fix the order of `n` images in batches of `batch_size`.

        Raises:
            UserError: there is not one full batch.
        """
        if not 0 < batch_size <= n:
            raise UserError(
                f"{purpose}: batch_size is {batch_size}, but the training set has {n} images: "
                f"choose a batch_size from 1 to {n}"
            )
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.purpose = purpose
        self.device = torch.device(device)
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64, device=self.device)

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in one pass over the images."""
        return self.n // self.batch_size

    def index(self, step: int) -> Tensor:
        """The positions (batch_size,) int64, on the device, of the images of training step `step` >= 0."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._order = self.draw(generator(self.device, self.seed, self.purpose, "order", epoch))
            self._epoch = epoch
        return self._order[position * self.batch_size : (position + 1) * self.batch_size]

    def draw(self, draw: torch.Generator) -> Tensor:
        """The positions (at least `steps_per_epoch` batches,) of an epoch, in their order."""
        return torch.randperm(self.n, generator=draw, device=self.device)


class Balanced(Shuffled):
    """Batches in which all classes appear alike, however unequal their sizes.

    An epoch is a number of rounds; in a round every class gives one image, in a random order of the classes, so in
    any batch the counts of two classes differ by two at most. A class goes through its images in a random order of
    that epoch, again and again if it is small, so within an epoch two images of a class are shown equally often, give
    or take one. There are as many rounds as the largest class has images, as long as that is not too much to draw.
    """

    def __init__(self, labels: Tensor, num_classes: int, batch_size: int, seed: int, purpose: str) -> None:
        """Fix the order of a set with labels (n,) int64, each of `num_classes` classes among them.

        Raises:
            UserError: the batch size is no positive number.
        """
        self.labels = labels
        self.counts = torch.bincount(labels, minlength=num_classes)
        self.offsets = self.counts.cumsum(0) - self.counts
        rounds = min(int(self.counts.max()), max(1, MOST_DRAWN // num_classes))
        self.rounds = max(rounds, -(-batch_size // num_classes))  # one full batch at least
        super().__init__(self.rounds * num_classes, batch_size, seed, purpose, labels.device)

    def draw(self, draw: torch.Generator) -> Tensor:
        """The positions of an epoch's rounds, one round after another."""
        keys = torch.rand(len(self.labels), generator=draw, device=self.device, dtype=torch.float64)
        members = (self.labels + keys).argsort()  # class after class, each in a random order
        shape = (self.rounds, len(self.counts))
        classes = torch.rand(shape, generator=draw, device=self.device).argsort(dim=1)
        turn = torch.arange(self.rounds, device=self.device)[:, None]
        return members[self.offsets[classes] + turn % self.counts[classes]].flatten()


def training_order(
    labels: Tensor, num_classes: int, batch_size: int, seed: int, purpose: str, *, balanced: bool
) -> Shuffled:
    """The batches that a generator is trained on.

    Args:
        labels: (n,) int64 of the training set, on the device.
        num_classes: K.
        batch_size: images a step.
        seed: root seed.
        purpose: name of the random stream.
        balanced: classes appear alike if the largest has more than `UNEVEN` times the images of the smallest. Sets more
            even than that, and sets in which a class has none, come as they are.

    Raises:
        UserError: the batch does not fit.
    """
    counts: list[int] = torch.bincount(labels, minlength=num_classes).tolist()  # waits for the device, once
    if balanced and 0 < UNEVEN * min(counts) < max(counts):
        return Balanced(labels, num_classes, batch_size, seed, purpose)
    return Shuffled(len(labels), batch_size, seed, purpose, labels.device)


def batch_index(n: int, batch_size: int, step: int, seed: int, purpose: str, device: torch.device | str) -> Tensor:
    """`Shuffled.index` for a single step, without keeping anything."""
    return Shuffled(n, batch_size, seed, purpose, device).index(step)


def class_table(labels: Tensor, num_classes: int) -> tuple[Tensor, ...]:
    """For every class the positions of its images, ascending; one transfer from the device.

    Args:
        labels: (n,) int64.
        num_classes: number of classes; a class without images gets an empty entry.

    Returns:
        `num_classes` int64 tensors on the device of `labels`.
    """
    order = torch.argsort(labels, stable=True)
    counts: list[int] = torch.bincount(labels, minlength=num_classes).tolist()
    return torch.split(order, counts)


def class_major_labels(num_classes: int, ipc: int, device: torch.device | str = "cpu") -> Tensor:
    """Labels of a fixed set (num_classes * ipc,) int64: `ipc` of class 0, then of class 1, and so on."""
    return torch.arange(num_classes, device=device).repeat_interleave(ipc)


def random_subset(labels: Tensor, ipc: int, num_classes: int, seed: int) -> Tensor:
    """Positions of `ipc` images of every class, uniform without replacement, class after class.

    Drawn on the CPU, so every device gets the same images. With one seed the subset of a smaller `ipc` is
    contained in that of a larger one. A class that has fewer images gives all of them, again and again, so that the
    subset stays balanced.

    Args:
        labels: (n,) int64, every entry below `num_classes`.
        ipc: images per class.
        num_classes: number of classes.
        seed: root seed.

    Returns:
        (num_classes * ipc,) int64 on the device of `labels`: `ipc` positions of class 0, then of class 1, …

    Raises:
        UserError: a class has no image.
    """
    chosen = []
    for label, positions in enumerate(class_table(labels.cpu(), num_classes)):
        if not len(positions):
            raise UserError(f"class {label} has no training image, but ipc = {ipc} asks for {ipc}: add some")
        stream = generator("cpu", seed, "subset", label)
        drawn = positions[torch.randperm(len(positions), generator=stream)]
        chosen.append(drawn[torch.arange(ipc) % len(drawn)])
    return torch.cat(chosen).to(labels.device)
