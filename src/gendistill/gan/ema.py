"""Exponential moving average of a network's weights."""

import copy
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def copy_of(network: Module) -> Module:
    """A frozen copy to average into."""
    return copy.deepcopy(network).requires_grad_(False)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move `average` towards `network`: ``average = decay * average + (1 - decay) * network``.

    Buffers (BatchNorm statistics) are averages already and are copied.
    """
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
    for mine, current in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(current)
