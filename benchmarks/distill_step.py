"""A step of distillation: 16 SGD steps of the matching network, one generator and one discriminator update.

Ours: ``gendistill.matching.distill.train_step`` of the source ``ours`` (Eq. 6 and Eq. 7: a term more than DiM has);
real batches gathered from the resident uint8 set and augmented as one tensor, losses read once at the end of a call.

DiM: ``pool_match.train`` with ``--match logit --match-aug``, its epoch loop cut to as many batches. Every step starts
a new DataLoader pass with four workers for the matching network's 16 batches and drops it after them; the pass over
the generator's batches goes on from call to call. CIFAR10 of torchvision with ToTensor and Normalize for every image,
eager fp32, losses and accuracies read at every step. Its random choice of an architecture is pinned to ConvNet3; a
call draws a fresh one, as an epoch does (milliseconds).

Plain twin: `plain_step`.

All: ConvNet3 of 128 channels, G and D of width 196, batch 64.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.inputs import CLASSES, SEED, Setting
from benchmarks.plain import (
    augment,
    check,
    cross_entropy,
    discriminator_step,
    plain_sgd,
    standardise,
    standardised,
    tanh_images,
    with_plain_optimizers,
)
from benchmarks.results import PLAIN, Entry
from gendistill.data.order import Shuffled
from gendistill.data.resident import ResidentImages
from gendistill.gan.train import GanState
from gendistill.matching.distill import Recipe, prepare_state, train_step
from gendistill.matching.pool import Pool
from gendistill.networks.base import Network
from gendistill.networks.registry import fresh_network
from gendistill.runtime.seeds import derive_seed
from gendistill.runtime.streams import generator as stream


def measure(setting: Setting, name: str) -> Entry:
    sizes = setting.sizes
    what = (
        f"{sizes.distill_steps} distillation step(s): {sizes.inner_steps} SGD steps of ConvNet3, G, D, "
        f"batches of {sizes.distill_batch}, width {sizes.width}"
    )
    if setting.reference is None:
        return setting.measure(name, what, fast(setting), plain(setting), f"{PLAIN}, fp32")
    theirs = setting.reference.distill_steps(sizes.distill_batch, sizes.distill_steps, sizes.inner_steps)
    return setting.measure(name, what, fast(setting), theirs, setting.reference.describe("pool_match.train"))


def fast(setting: Setting) -> Callable[[], list[float]]:
    """Some steps of our loop, going on from call to call."""
    recipe = setting.recipe
    state = prepare_state(setting.compiled_gan(), recipe.distill.lr)
    order = setting.order(recipe.distill.batch_size, "distill")
    pool = Pool(recipe.distill, setting.data, num_classes=CLASSES, seed=SEED, compute=setting.compute)

    def call() -> list[float]:
        for _ in range(setting.sizes.distill_steps):
            losses, _ = train_step(state, pool, setting.data, order, recipe, SEED, setting.compute)
        values: list[float] = losses.tolist()
        return values

    return call


def plain(setting: Setting) -> Callable[[], list[float]]:
    """The same steps of the plain twin."""
    recipe = setting.recipe
    twin = Twin(recipe, setting.data, with_plain_optimizers(setting.gan(), recipe.gan, recipe.distill.lr))

    def call() -> list[float]:
        for _ in range(setting.sizes.distill_steps):
            losses = twin.step()
        values: list[float] = losses.tolist()
        return values

    return call


class Twin:
    """The twin of ``matching.distill.train_step`` in fp32, for a pool of ConvNet3 drawn once.

    Args:
        recipe: parameters of distillation.
        data: real training images.
        state: the GAN, its optimisers set to distillation's learning rate.
    """

    def __init__(self, recipe: Recipe, data: ResidentImages, state: GanState) -> None:
        check(recipe.gan)
        params, device = recipe.distill, data.images.device
        self.recipe, self.data, self.state = recipe, data, state
        self.order = Shuffled(len(data), params.batch_size, SEED, "distill", device)
        self.inner_order = Shuffled(len(data), params.batch_size, SEED, "pool", device)
        self.network: Network = fresh_network(
            "convnet3",
            channels=data.images.shape[1],
            image_size=data.images.shape[2],
            num_classes=state.generator.num_classes,
            width=params.pool_width,
            device=device,
            seed=derive_seed(SEED, "pool", "init", 0),
        )
        self.optimizer = plain_sgd(self.network, params.inner_lr, params.inner_momentum, params.inner_weight_decay)

    def step(self) -> Tensor:
        """Train the matching network, then G, then D.

        Returns:
            (8,) losses named by ``matching.distill.TERMS``.
        """
        state, loss, step, device = self.state, self.recipe.loss, self.state.step, self.data.images.device
        self.train_network(step)
        index = self.order.index(step)
        labels = self.data.labels[index]

        draw = stream(device, SEED, "distill", "generator", step)
        latent = torch.randn(len(labels), state.generator.latent, device=device, generator=draw)
        images = state.generator(latent, labels)
        values, logits = state.discriminator(images)
        adversarial = -values.mean() + self.recipe.gan.class_weight * cross_entropy(logits, labels)

        # Match: both batches under one draw of the augmentation
        real = standardised(self.data, index)
        fake = torch.stack([standardise((image + 1) / 2, self.data) for image in images])
        both = augment(torch.cat([real, fake]), self.recipe.distill.match_augment, draw, shared=True)
        with torch.no_grad():
            real_logits, real_features = self.network.features(both[: len(real)], "block2")
        fake_logits, fake_features = self.network.features(both[len(real) :], "block2")
        gap = nn.functional.log_softmax(real_logits, 1) - nn.functional.log_softmax(fake_logits, 1)
        structure = gap.square().mean()  # Eq. 6
        details = (real_features.mean(0) - fake_features.mean(0)).square().sum()  # Eq. 7
        total = adversarial + loss.omega_g * structure + loss.omega_l * details  # Eq. 8
        state.generator_optimizer.zero_grad()
        total.backward()
        state.generator_optimizer.step()

        draw = stream(device, SEED, "distill", "discriminator", step)
        critic = discriminator_step(state, tanh_images(self.data, index), labels, self.recipe.gan, draw)
        state.step += 1
        terms = [total, adversarial, structure, loss.omega_g * structure, details, loss.omega_l * details]
        return torch.cat([torch.stack(terms).detach(), critic])

    def train_network(self, step: int) -> None:
        """SGD steps of the matching network on real images, augmented one by one."""
        params = self.recipe.distill
        for part in range(params.inner_steps):
            position = step * params.inner_steps + part
            index = self.inner_order.index(position)
            draw = stream(self.data.images.device, SEED, "pool", "augment", position)
            images = augment(standardised(self.data, index), params.inner_augment, draw, shared=False)
            loss = cross_entropy(self.network(images), self.data.labels[index])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
