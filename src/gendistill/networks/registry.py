"""Every classifier by name, and how one is built from a seed.

To add an architecture: write its builder, enter it in `BUILDERS`, and describe it in
`gendistill.config.catalogue.networks`, which the tests hold against the networks built here.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from torch import nn

from gendistill.networks.base import Network
from gendistill.networks.convnet import alexnet, convnet3, vgg11
from gendistill.networks.pooling import check_image_size
from gendistill.networks.resnet import resnet
from gendistill.runtime.errors import UserError

M = TypeVar("M", bound=nn.Module)

BUILDERS: dict[str, Callable[[int, int, int, float], Network]] = {
    "convnet3": convnet3,
    "alexnet": alexnet,
    "vgg11": vgg11,
    "resnet10": partial(resnet, blocks=1, half=False),
    "resnet18": partial(resnet, blocks=2, half=False),
    "resnet10_half": partial(resnet, blocks=1, half=True),
    "resnet18_half": partial(resnet, blocks=2, half=True),
}
"""Name -> builder(channels, image_size, num_classes, width)."""


def build_network(name: str, *, channels: int, image_size: int, num_classes: int, width: float = 1.0) -> Network:
    """A freshly initialised classifier on the CPU, drawn from the global generator.

    Args:
        name: a key of `BUILDERS`.
        channels: image channels.
        image_size: pixels a side, one of 16, 32, 64, 128.
        num_classes: number of logits.
        width: fraction of the standard channels, > 0; counts are rounded to multiples of 4.

    Returns:
        The network in training mode.

    Raises:
        UserError: if no architecture has this name.
        ValueError: if `image_size` is not one of these, or `width` is not positive.
    """
    if name not in BUILDERS:
        raise UserError(f"network {name!r} is unknown; choose one of {', '.join(BUILDERS)}")
    check_image_size(image_size)
    return BUILDERS[name](channels, image_size, num_classes, width)


def initialised(build: Callable[[], M], seed: int) -> M:
    """What `build` returns when the global CPU generator starts at `seed`, which is then put back.

    Parameters become a function of the seed alone, the same for every device the module is moved to.

    Args:
        build: makes a module on the CPU, drawing its parameters from the global generator.
        seed: seed of the draw.

    Returns:
        The module.
    """
    # torch.manual_seed would also reseed the accelerators, whose state is not saved here.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build()


def fresh_network(
    name: str,
    *,
    channels: int,
    image_size: int,
    num_classes: int,
    width: float,
    device: torch.device | str,
    seed: int,
) -> Network:
    """A classifier whose parameters are a function of its description and `seed` alone.

    Args:
        name: a key of `BUILDERS`.
        channels: image channels.
        image_size: pixels a side, one of 16, 32, 64, 128.
        num_classes: number of logits.
        width: fraction of the standard channels, > 0.
        device: where the network is put after it has been drawn on the CPU.
        seed: seed of the initialisation; the global generators are left as they were.

    Returns:
        The network in training mode.

    Raises:
        UserError: if no architecture has this name.
        ValueError: if `image_size` is not one of these, or `width` is not positive.
    """
    build = partial(
        build_network,
        name,
        channels=channels,
        image_size=image_size,
        num_classes=num_classes,
        width=width,
    )
    return initialised(build, seed).to(device)
