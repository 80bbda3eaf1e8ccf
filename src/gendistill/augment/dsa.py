"""Differentiable Siamese augmentation (Zhao and Bilen, ICML 2021): one of the named groups per call."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gendistill.augment.groups import GROUPS, Draws, draws, parse_strategy
from gendistill.config.catalogue.augmentations import DSA_GROUPS
from gendistill.runtime.streams import derive_seed


def augment(images: Tensor, strategy: str, generator: torch.Generator, shared: bool) -> Tensor:
    """Images after one of the strategy's groups, drawn uniformly per call for the whole batch.

    Siamese use is `augment_sets`; training uses ``shared=False``, independent parameters per image.

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


def augment_sets(images: Tensor, strategy: str, generators: Sequence[torch.Generator]) -> Tensor:
    """Sets of images, each after a group and with parameters of its own, drawn once for the set.

    The numbers are those of `augment` with ``shared=True``, set after set; sets of one group go through it together.
    Siamese use: real and synthetic sets augmented with equally seeded generators get the same group and parameters,
    whatever their sizes.

    Args:
        images: (k, n, c, h, w), standardised; gradients flow.
        strategy: ``none``, or names of `DSA_GROUPS` joined by underscores.
        generators: random streams of the k sets, on the images' device.

    Returns:
        (k, n, c, h, w); the input itself for ``none``.

    Raises:
        UserError: if the strategy names an unknown group.
    """
    named = parse_strategy(strategy, DSA_GROUPS)
    if not named:
        return images
    drawn = [named[_choice(len(named), draw)] for draw in generators]
    done: dict[int, Tensor] = {}
    for name in dict.fromkeys(drawn):
        places = [place for place, group in enumerate(drawn) if group == name]
        source = Draws(generators=tuple(generators[place] for place in places), count=1, images=images.shape[1])
        # joined and taken apart by views: indexing by a list would wait for the device
        together = GROUPS[name](torch.cat([images[place] for place in places]), source)
        done |= zip(places, together.unflatten(0, (len(places), -1)), strict=True)
    return torch.stack([done[place] for place in range(len(drawn))])


def _choice(n: int, generator: torch.Generator) -> int:
    """An integer in [0, n) on the host that changes from call to call."""
    if generator.device.type == "cuda":
        # Reading a drawn number would wait for the device. The seed and the count of numbers drawn so
        # far are known on the host, and every group draws, so that the count moves on between calls.
        return derive_seed(generator.initial_seed(), "dsa group", generator.get_offset()) % n
    return int(torch.randint(n, (), generator=generator, device=generator.device))
