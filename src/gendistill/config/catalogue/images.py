"""Sizes and channels that images may have, and how they are brought to them."""

from typing import Final

IMAGE_SIZES: Final = (16, 32, 64, 128)  # pixels a side

CHANNELS: Final = ("auto", 1, 3)

FITS: Final = {
    "pad": "zeros around the image, exact pixels",
    "resize": "antialiased interpolation",
    "crop": "the same to the shorter side, then the middle square",
}
