r"""KIP-FC: kernel inducing points with the kernel of a fully connected network (benchmark specification 7.1).

.. math:: L = \tfrac{1}{2} \, \mathrm{mean} \, (K_{ts} (K_{ss} + \lambda I)^{-1} y_s - y_t)^2

s are the synthetic images, t a class-balanced batch of real ones, y one-hot labels minus 1/K. This is not the row
"KIP" of the tables, whose kernel is that of a ConvNet and takes hundreds of GPUs.

Differs from the paper: images are standardised and neither normalised one by one nor whitened.
"""

import torch
from torch import Tensor

from gendistill.baselines.images import ImageState
from gendistill.baselines.kernel import centred_labels, regression
from gendistill.baselines.order import PerClass
from gendistill.baselines.task import DistilledSet, Task
from gendistill.data.order import Order, class_major_labels
from gendistill.runtime.loop import Loop

TERMS = ("loss",)


def regression_loss(predictions: Tensor, targets: Tensor) -> Tensor:
    """Half the mean squared error over images and classes, of predictions (m, K) and targets (m, K)."""
    return 0.5 * (predictions - targets).square().mean()


class KipState(ImageState):
    """Images and labels under one optimiser.

    Attributes:
        labels: (n, K) float64, centred; a leaf that gradients flow to where they are learned.
    """

    labels: Tensor

    def dump(self) -> dict[str, Tensor]:
        """The state as nested dicts of tensors and numbers."""
        return {**super().dump(), "labels": self.labels.detach()}

    @torch.no_grad()
    def load(self, saved: dict[str, Tensor]) -> None:
        """Take over what `dump` gave."""
        super().load(saved)
        self.labels.copy_(saved["labels"])


def new_state(task: Task) -> KipState:
    """Random training images, under Adam."""
    images = task.start("real").clone().requires_grad_(True)
    labels = centred_labels(task.labels, task.num_classes).requires_grad_(task.params.learn_labels)
    learned = [images, labels] if task.params.learn_labels else [images]
    state = KipState(images, torch.optim.Adam(learned, lr=task.params.lr, fused=True))
    state.labels = labels
    return state


def train_step(state: KipState, task: Task, order: Order) -> Tensor:
    """One update of the images, and of the labels where they are learned.

    Args:
        state: changed in place.
        task: parameters and seed.
        order: real images, as many of every class.

    Returns:
        The loss (1,), detached, on the device.
    """
    images, _ = task.data.batch(order.index(state.step))
    truth = class_major_labels(task.num_classes, len(images) // task.num_classes, task.device)
    predictions = regression(state.images, state.labels, images, task.params.jitter)
    loss = regression_loss(predictions, centred_labels(truth, task.num_classes))
    state.update(loss)
    return loss.detach()[None]


def distil(task: Task) -> DistilledSet:
    """A set made by KIP-FC, continuing from a checkpoint where there is one."""
    params = task.params
    state = new_state(task)
    batch = max(1, params.target_batch // task.num_classes)
    classes = PerClass(task.data.labels, task.num_classes, batch, task.seed, "kip")
    with Loop(task.title, params.steps, TERMS, task.session) as loop, task.data.follow(classes) as order:
        if (saved := loop.resume()) is not None:
            state.load(saved)
        task.show(state.step, params.steps, state.images)
        while state.step < params.steps:
            loss = train_step(state, task, order)
            task.show(state.step, params.steps, state.images)
            loop.advance(state.step, loss, state.dump)
    labels = state.labels.detach().float() if params.learn_labels else task.labels
    return DistilledSet(images=state.images.detach(), labels=labels, rows=loop.rows, steps=state.step)
