"""Images of any size as squares of the size the networks take, in grey or in colour."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gendistill.data.raw import Block, Fit, Histogram, Pixels
from gendistill.runtime.errors import UserError

BLOCK = 1024  # images fitted at a time


def array_blocks(images: Pixels, positions: NDArray[np.int64], fit: Fit) -> Iterator[Block]:
    """The images (n, h, w, c) at `positions` fitted, in blocks as `raw.ImageFiles.blocks` gives them.

    Raises:
        UserError: the images cannot be brought to that size in that way.
    """
    for start in range(0, len(positions), BLOCK):
        block = with_channels(images[positions[start : start + BLOCK]], fit.channels)
        fitted = {"pad": pad, "resize": resize, "crop": crop}[fit.mode](block, fit.size)
        counted = block if fit.mode == "pad" else fitted
        yield np.ascontiguousarray(fitted.transpose(0, 3, 1, 2)), histogram(counted)


def histogram(images: Pixels) -> Histogram:
    """How often each of the values 0 … 255 occurs, per channel: (c, 256), of images (n, h, w, c)."""
    channels = images.shape[3]
    return np.stack([np.bincount(images[..., channel].reshape(-1), minlength=256) for channel in range(channels)])


def with_channels(images: Pixels, channels: int) -> Pixels:
    """Images (n, h, w, c) with `channels` channels: grey repeated, or colour as luma (ITU-R BT.601)."""
    if images.shape[3] == channels:
        return images
    if channels == 3:
        return images.repeat(3, axis=3)
    pictures = (Image.fromarray(np.ascontiguousarray(image)).convert("L") for image in images)
    return np.stack([np.asarray(picture) for picture in pictures])[..., None]


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
    height, width = images.shape[1:3]
    if height != width:
        raise UserError(
            f"the images are {height} x {width}, and data.fit: resize would distort them: make them square, or, where "
            "params.yaml is yours, choose data.fit: pad, or data.fit: crop, which keeps the middle square"
        )
    return crop(images, size)


def crop(images: Pixels, size: int) -> Pixels:
    """The middle squares of images (n, h, w, c), resampled to (n, size, size, c) as by `resize`."""
    height, width, channels = images.shape[1:]
    if height == width == size:
        return images
    out = np.empty((len(images), size, size, channels), dtype=np.uint8)
    for source, target in zip(images, out, strict=True):
        picture = Image.fromarray(source[..., 0] if channels == 1 else np.ascontiguousarray(source))
        target[...] = np.asarray(middle_square(picture, size)).reshape(size, size, channels)
    return out


def middle_square(picture: Image.Image, size: int) -> Image.Image:
    """The middle square of a picture at `size` pixels a side, bicubic, antialiased when it shrinks."""
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    if width == height == size:
        return picture
    square = picture.crop((left, top, left + side, top + side))
    return square.resize((size, size), Image.Resampling.BICUBIC)
