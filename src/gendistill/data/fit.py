"""Images of any size as squares of the size the networks take."""

import numpy as np
from PIL import Image

from gendistill.data.raw import Pixels
from gendistill.runtime.errors import UserError


def pad(images: Pixels, size: int) -> Pixels:
    """Images (n, h, w, c) centred on black squares (n, size, size, c); every pixel keeps its value.

    An odd difference puts the extra row below and the extra column to the right.

    Raises:
        UserError: the images are larger than `size`.
    """
    height, width = images.shape[1:3]
    if max(height, width) > size:
        raise UserError(
            f"data.image_size is {size}, but the images are {height} x {width}, and data.fit: pad cannot "
            "shrink: choose data.fit: resize or a larger data.image_size"
        )
    top, left = (size - height) // 2, (size - width) // 2
    out = np.zeros((len(images), size, size, images.shape[3]), dtype=np.uint8)
    out[:, top : top + height, left : left + width] = images
    return out


def resize(images: Pixels, size: int) -> Pixels:
    """Images (n, h, h, c) resampled to (n, size, size, c), bicubic, antialiased when they shrink.

    Images of that size already are returned as they are.

    Raises:
        UserError: the images are not square; resampling would distort them.
    """
    height, width, channels = images.shape[1:]
    if height != width:
        raise UserError(
            f"the images are {height} x {width}, and data.fit: resize would distort them: "
            "choose data.fit: pad, or crop the images to squares"
        )
    if height == size:
        return images
    out = np.empty((len(images), size, size, channels), dtype=np.uint8)
    for source, target in zip(images, out, strict=True):
        picture = Image.fromarray(source[..., 0] if channels == 1 else np.ascontiguousarray(source))
        resampled = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))
        target[...] = resampled.reshape(size, size, channels)
    return out
