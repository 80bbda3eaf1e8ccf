"""The budgets that students are trained under; never mixed in one number. Torch-free.

| protocol | images | batch | schedule | augmentation |
| --- | --- | --- | --- | --- |
| ``fresh`` | new ones at every step | min(classes x IPC, 100) | constant | DiffAugment, per image |
| ``fixed`` | classes x IPC, drawn once | min(classes x IPC, 256) | x 0.1 at half | DSA, per image |
| ``fixed_plain`` | classes x IPC, drawn once | min(classes x IPC, 256) | x 0.1 at half | none |
| ``whole`` | the training set | 128 | cosine to 0 | shift, and flip where it makes sense |

An epoch is classes x IPC images (``whole``: the training set); its last batch may be smaller. Every epoch holds
exactly IPC images of every class. Differs from DiM's code: there the labels of an epoch are independent draws unless
the batch is 10. The numbers above are params.yaml's; ``fresh`` is the protocol of the generative rows of Table 1,
``fixed`` that of DSA and DM, ``fixed_plain`` that of DC and the selection methods.
"""

import math
from dataclasses import dataclass

from gendistill.config.schema import EvaluateParams, RecipeParams


@dataclass(frozen=True)
class Budget:
    """How one student is trained.

    Attributes:
        protocol: name, as in the table above.
        epochs: passes over `epoch_images` images.
        epoch_images: images per epoch.
        batch: images per step.
        lr, momentum, weight_decay: of SGD.
        schedule: ``constant``, ``half`` (x 0.1 from half of the steps on) or ``cosine`` (to 0).
        augment: groups, joined by ``_``, or ``none``.
        semantics: ``diffaug`` (every group, always) or ``dsa`` (one group per batch).
    """

    protocol: str
    epochs: int
    epoch_images: int
    batch: int
    lr: float
    momentum: float
    weight_decay: float
    schedule: str
    augment: str
    semantics: str

    @property
    def steps_per_epoch(self) -> int:
        """Steps in one epoch."""
        return math.ceil(self.epoch_images / self.batch)

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return self.epochs * self.steps_per_epoch

    def learning_rate(self, step: int) -> float:
        """Learning rate of step `step`, counted from 0."""
        if self.schedule == "half":
            return self.lr * (0.1 if step >= self.steps // 2 else 1.0)
        if self.schedule == "cosine":
            return self.lr * 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return self.lr


def epochs_of(protocol: str, evaluate: EvaluateParams) -> int:
    """Epochs that section ``evaluate`` gives a protocol; KeyError if there is no such protocol."""
    match protocol:
        case "fresh":
            return evaluate.fresh_epochs
        case "fixed":
            return evaluate.fixed_epochs
        case "fixed_plain":
            return evaluate.plain_epochs
        case "whole":
            return evaluate.whole_epochs
    raise KeyError(protocol)


def budget(protocol: str, images: int, recipe: RecipeParams, epochs: int) -> Budget:
    """The budget of a protocol.

    Args:
        protocol: ``fresh``, ``fixed``, ``fixed_plain`` or ``whole``.
        images: classes x IPC, or the number of training images for ``whole``.
        recipe: section ``recipe``.
        epochs: passes over that many images.

    Raises:
        KeyError: no such protocol.
    """
    batch, lr, schedule, augment, semantics = {
        "fresh": (recipe.fresh_batch, recipe.lr, "constant", recipe.fresh_augment, "diffaug"),
        "fixed": (recipe.fixed_batch, recipe.lr, "half", recipe.fixed_augment, "dsa"),
        "fixed_plain": (recipe.fixed_batch, recipe.lr, "half", recipe.plain_augment, "dsa"),
        "whole": (recipe.whole_batch, recipe.whole_lr, "cosine", recipe.whole_augment, "diffaug"),
    }[protocol]
    return Budget(
        protocol=protocol,
        epochs=epochs,
        epoch_images=images,
        batch=min(images, batch),
        lr=lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        schedule=schedule,
        augment=augment,
        semantics=semantics,
    )


LEAST_QUALITY_STEPS = 100  # in the features of a network that has hardly begun, noise may score as well as images


def quality_epochs(images: int, recipe: RecipeParams, epochs: int) -> int:
    """Passes of stage ``quality``'s network over a training set: `epochs`, or on a small set as many as it needs.

    Args:
        images: of the training set.
        recipe: section ``recipe``.
        epochs: `quality.epochs`.
    """
    return max(epochs, math.ceil(LEAST_QUALITY_STEPS / budget("whole", images, recipe, 1).steps))
