"""Objectives of the conditional GAN, one pure function per formula.

| formula | function | symbols |
| --- | --- | --- |
| Eq. 2, discriminator's side | `minimax_discriminator` | D(x) = sigmoid(`real`), D(G(z)) = sigmoid(`fake`) |
| Eq. 4, generator's side | `minimax_generator` | |
| WGAN-GP (DiM's code) | `wasserstein_discriminator`, `wasserstein_generator`, `gradient_penalty` | critic values |
| hinge | `hinge_discriminator`, `wasserstein_generator` | critic values |

All critic values have shape (n,) and are unbounded; every function gives a scalar to be minimised.
The auxiliary classifier's cross-entropy is added by the training step, with a weight of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Critic's loss, ``mean(fake) - mean(real)``; gradients flow into both."""
    return fake.mean() - real.mean()


def wasserstein_generator(fake: Tensor) -> Tensor:
    """Generator's loss, ``-mean(fake)``; also that of the hinge objective."""
    return -fake.mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Critic's hinge loss, ``mean(max(0, 1 - real)) + mean(max(0, 1 + fake))``; >= 0."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def minimax_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Discriminator's loss of Eq. 2, ``-mean(log D(real)) - mean(log(1 - D(fake)))``; >= 0."""
    # softplus(-x) = -log sigmoid(x), softplus(x) = -log(1 - sigmoid(x)), without overflow
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def minimax_generator(fake: Tensor) -> Tensor:
    """Generator's loss of Eq. 4, ``mean(log(1 - D(fake)))``, to the letter (the saturating form); <= 0."""
    return -F.softplus(fake).mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Mean of ``(||d critic / dx|| - 1)^2`` at points between real and generated images.

    Args:
        critic: maps images (n, c, h, w) to values (n,).
        real: images; treated as constants.
        fake: images of the same shape; treated as constants.
        mix: (n,) in [0, 1], the share of the real image at each point.

    Returns:
        Scalar >= 0, differentiable with respect to the critic's weights.
    """
    share = mix.view(-1, 1, 1, 1)
    points = (share * real.detach() + (1 - share) * fake.detach()).requires_grad_()
    (slope,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    norm: Tensor = slope.flatten(1).float().norm(dim=1)
    return (norm - 1).square().mean()


@dataclass(frozen=True)
class Objective:
    """A pair of losses.

    Attributes:
        discriminator: (real, fake critic values) -> scalar.
        generator: (fake critic values) -> scalar.
        penalised: whether the gradient penalty belongs to it.
        spectral_norm: whether the discriminator's weights are spectrally normalised.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    penalised: bool = False
    spectral_norm: bool = False


OBJECTIVES = {
    "wgan_gp": Objective(wasserstein_discriminator, wasserstein_generator, penalised=True),
    "hinge": Objective(hinge_discriminator, wasserstein_generator, spectral_norm=True),
    "minimax": Objective(minimax_discriminator, minimax_generator),
}
