"""Step 2 of the method: distillation by balancing global structure and local details (section 3.2, Algorithm 1).

The GAN's generator goes on training with ``L_total = omega_g L_global + omega_l L_local + L_CGAN`` (Eq. 8). With
omega_l = 0 this is DiM; with both weights 0 it continues the conditional GAN. Run with ``python -m stages.distill``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gendistill.augment.diffaug import augment
from gendistill.config.schema import DistillParams, GanParams, LossParams
from gendistill.data.order import Order, training_order
from gendistill.data.resident import ImageSet, from_tanh, standardise, to_tanh
from gendistill.gan.ema import update_average
from gendistill.gan.steps import discriminator_step, generator_terms
from gendistill.gan.train import GanState
from gendistill.matching.losses import global_loss, local_loss, total_loss
from gendistill.matching.pool import Member, Pool, member_layer
from gendistill.networks.generator import Generator
from gendistill.networks.latent import sample_latent
from gendistill.runtime.device import Compute
from gendistill.runtime.loop import Loop, Session
from gendistill.runtime.streams import generator as stream

TERMS = (
    "total",
    "gan",
    "global",
    "global_weighted",
    "local",
    "local_weighted",
    "discriminator",
    "gradient_penalty",
)
MATCHED = ("global", "local")
COLUMNS = ["step", *TERMS, *(f"{name}_gradient_ratio" for name in MATCHED)]  # of the loss curve


@dataclass(frozen=True)
class Recipe:
    """The parameters of a distillation.

    Attributes:
        distill: schedule, pool and augmentation.
        loss: weights and forms of the matching terms.
        gan: objective of L_CGAN.
    """

    distill: DistillParams
    loss: LossParams
    gan: GanParams

    @property
    def weights(self) -> dict[str, float]:
        """Weight of every term of Eq. 8."""
        return {"gan": 1.0, "global": self.loss.omega_g, "local": self.loss.omega_l}

    @property
    def matches(self) -> bool:
        """Whether any matching term is left; without one no network of the pool is drawn."""
        return self.loss.omega_g > 0 or self.loss.omega_l > 0


def matching_terms(
    member: Member, real: Tensor, fake: Tensor, labels: Tensor, recipe: Recipe, draw: torch.Generator
) -> dict[str, Tensor]:
    """L_global (Eq. 6) and L_local (Eq. 7), each only if its weight is not 0.

    Both batches are augmented with one draw of parameters and passed through the network separately, so that
    BatchNorm sees each batch's own statistics.

    Args:
        member: network of the pool, its weights frozen. It is run as it is, for compiling it twice more, without
            gradients and for those of the images alone, would cost more than two passes among its SGD steps can gain.
        real: (B, c, h, w) standardised; a constant.
        fake: (B, c, h, w) standardised, same labels; gradients flow into it.
        labels: (B,).
        recipe: weights and forms.
        draw: stream of the shared augmentation.

    Returns:
        Scalars under ``global`` and ``local``.
    """
    loss = recipe.loss
    both = augment(torch.cat([real, fake]), recipe.distill.match_augment, draw, shared=True)
    real, fake = both.chunk(2)
    num_classes = member.network.classifier.out_features
    if loss.omega_l == 0:
        with torch.no_grad():
            target = member.network.forward(real.detach())
        logits = member.network.forward(fake)
        return {"global": global_loss(target, logits, logits=loss.global_logits, reduction=loss.global_reduction)}
    layer = member_layer(member.name, loss.local_layer)
    with torch.no_grad():
        target, target_features = member.network.features(real.detach(), layer)
    logits, features = member.network.features(fake, layer)
    terms = {"local": local_loss(target_features, features, labels, num_classes=num_classes, form=loss.local_form)}
    if loss.omega_g > 0:
        terms["global"] = global_loss(target, logits, logits=loss.global_logits, reduction=loss.global_reduction)
    return terms


def train_step(
    state: GanState,
    pool: Pool,
    data: ImageSet,
    order: Order,
    recipe: Recipe,
    seed: int,
    compute: Compute,
    *,
    measure: bool = False,
) -> tuple[Tensor, dict[str, float]]:
    """One generator step on L_total (Eq. 8) and one discriminator step.

    Args:
        state: generator, discriminator and their optimisers; changed in place.
        pool: model pool; its member is trained first.
        data: real training images.
        order: batches of `data`.
        recipe: parameters.
        seed: root seed.
        compute: device and precision.
        measure: also give the gradient norms on G of every term relative to L_CGAN's (two more backward passes).

    Returns:
        (8,) detached losses on the device, named by `TERMS`, and the gradient ratios (empty unless measured).
    """
    step, device = state.step, compute.device
    index = order.index(step)
    pixels, labels = data.gather(index), data.labels[index]
    member = None
    if recipe.matches:
        member = pool.at(step)
        pool.train(member, step)
    draw = stream(device, seed, "distill", "generator", step)
    state.discriminator.requires_grad_(False)
    with compute.autocast():
        images = state.generator(sample_latent(len(labels), state.generator.latent, device, draw), labels)
        terms = {"gan": generator_terms(state.discriminator, images, labels, recipe.gan, draw).total}
        if member is not None:
            real = standardise(pixels, data.mean, data.std)
            fake = from_tanh(images.float(), data.mean, data.std)
            terms |= matching_terms(member, real, fake, labels, recipe, draw)
    total = total_loss(terms, recipe.weights)
    ratios = gradient_ratios(state.generator, terms, recipe.weights) if measure else {}
    state.generator_optimizer.zero_grad(set_to_none=True)
    total.backward()
    state.generator_optimizer.step()
    state.discriminator.requires_grad_(True)
    if state.average is not None:
        update_average(state.average, state.generator, recipe.gan.ema)
    critic = torch.zeros(2, device=device)
    if recipe.distill.train_discriminator:
        critic = discriminator_step(
            state.generator,
            state.discriminator,
            state.discriminator_optimizer,
            to_tanh(pixels),
            labels,
            recipe.gan,
            compute,
            stream(device, seed, "distill", "discriminator", step),
        )
    state.step += 1
    return torch.cat([named_losses(total, terms, recipe.weights), critic]), ratios


def named_losses(total: Tensor, terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """The first six of `TERMS`, detached; 0 for a term that is switched off."""
    zero = torch.zeros_like(total)
    parts = [total, terms["gan"]]
    for name in MATCHED:
        value = terms.get(name, zero)
        parts += [value, weights[name] * value]
    return torch.stack([part.detach().float() for part in parts])


def gradient_ratios(generator: Generator, terms: dict[str, Tensor], weights: dict[str, float]) -> dict[str, float]:
    """``||grad_G omega L|| / ||grad_G L_CGAN||`` of every matching term; 0 for one that is switched off."""
    weights_of_g = list(generator.parameters())
    norms = {}
    for name, term in terms.items():
        slopes = torch.autograd.grad(weights[name] * term, weights_of_g, retain_graph=True, allow_unused=True)
        norms[name] = torch.stack([slope.float().norm() for slope in slopes if slope is not None]).norm().item()
    base = max(norms["gan"], 1e-12)
    return {f"{name}_gradient_ratio": norms.get(name, 0.0) / base for name in MATCHED}


def distill(
    state: GanState,
    data: ImageSet,
    recipe: Recipe,
    *,
    title: str,
    seed: int,
    num_classes: int,
    compute: Compute,
    session: Session,
    balanced: bool = False,
) -> tuple[dict[int, dict[str, Tensor]], list[dict[str, float]]]:
    """Distil into the generator for ``distill.steps`` steps, continuing from a checkpoint where there is one.

    Args:
        state: the trained GAN with its optimisers (`prepare_state`), at step 0; changed in place.
        data: real training images.
        recipe: parameters.
        title: what the progress says.
        seed: root seed.
        num_classes: K.
        compute: device and precision.
        session: checkpoints and stop requests.
        balanced: draw the classes of an uneven set alike (`training_order`).

    Returns:
        The weights of the deployed generator at ``distill.snapshots`` evenly spaced steps, the last included, by step,
        on the CPU; and the loss curve, one row per tick, with the gradient ratios of the tick's last step.
    """
    params = recipe.distill
    compute.compiled(state.generator)
    drawn = training_order(data.labels, num_classes, params.batch_size, seed, "distill", balanced=balanced)
    pool = Pool(params, data, num_classes=num_classes, seed=seed, compute=compute, balanced=balanced)
    due = {params.steps * (i + 1) // params.snapshots for i in range(params.snapshots)}
    snapshots: dict[int, dict[str, Tensor]] = {}
    with Loop(title, params.steps, TERMS, session) as loop, data.follow(drawn) as order, pool.order:
        if (saved := loop.resume()) is not None:
            state.load(saved["gan"])
            pool.load(saved["pool"])
            snapshots = saved["snapshots"]
        while state.step < params.steps:
            measure = loop.is_tick(state.step + 1)
            losses, ratios = train_step(state, pool, data, order, recipe, seed, compute, measure=measure)
            if state.step in due:
                snapshots[state.step] = cpu_copy(state.deployed(seed, compute))
            loop.advance(
                state.step,
                losses,
                lambda: {"gan": state.dump(), "pool": pool.dump(), "snapshots": snapshots},
                ratios,
            )
    return snapshots, loop.rows


def cpu_copy(network: Generator) -> dict[str, Tensor]:
    """A network's weights and buffers, copied to the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


def prepare_state(state: GanState, lr: float) -> GanState:
    """Set a trained GAN up for distillation, in place.

    What is distilled is the generator that training handed on: where a moving average was kept, G starts from it, not
    from the last step. The optimisers go on with a new learning rate, steps count from 0.
    """
    if state.average is not None:
        state.generator.load_state_dict(state.average.state_dict())
    for optimizer in (state.generator_optimizer, state.discriminator_optimizer):
        for group in optimizer.param_groups:
            group["lr"] = lr
    state.step = 0
    return state
