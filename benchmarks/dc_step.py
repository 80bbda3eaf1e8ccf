"""An iteration of DC or DSA: a network from new weights to its last, and the updates of the images along the way.

An update matches the gradients of every class on a real batch; after each but the last the network is trained on the
synthetic images for some passes of one batch. DC's table has 10 updates and 50 passes at IPC 10, 256 real images of
every class: so it is on CUDA. On a CPU a call is shorter, 2 updates and 28 passes at 80 real images, in which
matching and training have the shares that they have in the whole: 4,500 images trained on for 2,560 matched with.

Ours: ``gendistill.baselines.gradient_matching.outer_step``: real images gathered from the resident uint8 set, gradients
of all classes at once or in turn, by size (docs/decisions.md, D56 and D61), nothing read before the end of a call.

DatasetCondensation: an iteration of ``main.main``: class after class ``DiffAugment``, both gradients and
``match_loss``, one backward pass through all classes; ``epoch`` over a DataLoader that puts a batch together image by
image, and reads loss and predictions at every step. Its training set lies on the device as standardised floats.

Plain twin: `Twin`.

All: ConvNet3 of 128 channels, 10 classes of 32 x 32 images, IPC 10, fp32; ``dc_step`` without augmentation from noise,
``dsa_step`` with DSA's six groups from real images.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.inputs import CLASSES, Setting
from benchmarks.plain import cross_entropy, plain_sgd, siamese, standardised
from benchmarks.results import PLAIN, Entry
from gendistill.augment import dsa
from gendistill.baselines.gradient_matching import PURPOSE, Trainee, outer_step
from gendistill.baselines.images import ImageState, redraw, sgd_images
from gendistill.baselines.order import PerClass
from gendistill.baselines.task import Task
from gendistill.networks.base import Network
from gendistill.runtime.streams import generator as stream


def measure(setting: Setting, name: str) -> Entry:
    setting, sizes, method = setting.in_fp32, setting.sizes, name.removesuffix("_step")
    what = (
        f"an iteration of {method.upper()}: {sizes.dc_updates} updates of the images of {CLASSES} classes, "
        f"{sizes.dc_batch} real and {sizes.ipc} synthetic ones each, ConvNet3, with {sizes.dc_passes} passes of "
        f"{CLASSES * sizes.ipc} images between two"
    )
    if setting.condensation is None:
        return setting.measure(name, what, fast(setting, method), plain(setting, method), f"{PLAIN}, fp32")
    task = task_of(setting, method)
    theirs = setting.condensation.iterations(
        "main",
        1,
        (sizes.dc_updates, sizes.dc_passes),
        method=method.upper(),
        ipc=sizes.ipc,
        batch_real=sizes.dc_batch,
        init=task.params.start,
        dsa_strategy=task.params.augment,
    )
    return setting.measure(name, what, fast(setting, method), theirs, setting.condensation.describe("main.main"))


def task_of(setting: Setting, method: str) -> Task:
    """The task that both of our sides work on."""
    sizes = setting.sizes
    return setting.task(method, real_batch=sizes.dc_batch, outer_steps=sizes.dc_updates, inner_epochs=sizes.dc_passes)


def beginning(task: Task) -> tuple[ImageState, PerClass]:
    """The images and the order of real images that a loop begins with."""
    params = task.params
    return (
        sgd_images(task.start(params.start), params.lr, params.momentum),
        PerClass(task.data.labels, task.num_classes, params.real_batch, task.seed, PURPOSE),
    )


def fast(setting: Setting, method: str) -> Callable[[], list[float]]:
    """An iteration of our loop, going on from call to call."""
    task = task_of(setting, method)
    state, order = beginning(task)
    trainee = Trainee(task)

    def call() -> list[float]:
        losses = [outer_step(state, trainee, task, order) for _ in range(setting.sizes.dc_updates)]
        values: list[float] = torch.cat(losses).tolist()
        return values

    return call


def plain(setting: Setting, method: str) -> Callable[[], list[float]]:
    """The same iteration of the plain twin."""
    twin = Twin(task_of(setting, method))
    return lambda: torch.cat(twin.iteration()).tolist()


class Twin:
    """The twin of an iteration of DC and DSA: a class after another, a weight after another, plain autograd.

    Args:
        task: parameters and seed; the distance is DC's.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.state, self.order = beginning(task)
        self.network: Network = task.network(PURPOSE)

    def iteration(self) -> list[Tensor]:
        """The losses (1,) of the updates of the images."""
        task, params = self.task, self.task.params
        number = self.state.step // params.outer_steps
        redraw(self.network, stream(task.device, task.seed, PURPOSE, "network", number))
        optimizer = plain_sgd(self.network, params.inner_lr, params.inner_momentum, 0.0)
        losses = []
        for update in range(params.outer_steps):
            losses.append(self.update())
            if update + 1 < params.outer_steps:
                for epoch in range(params.inner_epochs):
                    self.train(optimizer, epoch)
        return losses

    def update(self) -> Tensor:
        """One update of the images."""
        task, params, state = self.task, self.task.params, self.state
        index = self.order.index(state.step).split(params.real_batch)
        loss = torch.zeros(1, device=task.device)
        for label, own in enumerate(state.images.split(task.ipc)):
            path = (task.seed, PURPOSE, "augment", state.step, label)
            real = siamese(standardised(task.data, index[label]), params.augment, *path)
            target = self.gradients(real, label, differentiable=False)
            found = self.gradients(siamese(own, params.augment, *path), label, differentiable=True)
            for a, b in zip(found, target, strict=True):
                if a.dim() > 1:
                    loss = loss + distance(a.flatten(1), b.flatten(1))
        state.update(loss)
        return loss.detach()

    def gradients(self, images: Tensor, label: int, *, differentiable: bool) -> tuple[Tensor, ...]:
        """Gradients of all parameters on the images of a class."""
        loss = cross_entropy(self.network(images), torch.full((len(images),), label))
        return torch.autograd.grad(loss, list(self.network.parameters()), create_graph=differentiable)

    def train(self, optimizer: torch.optim.SGD, epoch: int) -> None:
        """One pass of the network over the synthetic images."""
        task, params, images = self.task, self.task.params, self.state.images.detach()
        draw = stream(task.device, task.seed, PURPOSE, "inner", self.state.step, epoch)
        for part in torch.randperm(len(images), generator=draw, device=task.device).split(params.inner_batch):
            batch = torch.stack([images[number] for number in part.tolist()])
            batch = dsa.augment(batch, params.augment, draw, shared=False)
            loss = cross_entropy(self.network(batch), task.labels[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Sum over the rows, one an output unit, of one minus their cosine; 1e-6 as in DC's code."""
    norms = a.norm(dim=1) * b.norm(dim=1)
    units: Tensor = 1 - (a * b).sum(1) / (norms + 1e-6)
    return units.sum()
