"""The source behind every generated row: an artifact's generator, asked for new images at every step."""

import torch
from torch import Tensor

from gendistill.artifact.sampling import sample
from gendistill.data.order import class_major_labels
from gendistill.data.resident import standardise, to_uint8
from gendistill.evaluation.protocols import Budget
from gendistill.evaluation.sources import Blocks
from gendistill.networks.generator import Generator
from gendistill.runtime.device import Compute
from gendistill.runtime.streams import generator as stream


class FreshGenerated(Blocks):
    """New images of a generator at every step, rounded to 8 bits like stored ones.

    The students of a cell see the same images, each in an order of its own: generating costs several times what
    training a narrow student on them does. The images are a function of (seed, block), the order of (seed, student,
    block).

    Args:
        generator: in eval mode.
        mean, std: of the training set, (c,).
        budget: under protocol ``fresh``.
        compute: precision to generate in.
    """

    def __init__(self, generator: Generator, mean: Tensor, std: Tensor, budget: Budget, compute: Compute) -> None:
        super().__init__(budget, mean.device)
        self.generator, self.mean, self.std, self.compute = generator, mean, std, compute
        self.classes = generator.num_classes
        self.ipc = budget.epoch_images // self.classes
        self.kept: dict[int, Tensor] = {}

    def start(self, seed: int, student: int) -> None:
        """Begin the batches of a student."""
        if seed != self.seed:
            self.kept = {}
        super().start(seed, student)

    def close(self) -> None:
        """Nothing is read ahead."""

    def draw(self, draw: torch.Generator) -> None:
        """Deal the block's images out to its epochs, IPC of every class each, in the student's own order."""
        self.images = self.block_images(self.block)
        per_class = self.epochs * self.ipc
        # a permutation within every class, cut into epochs: (epochs, classes * ipc)
        picked = torch.rand(self.classes, per_class, device=self.device, generator=draw).argsort(dim=1)
        picked = picked + torch.arange(self.classes, device=self.device)[:, None] * per_class
        picked = picked.view(self.classes, self.epochs, self.ipc).transpose(0, 1).flatten(1)
        mixed = self.shuffles(picked.shape[1], draw).view(self.epochs, -1)
        self.order = picked.gather(1, mixed).flatten()

    def prepare(self, steps: range) -> None:
        """Generate the blocks of `steps` that are not there yet, and let go of all others."""
        blocks = set(range(self.block_of(steps[0]), self.block_of(steps[-1]) + 1))
        for block in self.kept.keys() - blocks:
            del self.kept[block]
        for block in blocks - self.kept.keys():
            self.kept[block] = self.generate(block)

    def block_images(self, block: int) -> Tensor:
        """Images of a block (n, c, h, w) uint8, class after class; generated now unless they are prepared."""
        return self.kept[block] if block in self.kept else self.generate(block)

    def generate(self, block: int) -> Tensor:
        """Images of a block, a function of (seed, block)."""
        labels = class_major_labels(self.classes, self.epochs * self.ipc, self.device)
        with self.compute.autocast():
            return to_uint8(sample(self.generator, labels, stream(self.device, self.seed, "fresh", block)))

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Standardised images and labels of a step."""
        where = self.locate(step)
        index = self.order[where]
        return standardise(self.images[index], self.mean, self.std), index // (self.epochs * self.ipc)

    def distinct_images(self) -> int:
        """Every image is new."""
        return self.budget.epochs * self.budget.epoch_images
