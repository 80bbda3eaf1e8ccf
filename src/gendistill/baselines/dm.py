r"""DM: distribution matching (Zhao and Bilen, WACV 2023), as their code runs it (benchmark specification 6.3).

.. math:: L = \sum_c \lVert \tfrac{1}{B} \sum_i \psi(A_{\omega_c}(t_{c,i}))
          - \tfrac{1}{m} \sum_j \psi(A_{\omega_c}(s_{c,j})) \rVert_2^2

| symbol | meaning |
| --- | --- |
| psi | embedding of an untrained network, a new one every step: all inputs of the linear readout |
| t, s | real and synthetic images of class c, B and m = IPC of them |
| A, omega_c | DSA with one draw for both sides of a class |

All classes go through the network in one pass: without batch normalisation images do not see each other.
"""

import torch
from torch import Tensor

from gendistill.baselines.images import ImageState, augment_classes, redraw, sgd_images
from gendistill.baselines.order import PerClass
from gendistill.baselines.parts import images_at_once
from gendistill.baselines.task import DistilledSet, Task
from gendistill.data.order import Order
from gendistill.networks.base import Network
from gendistill.runtime.loop import Loop
from gendistill.runtime.streams import generator as stream

LARGE = 100  # images per class
TERMS = ("loss",)


def distribution_matching(real: Tensor, synthetic: Tensor) -> Tensor:
    """Squared distance between the class means of embeddings, summed over classes.

    Args:
        real: (K, B, d), constants.
        synthetic: (K, m, d), gradients flow.

    Returns:
        Scalar >= 0, in squared units of the embedding; 0 exactly where all class means agree.
    """
    gap: Tensor = real.detach().mean(1) - synthetic.mean(1)
    loss: Tensor = gap.square().sum()
    return loss


@torch.no_grad()
def embed_real(network: Network, images: Tensor) -> Tensor:
    """Embeddings (K, B, d) of images (K, B, c, h, w), as many at a time as `parts` says."""
    parts = images.flatten(0, 1).split(images_at_once(network, images))
    embedded: Tensor = torch.cat([network.embed(part) for part in parts]).unflatten(0, images.shape[:2])
    return embedded


def train_step(state: ImageState, network: Network, task: Task, order: Order) -> Tensor:
    """One update of the images.

    Args:
        state: changed in place.
        network: takes new weights here; no gradients flow to them.
        task: parameters and seed.
        order: real images, as many of every class.

    Returns:
        The loss (1,), detached, on the device.
    """
    redraw(network, stream(task.device, task.seed, "dm", "network", state.step))
    real = task.data.batch(order.index(state.step))[0].unflatten(0, (task.num_classes, -1))
    synthetic = state.images.unflatten(0, (task.num_classes, -1))
    real, synthetic = augment_classes(real, synthetic, task.params.augment, task.seed, "dm", state.step)
    embedded = network.embed(synthetic.flatten(0, 1)).unflatten(0, synthetic.shape[:2])
    loss = distribution_matching(embed_real(network, real), embedded)
    state.update(loss)
    return loss.detach()[None]


def distil(task: Task) -> DistilledSet:
    """A set made by DM, continuing from a checkpoint where there is one."""
    params = task.params
    # DM's instructions: ten times the step size from 100 images per class on
    lr = params.lr * (10 if task.ipc >= LARGE else 1)
    state = sgd_images(task.start(params.start), lr, params.momentum)
    network = task.network("dm").requires_grad_(False)
    classes = PerClass(task.data.labels, task.num_classes, params.real_batch, task.seed, "dm")
    with Loop(task.title, params.steps, TERMS, task.session) as loop, task.data.follow(classes) as order:
        if (saved := loop.resume()) is not None:
            state.load(saved)
        task.show(state.step, params.steps, state.images)
        while state.step < params.steps:
            loss = train_step(state, network, task, order)
            task.show(state.step, params.steps, state.images)
            loop.advance(state.step, loss, state.dump)
    return DistilledSet(images=state.images.detach(), labels=task.labels, rows=loop.rows, steps=state.step)
