"""Groups of the two augmentations; a strategy is group names joined by `_`, or `none`."""

from typing import Final

DIFF_AUGMENT_GROUPS: Final = ("color", "crop", "cutout", "flip")
DSA_GROUPS: Final = ("color", "crop", "cutout", "flip", "scale", "rotate")
NO_AUGMENT: Final = "none"


def augment_groups(strategy: str) -> tuple[str, ...]:
    """Group names of an augmentation strategy: ``color_crop`` -> ("color", "crop"), ``none`` -> ()."""
    return () if strategy == NO_AUGMENT else tuple(strategy.split("_"))
