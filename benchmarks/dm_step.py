"""A step of DM: new weights, one update of the synthetic images on a real batch of every class.

Ours: ``gendistill.baselines.dm.train_step``: real images gathered from the resident uint8 set, classes of one
augmentation through it together, all classes through the network as one tensor (on a CPU in parts that its cache
holds), the loss read once at the end of a call.

DatasetCondensation: an iteration of ``main_DM.main``: class after class a permutation of its images, ``DiffAugment`` of
the real and of the synthetic images (scale and rotation put their matrices together image by image), ``embed``; the
loss is read at every step. Its training set lies on the device as standardised floats.

Plain twin: `plain_step`.

All: the paper's settings: ConvNet3 of 128 channels, 10 classes of 32 x 32 images, IPC 10, 256 real images of every
class, DSA with six groups, fp32.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.inputs import CLASSES, Setting
from benchmarks.plain import siamese, standardised
from benchmarks.results import PLAIN, Entry
from gendistill.baselines.dm import train_step
from gendistill.baselines.images import ImageState, redraw, sgd_images
from gendistill.baselines.order import PerClass
from gendistill.baselines.task import Task
from gendistill.data.order import Order
from gendistill.networks.base import Network
from gendistill.runtime.streams import generator as stream


def measure(setting: Setting, name: str) -> Entry:
    setting, sizes = setting.in_fp32, setting.sizes
    what = (
        f"{sizes.dm_steps} DM step(s) of {CLASSES} classes, {sizes.dm_batch} real and {sizes.ipc} synthetic images "
        f"each, ConvNet3, DSA with six groups"
    )
    if setting.condensation is None:
        return setting.measure(name, what, fast(setting), plain(setting), f"{PLAIN}, fp32")
    theirs = setting.condensation.iterations("main_DM", sizes.dm_steps, ipc=sizes.ipc, batch_real=sizes.dm_batch)
    return setting.measure(name, what, fast(setting), theirs, setting.condensation.describe("main_DM.main"))


def task_of(setting: Setting) -> Task:
    """The task that both of our sides work on."""
    return setting.task("dm", real_batch=setting.sizes.dm_batch)


def beginning(task: Task) -> tuple[ImageState, Network, PerClass]:
    """The images, the network and the order of real images that a loop begins with."""
    params = task.params
    return (
        sgd_images(task.start(params.start), params.lr, params.momentum),
        task.network("dm").requires_grad_(False),
        PerClass(task.data.labels, task.num_classes, params.real_batch, task.seed, "dm"),
    )


def fast(setting: Setting) -> Callable[[], list[float]]:
    """Some steps of our loop, going on from call to call."""
    return steps_of(setting, train_step)


def plain(setting: Setting) -> Callable[[], list[float]]:
    """The same steps of the plain twin."""
    return steps_of(setting, plain_step)


def steps_of(setting: Setting, step: Callable[[ImageState, Network, Task, Order], Tensor]) -> Callable[[], list[float]]:
    """A call of some steps of either form."""
    task = task_of(setting)
    state, network, order = beginning(task)

    def call() -> list[float]:
        for _ in range(setting.sizes.dm_steps):
            loss = step(state, network, task, order)
        values: list[float] = loss.tolist()
        return values

    return call


def plain_step(state: ImageState, network: Network, task: Task, order: Order) -> Tensor:
    """The twin of ``baselines.dm.train_step``: class after class, images standardised and augmented one by one."""
    redraw(network, stream(task.device, task.seed, "dm", "network", state.step))
    index = order.index(state.step).split(task.params.real_batch)
    loss = torch.zeros(1, device=task.device)
    for label, own in enumerate(state.images.split(task.ipc)):
        path = (task.seed, "dm", "augment", state.step, label)
        real = siamese(standardised(task.data, index[label]), task.params.augment, *path)
        synthetic = siamese(own, task.params.augment, *path)
        gap = network.embed(real).detach().mean(0) - network.embed(synthetic).mean(0)
        loss = loss + gap.square().sum()
    state.update(loss)
    return loss.detach()
