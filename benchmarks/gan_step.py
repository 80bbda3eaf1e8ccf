"""A step of the conditional GAN at DiM's widths: one update of the generator and one of the discriminator.

Ours: ``gendistill.gan.train.train_step`` as the stage runs it; batches gathered from the resident uint8 set, losses
read once at the end of a call (in a run: at ticks).

DiM: ``gen_condense.train``, its epoch loop cut to as many batches; CIFAR10 of torchvision with ToTensor and Normalize
for every image, a DataLoader with four workers that goes on from call to call (its start is not timed), eager fp32
with torch's switches as DiM leaves them, four losses and accuracies read at every step, separate passes of the
discriminator for real and generated images.

Plain twin: `plain_step`.

All: the paper's preset (width 196, 3 x 32 x 32, WGAN-GP with the auxiliary classifier), batch 128 on CUDA and 32 on a
CPU, as many images and updates.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.inputs import SEED, Setting
from benchmarks.plain import check, cross_entropy, discriminator_step, tanh_images, with_plain_optimizers
from benchmarks.results import PLAIN, Entry
from gendistill.config.schema import GanParams
from gendistill.data.order import Shuffled
from gendistill.data.resident import ResidentImages
from gendistill.gan.train import GanState, train_step
from gendistill.runtime.streams import generator as stream


def measure(setting: Setting, name: str) -> Entry:
    sizes = setting.sizes
    what = f"{sizes.gan_steps} GAN steps (G and D) of {sizes.gan_batch} images, width {sizes.width}"
    if setting.reference is None:
        return setting.measure(name, what, fast(setting), plain(setting), f"{PLAIN}, fp32")
    theirs = setting.reference.gan_steps(sizes.gan_batch, sizes.gan_steps)
    return setting.measure(name, what, fast(setting), theirs, setting.reference.describe("gen_condense.train"))


def fast(setting: Setting) -> Callable[[], list[float]]:
    """Some steps of our loop, going on from call to call."""
    params, state = setting.params.gan, setting.compiled_gan()
    order = setting.order(params.batch_size, "gan")

    def call() -> list[float]:
        for _ in range(setting.sizes.gan_steps):
            losses = train_step(state, setting.data, order, params, SEED, setting.compute)
        values: list[float] = losses.tolist()
        return values

    return call


def plain(setting: Setting) -> Callable[[], list[float]]:
    """The same steps of the plain twin."""
    params = setting.params.gan
    state = with_plain_optimizers(setting.gan(), params)
    order = setting.order(params.batch_size, "gan")

    def call() -> list[float]:
        for _ in range(setting.sizes.gan_steps):
            losses = plain_step(state, setting.data, order, params, SEED)
        values: list[float] = losses.tolist()
        return values

    return call


def plain_step(state: GanState, data: ResidentImages, order: Shuffled, params: GanParams, seed: int) -> Tensor:
    """The twin of ``gan.train.train_step`` in fp32.

    Returns:
        (4,) losses named by ``gan.train.TERMS``.
    """
    check(params)
    step, device = state.step, data.images.device
    index = order.index(step)
    real, labels = tanh_images(data, index), data.labels[index]

    draw = stream(device, seed, "gan", "generator", step)
    latent = torch.randn(len(labels), params.latent, device=device, generator=draw)
    values, logits = state.discriminator(state.generator(latent, labels))
    critic, classes = -values.mean(), cross_entropy(logits, labels)
    state.generator_optimizer.zero_grad()
    (critic + params.class_weight * classes).backward()
    state.generator_optimizer.step()

    draw = stream(device, seed, "gan", "discriminator", step, 0)
    losses = discriminator_step(state, real, labels, params, draw)
    state.step += 1
    return torch.cat([torch.stack([critic.detach(), classes.detach()]), losses])
