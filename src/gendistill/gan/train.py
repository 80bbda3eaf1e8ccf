"""Step 1 of the method: a conditional GAN learns the training set (paper section 3.1).

Per step, as in DiM's code: the generator is updated on the labels of a real batch, then the discriminator on that
batch and as many generated images. Run with ``python -m stages.train_gan``.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gendistill.config.schema import GanParams
from gendistill.data.order import Order, training_order
from gendistill.data.resident import ImageSet, to_tanh
from gendistill.gan.ema import copy_of, recalibrate, update_average
from gendistill.gan.objectives import OBJECTIVES
from gendistill.gan.steps import discriminator_step, generator_terms
from gendistill.networks.discriminator import Discriminator
from gendistill.networks.generator import Generator
from gendistill.networks.latent import sample_latent
from gendistill.runtime.device import Compute
from gendistill.runtime.loop import Loop, Session
from gendistill.runtime.streams import generator as stream
from gendistill.runtime.streams import seeded

TERMS = ("generator", "generator_classes", "discriminator", "gradient_penalty")


@dataclass
class GanState:
    """Everything that changes while the GAN trains.

    Attributes:
        generator: G, in train mode.
        discriminator: D.
        average: moving average of G, or None when ``gan.ema`` is 0.
        generator_optimizer: Adam of G.
        discriminator_optimizer: Adam of D.
        step: G steps done.
    """

    generator: Generator
    discriminator: Discriminator
    average: Generator | None
    generator_optimizer: torch.optim.Adam
    discriminator_optimizer: torch.optim.Adam
    step: int = 0

    def deployed(self, seed: int, compute: Compute) -> Generator:
        """The generator to hand on: a copy of the moving average with statistics of its own, or G without one."""
        if self.average is None:
            return self.generator
        average = copy_of(self.average)
        recalibrate(average, seed, compute)
        return average

    def dump(self) -> dict[str, Any]:
        """The state as nested dicts of tensors and numbers; shares memory with the networks."""
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "generator_optimizer": self.generator_optimizer.state_dict(),
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
            "step": self.step,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        self.generator.load_state_dict(saved["generator"])
        self.discriminator.load_state_dict(saved["discriminator"])
        if self.average is not None:
            self.average.load_state_dict(saved["average"])
        self.generator_optimizer.load_state_dict(saved["generator_optimizer"])
        self.discriminator_optimizer.load_state_dict(saved["discriminator_optimizer"])
        self.step = saved["step"]


def build_gan(
    params: GanParams, *, channels: int, image_size: int, num_classes: int, seed: int, device: torch.device
) -> GanState:
    """Fresh networks and optimisers; the weights are a function of `seed` alone."""
    shape = {
        "channels": channels,
        "image_size": image_size,
        "num_classes": num_classes,
        "width": params.width,
    }
    with seeded(seed, "gan", "init"):
        generator = Generator(latent=params.latent, conditioning=params.conditioning, **shape)
        discriminator = Discriminator(spectral_norm=OBJECTIVES[params.objective].spectral_norm, **shape)
    generator, discriminator = generator.to(device), discriminator.to(device)
    return GanState(
        generator=generator,
        discriminator=discriminator,
        average=copy_of(generator) if params.ema > 0 else None,
        generator_optimizer=adam(generator, params.lr, params),
        discriminator_optimizer=adam(discriminator, params.lr, params),
    )


def adam(network: torch.nn.Module, lr: float, params: GanParams) -> torch.optim.Adam:
    """Adam with the GAN's betas."""
    return torch.optim.Adam(network.parameters(), lr=lr, betas=(params.beta1, params.beta2), fused=True)


def train_step(state: GanState, data: ImageSet, order: Order, params: GanParams, seed: int, compute: Compute) -> Tensor:
    """One G step and ``gan.discriminator_steps`` D steps.

    Returns:
        (4,) detached losses on the device, named by `TERMS`; the last two are of the last D step.
    """
    step, device = state.step, compute.device
    draw = stream(device, seed, "gan", "generator", step)
    for part in range(params.discriminator_steps):
        index = order.index(step * params.discriminator_steps + part)
        real, labels = to_tanh(data.gather(index)), data.labels[index]
        if part == 0:
            latent = sample_latent(len(labels), params.latent, device, draw)
            state.discriminator.requires_grad_(False)  # its weights' gradients would be thrown away
            with compute.autocast():
                terms = generator_terms(state.discriminator, state.generator(latent, labels), labels, params, draw)
            state.generator_optimizer.zero_grad(set_to_none=True)
            terms.total.backward()
            state.generator_optimizer.step()
            state.discriminator.requires_grad_(True)
            if state.average is not None:
                update_average(state.average, state.generator, params.ema)
        critic = discriminator_step(
            state.generator,
            state.discriminator,
            state.discriminator_optimizer,
            real,
            labels,
            params,
            compute,
            stream(device, seed, "gan", "discriminator", step, part),
        )
    state.step += 1
    return torch.cat([torch.stack([terms.critic.detach(), terms.classes.detach()]), critic])


def train_gan(
    data: ImageSet,
    params: GanParams,
    *,
    seed: int,
    num_classes: int,
    compute: Compute,
    session: Session,
    balanced: bool = False,
) -> tuple[GanState, list[dict[str, float]]]:
    """Train G and D for ``gan.steps`` steps, continuing from a checkpoint where there is one.

    Args:
        data: real training images.
        params: section ``gan``.
        seed: root seed.
        num_classes: K.
        compute: device and precision.
        session: checkpoints and stop requests.
        balanced: draw the classes of an uneven set alike (`training_order`).

    Returns:
        The final state and the loss curve, one row per tick.
    """
    state = build_gan(
        params,
        channels=data.channels,
        image_size=data.image_size,
        num_classes=num_classes,
        seed=seed,
        device=compute.device,
    )
    compute.compiled(state.generator)  # not D: its penalty is differentiated twice, which compiled code is not
    drawn = training_order(data.labels, num_classes, params.batch_size, seed, "gan", balanced=balanced)
    with Loop("train_gan", params.steps, TERMS, session) as loop, data.follow(drawn) as order:
        if (saved := loop.resume()) is not None:
            state.load(saved)
        while state.step < params.steps:
            losses = train_step(state, data, order, params, seed, compute)
            loop.advance(state.step, losses, state.dump)
    if state.average is not None:
        recalibrate(state.average, seed, compute)  # it is handed on as it is, as source cgan
    return state, loop.rows
