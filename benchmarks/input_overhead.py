"""What the input costs a step: batches from the resident uint8 set against one batch that lies ready.

Both sides run our own step (`gan.train.train_step`, `matching.distill.train_step`) with the same networks. One side
is fed as in a run: positions from the epoch's permutation, images gathered, scaled or standardised, and for the
matching network's SGD steps augmented. The other gets one standardised batch again and again, not gathered, not
augmented; what remains there is the scaling of one batch to [-1, 1], two elementwise operations.

``ratio`` is seconds fed / seconds preloaded, that is 1 + the overhead of the input as a fraction; 1.03 is three per
cent. ``input_overhead`` is that of a distillation step (17 batches, 16 of them augmented),
``input_overhead_gan_step`` that of a GAN step (one batch; the paper's GAN sees no augmentation). The augmentation of
the matched batches and of students is part of the method's own step and on both sides.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks import distill_step, gan_step
from benchmarks.inputs import CLASSES, SEED, Setting
from benchmarks.results import Entry
from gendistill.data.resident import Followed, ResidentImages
from gendistill.gan.train import train_step as gan_train_step
from gendistill.matching.distill import prepare_state
from gendistill.matching.distill import train_step as distill_train_step
from gendistill.matching.pool import Pool


@dataclass(frozen=True)
class OneBatch(ResidentImages):
    """A data set of one batch that is handed out as it lies there.

    Attributes:
        standardised: the batch as networks see it, float32.
    """

    standardised: Tensor

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The batch, whatever is asked for."""
        return self.standardised, self.labels


class Same(Followed):
    """An order that always names everything, as a view and not as a copy."""

    def index(self, step: int) -> Any:
        """All of the data set."""
        return slice(None)


def one_batch(data: ResidentImages, batch: int) -> OneBatch:
    """The first images of a data set as floats that are ready for use."""
    index = torch.arange(batch, device=data.images.device)
    standardised, labels = data.batch(index)
    return OneBatch(data.images[:batch].float(), labels, data.mean, data.std, standardised)


def measure(setting: Setting, name: str) -> Entry:
    sizes = setting.sizes
    if name == "input_overhead_gan_step":
        fed, preloaded = gan_step.fast(setting), preloaded_gan(setting)
        what = f"{sizes.gan_steps} GAN steps of {sizes.gan_batch} images from the resident uint8 set"
    else:
        fed, preloaded = distill_step.fast(setting), preloaded_distill(setting)
        what = (
            f"{sizes.distill_steps} distillation step(s) of {sizes.distill_batch} images, each with "
            f"{sizes.inner_steps} augmented batches, from the resident uint8 set"
        )
    return setting.measure(name, what, fed, preloaded, "the same step on one preloaded batch", overhead=True)


def preloaded_gan(setting: Setting) -> Callable[[], list[float]]:
    """GAN steps on one batch."""
    params, compute = setting.params.gan, setting.compute
    state = setting.compiled_gan()
    data = one_batch(setting.data, params.batch_size)
    order = Same(setting.order(params.batch_size, "gan"))

    def call() -> list[float]:
        for _ in range(setting.sizes.gan_steps):
            losses = gan_train_step(state, data, order, params, SEED, compute)
        values: list[float] = losses.tolist()
        return values

    return call


def preloaded_distill(setting: Setting) -> Callable[[], list[float]]:
    """Distillation steps on one batch that is not augmented for the matching network's training."""
    recipe = replace(setting.recipe, distill=replace(setting.recipe.distill, inner_augment="none"))
    batch, compute = recipe.distill.batch_size, setting.compute
    state = prepare_state(setting.compiled_gan(), recipe.distill.lr)
    data = one_batch(setting.data, batch)
    order = Same(setting.order(batch, "distill"))
    pool = Pool(recipe.distill, data, num_classes=CLASSES, seed=SEED, compute=compute)
    pool.order = order

    def call() -> list[float]:
        for _ in range(setting.sizes.distill_steps):
            losses, _ = distill_train_step(state, pool, data, order, recipe, SEED, compute)
        values: list[float] = losses.tolist()
        return values

    return call
