"""DC, DSA and EGM: one loop with flags (benchmark specification 6.1, 6.2, 6.4).

| | DC | DSA | EGM |
| --- | --- | --- | --- |
| start | noise | real images | noise |
| augmentation | none | siamese for matching, per image for the inner passes | none |
| distance | cosine | cosine | cosine + Euclidean, and of the mean over classes |
| inner passes | by DC's table | by DC's table | fewer and fewer, momentum 0.5 |

Per iteration a network starts afresh; then ``outer_steps`` times the images are updated on one real batch of every
class, and in between the network is trained on the images themselves.
"""

from typing import Any

import torch
from torch import Tensor, nn

from gendistill.augment import dsa
from gendistill.baselines.gradients import class_gradients, gradient_matching
from gendistill.baselines.images import ImageState, augment_classes, redraw, sgd_images
from gendistill.baselines.order import PerClass
from gendistill.baselines.parts import losses_of_parts
from gendistill.baselines.task import DistilledSet, Task
from gendistill.config.benchmark_rules import DC_LOOPS
from gendistill.config.method_settings import GradientParams
from gendistill.data.order import Order
from gendistill.networks.base import Network
from gendistill.runtime.loop import Loop
from gendistill.runtime.streams import generator as stream

TERMS = ("loss",)
PURPOSE = "gradients"  # of the random streams


def outer_steps(params: GradientParams, ipc: int) -> int:
    """Updates of the images per network: as the parameters say, 0 being DC's table."""
    return params.outer_steps or DC_LOOPS[ipc][0]


def inner_epochs(params: GradientParams, ipc: int, outer: int) -> int:
    """Passes of the network over the images after outer step `outer` (from 0)."""
    if params.inner_schedule == "decreasing":
        return 50 - 10 * outer if outer < 4 else 10 if outer < 10 else 5
    return params.inner_epochs or DC_LOOPS[ipc][1]


class Trainee:
    """The network that the images are matched in, and its training on them.

    Under ``runtime.compile`` its passes over the images are compiled; matching, which differentiates twice, is not.

    Args:
        task: parameters and seed.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.network: Network = task.network(PURPOSE)
        self.in_training = task.compute.compiled(nn.Sequential(self.network))  # a module of its own: see above
        self.optimizer = self._new_optimizer()

    def _new_optimizer(self) -> torch.optim.SGD:
        params = self.task.params
        return torch.optim.SGD(
            self.network.parameters(), lr=params.inner_lr, momentum=params.inner_momentum, fused=True
        )

    def restart(self, iteration: int) -> None:
        """New weights, and an optimiser without a past."""
        redraw(self.network, stream(self.task.device, self.task.seed, PURPOSE, "network", iteration))
        self.optimizer = self._new_optimizer()

    def train(self, images: Tensor, labels: Tensor, epochs: int, step: int) -> None:
        """Passes over the synthetic images (n, c, h, w) and labels (n,) after image update number `step`."""
        params, images = self.task.params, images.detach()
        for epoch in range(epochs):
            draw = stream(self.task.device, self.task.seed, PURPOSE, "inner", step, epoch)
            order = torch.randperm(len(images), generator=draw, device=images.device)
            for part in order.split(params.inner_batch):
                batch = dsa.augment(images[part], params.augment, draw, shared=False)
                self.optimizer.zero_grad(set_to_none=True)
                for loss in losses_of_parts(self.in_training, batch, labels[part]):
                    loss.backward()
                self.optimizer.step()

    def dump(self) -> dict[str, Any]:
        """The state as nested dicts of tensors and numbers."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])


def train_step(state: ImageState, trainee: Trainee, task: Task, order: Order) -> Tensor:
    """One update of the images in the trainee as it is.

    Args:
        state: changed in place.
        trainee: its weights stay.
        task: parameters and seed.
        order: real images, as many of every class.

    Returns:
        The loss (1,), detached, on the device.
    """
    params = task.params
    real = task.data.batch(order.index(state.step))[0].unflatten(0, (task.num_classes, -1))
    synthetic = state.images.unflatten(0, (task.num_classes, -1))
    real, synthetic = augment_classes(real, synthetic, params.augment, task.seed, PURPOSE, state.step)
    target = class_gradients(trainee.network, real)
    loss = gradient_matching(
        class_gradients(trainee.network, synthetic), target, params.distance, multi_level=params.multi_level
    )
    state.update(loss)
    return loss.detach()[None]


def outer_step(state: ImageState, trainee: Trainee, task: Task, order: Order) -> Tensor:
    """One update of the images, before it a new network where the last has had its updates, after it its passes.

    Args:
        state: changed in place.
        trainee: likewise.
        task: parameters and seed.
        order: real images, as many of every class.

    Returns:
        The loss (1,), detached, on the device.
    """
    outer = outer_steps(task.params, task.ipc)
    iteration, position = divmod(state.step, outer)
    if position == 0:
        trainee.restart(iteration)
    loss = train_step(state, trainee, task, order)
    if position + 1 < outer:  # what the last pass would teach is forgotten at once
        trainee.train(state.images, task.labels, inner_epochs(task.params, task.ipc, position), state.step)
    return loss


def distil(task: Task) -> DistilledSet:
    """A set made by gradient matching, continuing from a checkpoint where there is one."""
    params = task.params
    steps = params.iterations * outer_steps(params, task.ipc)
    state = sgd_images(task.start(params.start), params.lr, params.momentum)
    trainee = Trainee(task)
    classes = PerClass(task.data.labels, task.num_classes, params.real_batch, task.seed, PURPOSE)
    with Loop(task.title, steps, TERMS, task.session) as loop, task.data.follow(classes) as order:
        if (saved := loop.resume()) is not None:
            state.load(saved["images"])
            trainee.load(saved["trainee"])
        task.show(state.step, steps, state.images)
        while state.step < steps:
            loss = outer_step(state, trainee, task, order)
            task.show(state.step, steps, state.images)
            loop.advance(state.step, loss, lambda: {"images": state.dump(), "trainee": trainee.dump()})
    return DistilledSet(images=state.images.detach(), labels=task.labels, rows=loop.rows, steps=state.step)
