"""Differentiable Siamese augmentation (Zhao and Bilen, ICML 2021): one of the named groups per call."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gendistill.augment.groups import GROUPS, draws, parse_strategy
from gendistill.config.catalogue.augmentations import DSA_GROUPS
from gendistill.runtime.streams import derive_seed


def augment(images: Tensor, strategy: str, generator: torch.Generator, shared: bool) -> Tensor:
    """Images after one of the strategy's groups, drawn uniformly per call for the whole batch.

    Siamese use is `siamese`; training uses ``shared=False``, independent parameters per image.

    Args:
        images: (n, c, h, w), standardised; gradients flow.
        strategy: ``none``, or names of `DSA_GROUPS` joined by underscores.
        generator: random stream, on the images' device; the only source of randomness.
        shared: one draw of the parameters for all images.

    Returns:
        (n, c, h, w); the input itself for ``none``. Pixels from outside the image are 0, the mean pixel.

    Raises:
        UserError: if the strategy names an unknown group.
    """
    named = parse_strategy(strategy, DSA_GROUPS)
    if not named:
        return images
    name = named[_choice(len(named), generator)]
    return GROUPS[name](images, draws(images, generator, shared))


def siamese(batches: Sequence[Tensor], strategy: str, generator: torch.Generator) -> list[Tensor]:
    """Several batches after one group, drawn uniformly, with one draw of its parameters for all of their images.

    Args:
        batches: each (n_i, c, h, w), standardised, of one device; gradients flow.
        strategy: ``none``, or names of `DSA_GROUPS` joined by underscores.
        generator: random stream, on the images' device; the only source of randomness.

    Returns:
        The batches, each in its shape.

    Raises:
        UserError: if the strategy names an unknown group.
    """
    together = augment(torch.cat(list(batches)), strategy, generator, shared=True)
    return list(together.split([len(batch) for batch in batches]))


def _choice(n: int, generator: torch.Generator) -> int:
    """An integer in [0, n) on the host that changes from call to call."""
    if generator.device.type == "cuda":
        # Reading a drawn number would wait for the device. The seed and the count of numbers drawn so
        # far are known on the host, and every group draws, so that the count moves on between calls.
        return derive_seed(generator.initial_seed(), "dsa group", generator.get_offset()) % n
    return int(torch.randint(n, (), generator=generator, device=generator.device))
