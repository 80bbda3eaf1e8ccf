"""The source behind every generated row: an artifact's generator, asked for new images at every step."""

import torch
from torch import Tensor

from gendistill.artifact.sampling import sample
from gendistill.data.order import class_major_labels
from gendistill.data.resident import from_tanh
from gendistill.evaluation.protocols import Budget
from gendistill.evaluation.sources import Blocks
from gendistill.networks.generator import Generator


class FreshGenerated(Blocks):
    """New images of a generator at every step.

    Args:
        generator: in eval mode.
        mean, std: of the training set, (c,).
        budget: under protocol ``fresh``.
    """

    def __init__(self, generator: Generator, mean: Tensor, std: Tensor, budget: Budget) -> None:
        super().__init__(budget, mean.device)
        self.generator, self.mean, self.std = generator, mean, std
        self.in_order = class_major_labels(
            generator.num_classes, budget.epoch_images // generator.num_classes, self.device
        )

    def draw(self, draw: torch.Generator) -> None:
        """Draw labels and latents, and generate."""
        self.labels = self.in_order[self.shuffles(len(self.in_order), draw)]
        self.images = from_tanh(sample(self.generator, self.labels, draw), self.mean, self.std)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Standardised images and labels of a step."""
        where = self.locate(step)
        return self.images[where], self.labels[where]

    def distinct_images(self) -> int:
        """Every image is new."""
        return self.budget.epochs * self.budget.epoch_images
