"""DiffAug as DiM uses it: every named group is applied, in a fixed order."""

import torch
from torch import Tensor

from gendistill.augment.groups import GROUPS, draws, parse_strategy
from gendistill.config.catalogue.augmentations import DIFF_AUGMENT_GROUPS

ORDER = ("flip", "color", "crop", "cutout")
"""Order of application, that of DiM's code, whatever the order of the names in the strategy."""


def augment(images: Tensor, strategy: str, generator: torch.Generator, shared: bool) -> Tensor:
    """Images after every group that the strategy names.

    Parameters are drawn per image, or once for the batch: when real and generated images are matched
    they are concatenated and augmented with ``shared=True``.

    Args:
        images: (n, c, h, w), standardised; gradients flow.
        strategy: ``none``, or names of `DIFF_AUGMENT_GROUPS` joined by underscores.
        generator: random stream, on the images' device; the only source of randomness.
        shared: one draw of the parameters for all images.

    Returns:
        (n, c, h, w); the input itself for ``none``. Pixels from outside the image are 0, the mean pixel.

    Raises:
        UserError: if the strategy names an unknown group.
    """
    named = parse_strategy(strategy, DIFF_AUGMENT_GROUPS)
    source = draws(images, generator, shared)
    for name in ORDER:
        if name in named:
            images = GROUPS[name](images, source)
    return images
