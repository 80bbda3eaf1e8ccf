"""Synthetic images under optimisation: the state that every method of the kind shares."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gendistill.augment import dsa
from gendistill.networks.base import Network
from gendistill.runtime.streams import generator as stream


@dataclass
class ImageState:
    """Images and their optimiser.

    Attributes:
        images: (K ipc, c, h, w) standardised, class after class; a leaf that gradients flow to.
        optimizer: updates them.
        step: updates done.
    """

    images: Tensor
    optimizer: torch.optim.Optimizer
    step: int = 0

    def dump(self) -> dict[str, Any]:
        """The state as nested dicts of tensors and numbers."""
        return {"images": self.images.detach(), "optimizer": self.optimizer.state_dict(), "step": self.step}

    @torch.no_grad()
    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        self.images.copy_(saved["images"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step = saved["step"]

    def update(self, loss: Tensor) -> None:
        """One optimiser step on a loss; gradients go to what is optimised and to no network."""
        learned = [value for group in self.optimizer.param_groups for value in group["params"]]
        for value, slope in zip(learned, torch.autograd.grad(loss, learned), strict=True):
            # a fused optimiser reads a gradient as it lies in memory, and that of a linear solve lies transposed
            value.grad = torch.empty_like(value).copy_(slope)
        self.optimizer.step()
        self.step += 1


def sgd_images(images: Tensor, lr: float, momentum: float) -> ImageState:
    """Images with plain SGD, as DM, DC, DSA and EGM optimise them; a copy is made."""
    images = images.clone().requires_grad_(True)
    return ImageState(images, torch.optim.SGD([images], lr=lr, momentum=momentum, fused=True))


@torch.no_grad()
def redraw(network: Network, draw: torch.Generator) -> None:
    """Give a network new random weights in place, drawn on its device from PyTorch's default distributions.

    Convolutions and linear layers: weights and biases from U(-1/sqrt(fan in), 1/sqrt(fan in)); normalisations: scale 1,
    shift 0. Building a network on the CPU and moving it would wait for the device at every step of DM.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(module.weight[0].numel())
            module.weight.uniform_(-bound, bound, generator=draw)
            if module.bias is not None:
                module.bias.uniform_(-bound, bound, generator=draw)
        elif isinstance(module, nn.GroupNorm):
            module.weight.fill_(1.0)
            module.bias.zero_()


def augment_classes(
    real: Tensor, synthetic: Tensor, strategy: str, seed: int, purpose: str, step: int
) -> tuple[Tensor, Tensor]:
    """Siamese augmentation: real and synthetic images of a class share one group and one draw of its parameters.

    Args:
        real: (K, B, c, h, w) standardised; constants.
        synthetic: (K, ipc, c, h, w) standardised; gradients flow.
        strategy: DSA strategy, or ``none``.
        seed: root seed.
        purpose: name of the random stream.
        step: every class of every step has a draw of its own.

    Returns:
        Both, augmented, in the same shapes; gradients flow to `synthetic` only.
    """
    if strategy == "none":
        return real, synthetic

    def draws() -> list[torch.Generator]:
        return [stream(real.device, seed, purpose, "augment", step, label) for label in range(len(real))]

    with torch.no_grad():
        real = dsa.augment_sets(real, strategy, draws())
    return real, dsa.augment_sets(synthetic, strategy, draws())
