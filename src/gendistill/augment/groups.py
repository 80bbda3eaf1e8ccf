"""Named groups of random operations, shared by the two ways of combining them (`dsa`, `diffaug`).

A strategy is ``none`` or names of groups joined by underscores, such as ``color_crop_cutout``. The
ranges are those of the DSA code: brightness U(-0.5, 0.5), saturation U(0, 2), contrast U(0.5, 1.5);
crop by up to 1/8 of the side in each direction; cutout of half the side about a uniform centre; flip
with probability 1/2; scale U(1/1.2, 1.2) per axis; rotation U(-15, 15) degrees.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gendistill.augment import operations
from gendistill.config.catalogue.augmentations import NO_AUGMENT, augment_groups
from gendistill.runtime.errors import UserError

CROP_RATIO = 0.125
SCALE_RATIO = 1.2
ROTATION = math.radians(15)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draws:
    """Where the parameters of one operation come from.

    Attributes:
        generators: random streams, on the device of the images, one after another.
        count: parameters that each gives at a time: one per image, or 1 to share it.
        images: images in a row that share a parameter; 1 also where one parameter serves all of them.
    """

    generators: tuple[torch.Generator, ...]
    count: int
    images: int = 1

    def uniform(self, low: float, high: float) -> Tensor:
        """Numbers from U(low, high), float32 (one per parameter and image that shares it,)."""
        unit = [torch.rand(self.count, generator=draw, device=draw.device) for draw in self.generators]
        return low + (high - low) * self._spread(unit)

    def integers(self, low: int, high: int) -> Tensor:
        """Integers drawn uniformly from low to high, both included, int64, as many."""
        return self._spread(
            [
                torch.randint(low, high + 1, (self.count,), generator=draw, device=draw.device)
                for draw in self.generators
            ]
        )

    def _spread(self, parts: list[Tensor]) -> Tensor:
        values = parts[0] if len(parts) == 1 else torch.cat(parts)
        return values if self.images == 1 else values.repeat_interleave(self.images)


def draws(images: Tensor, generator: torch.Generator, shared: bool) -> Draws:
    """The source of parameters for a batch.

    Args:
        images: (n, c, h, w).
        generator: random stream, on the images' device.
        shared: one parameter for all images instead of one for each. Two batches augmented with equally
            seeded generators then get the same parameters, whatever their sizes.

    Returns:
        The source.
    """
    return Draws(generators=(generator,), count=1 if shared else images.shape[0])


def parse_strategy(strategy: str, known: Sequence[str]) -> tuple[str, ...]:
    """The groups that a strategy names, in its order.

    Args:
        strategy: ``none``, or names of groups joined by underscores.
        known: names of the groups that are legal.

    Returns:
        Group names; empty for ``none``.

    Raises:
        UserError: if a name is unknown.
    """
    names = augment_groups(strategy)
    for name in names:
        if name not in known:
            raise UserError(
                f"augmentation {strategy!r}: {name!r} is not a group; use {NO_AUGMENT}, or groups from "
                f"{', '.join(known)} joined by underscores"
            )
    return names


def _color(images: Tensor, source: Draws) -> Tensor:
    images = operations.brightness(images, source.uniform(-0.5, 0.5))
    images = operations.saturation(images, source.uniform(0.0, 2.0))
    return operations.contrast(images, source.uniform(0.5, 1.5))


def _crop(images: Tensor, source: Draws) -> Tensor:
    # Half up, as the DSA code rounds: 4 pixels for 32 and for 28.
    reach = int(images.shape[2] * CROP_RATIO + 0.5)
    return operations.shift(images, source.integers(-reach, reach), source.integers(-reach, reach), reach)


def _cutout(images: Tensor, source: Draws) -> Tensor:
    h, w = images.shape[2:]
    # An even square has no middle pixel: its centre is one of the h + 1 lines between pixels.
    row = source.integers(0, h - operations.cutout_side(h) % 2)
    column = source.integers(0, w - operations.cutout_side(w) % 2)
    return operations.cutout(images, row, column)


def _flip(images: Tensor, source: Draws) -> Tensor:
    return operations.flip(images, source.uniform(0.0, 1.0) < 0.5)


def _scale(images: Tensor, source: Draws) -> Tensor:
    x, y = source.uniform(1 / SCALE_RATIO, SCALE_RATIO), source.uniform(1 / SCALE_RATIO, SCALE_RATIO)
    return operations.scale(images, x, y)


def _rotate(images: Tensor, source: Draws) -> Tensor:
    return operations.rotate(images, source.uniform(-ROTATION, ROTATION))


GROUPS: dict[str, Callable[[Tensor, Draws], Tensor]] = {
    "color": _color,
    "crop": _crop,
    "cutout": _cutout,
    "flip": _flip,
    "scale": _scale,
    "rotate": _rotate,
}
"""Group name -> function(images, source of parameters) -> images."""
