"""One step of the generator and one of the discriminator, shared by GAN training and distillation.

Images are in [-1, 1], the generator's range. Differs from the paper: Eq. 2 and 4 are the minimax form; the
default objective is WGAN-GP with an auxiliary classifier, as in DiM's code (docs/decisions.md).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gendistill.augment.diffaug import augment
from gendistill.config.schema import GanParams
from gendistill.gan.objectives import OBJECTIVES, gradient_penalty
from gendistill.networks.discriminator import Discriminator
from gendistill.networks.generator import Generator
from gendistill.networks.latent import sample_latent
from gendistill.runtime.device import Compute


def augmented(images: Tensor, groups: str, draw: torch.Generator) -> Tensor:
    """What the discriminator sees of images in [-1, 1], augmented per image; differentiable.

    Augmentation works on [0, 1], so that the frame a shift uncovers is black, as it is in the data.
    """
    if groups == "none":
        return images
    return augment((images + 1) / 2, groups, draw, shared=False) * 2 - 1


@dataclass(frozen=True)
class AdversarialTerms:
    """The generator's side of the GAN loss, ``L_CGAN`` of Eq. 8.

    Attributes:
        critic: what the discriminator says of the images, as a loss.
        classes: cross-entropy of the auxiliary classifier on the intended labels.
        total: their weighted sum.
    """

    critic: Tensor
    classes: Tensor
    total: Tensor


def generator_terms(
    discriminator: Discriminator, images: Tensor, labels: Tensor, params: GanParams, draw: torch.Generator
) -> AdversarialTerms:
    """L_CGAN of generated `images` (n, c, h, w) in [-1, 1] meant to show `labels` (n,); gradients reach the images."""
    values, logits = discriminator(augmented(images, params.augment, draw))
    critic = OBJECTIVES[params.objective].generator(values.float())
    classes = F.cross_entropy(logits.float(), labels)
    return AdversarialTerms(critic, classes, critic + params.class_weight * classes)


def discriminator_step(
    generator: Generator,
    discriminator: Discriminator,
    optimizer: torch.optim.Optimizer,
    real: Tensor,
    labels: Tensor,
    params: GanParams,
    compute: Compute,
    draw: torch.Generator,
) -> Tensor:
    """Update the discriminator once.

    The generator makes images of uniformly random labels; it stays in train mode, so its BatchNorm statistics
    see them too (DiM's code).

    Args:
        generator: G; no gradient reaches it.
        discriminator: D; updated.
        optimizer: of D.
        real: (n, c, h, w) in [-1, 1].
        labels: (n,) of the real images.
        params: objective, weights and augmentation.
        compute: device and precision.
        draw: stream for latents, labels, augmentation and interpolation.

    Returns:
        (2,) detached: the discriminator's loss and its gradient penalty (0 for objectives without one).
    """
    objective = OBJECTIVES[params.objective]
    n, device = len(real), real.device
    with torch.no_grad(), compute.autocast():
        wanted = torch.randint(generator.num_classes, (n,), device=device, generator=draw)
        latent = sample_latent(n, generator.latent, device, draw)
        fake = generator(latent, wanted).float()
    real, fake = augmented(real, params.augment, draw), augmented(fake, params.augment, draw)
    with compute.autocast():
        # one pass over both halves: no layer of the discriminator couples samples
        values, logits = discriminator(torch.cat([real, fake]))
    real_values, fake_values = values.float().chunk(2)
    loss = objective.discriminator(real_values, fake_values)
    if params.class_weight > 0:
        real_logits, fake_logits = logits.float().chunk(2)
        loss = loss + params.class_weight * (
            F.cross_entropy(real_logits, labels) + F.cross_entropy(fake_logits, wanted)
        )
    penalty = torch.zeros((), device=device)
    if objective.penalised and params.gradient_penalty > 0:
        mix = torch.rand(n, device=device, generator=draw)
        with compute.autocast():
            penalty = gradient_penalty(lambda x: discriminator(x)[0], real, fake, mix)
        loss = loss + params.gradient_penalty * penalty
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return torch.stack([loss.detach(), penalty.detach()])
