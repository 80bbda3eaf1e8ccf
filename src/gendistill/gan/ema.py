"""Exponential moving average of the generator's weights, and the BatchNorm statistics that belong to it."""

import copy
from typing import TypeVar

import torch
from torch import nn

from gendistill.networks.generator import Generator
from gendistill.networks.latent import sample_latent
from gendistill.runtime.device import Compute
from gendistill.runtime.streams import generator as stream

Module = TypeVar("Module", bound=nn.Module)

STATISTICS_BATCHES = 20
STATISTICS_BATCH = 100


def copy_of(network: Module) -> Module:
    """A frozen copy to average into."""
    return copy.deepcopy(network).requires_grad_(False)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move `average` towards `network`: ``average = decay * average + (1 - decay) * network``.

    Buffers (BatchNorm statistics) are copied: those of the live network, until `recalibrate`.
    """
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
    for mine, current in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(current)


@torch.no_grad()
def recalibrate(average: Generator, seed: int, compute: Compute) -> None:
    """Replace the BatchNorm statistics of an averaged generator by those of its own maps; leaves it in eval mode.

    The statistics copied along the way are those of the live generator, whose maps have other means and variances.
    Plain means over 20 batches of 100 latents with all classes in turn, a function of weights and seed.
    """
    norms = [module for module in average.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momentum = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    average.train()
    draw = stream(compute.device, seed, "average", "statistics")
    count = STATISTICS_BATCHES * STATISTICS_BATCH
    labels = torch.arange(count, device=compute.device) % average.num_classes
    latents = sample_latent(count, average.latent, compute.device, draw)
    with compute.autocast():
        for z, y in zip(latents.split(STATISTICS_BATCH), labels.split(STATISTICS_BATCH), strict=True):
            average(z, y)
    for norm, value in zip(norms, momentum, strict=True):
        norm.momentum = value
    average.eval()
