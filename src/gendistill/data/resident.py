"""Prepared images: uint8, standardised when used; the one home of value ranges.

A loop sees an `ImageSet` and does not know whether its images lie on the device (`OnDevice`) or on disk
(`streamed.StreamedImages`).

Three ranges occur. Stored images are uint8 in [0, 255]. Generators give tanh range [-1, 1]. Networks see
standardised pixels: (p - mean) / std with p in [0, 1] and the statistics of the training set.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from gendistill.data.order import Order
from gendistill.runtime.streams import generator


def standardise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """``(p - mean) / std`` per channel, with p the pixel in [0, 1].

    Args:
        images: (n, c, h, w); uint8 in [0, 255], which is divided by 255, or floating point in [0, 1].
        mean: (c,) floating point, of pixels in [0, 1].
        std: (c,) likewise, positive.

    Returns:
        (n, c, h, w) floating point, standardised. Gradients flow to floating-point images.
    """
    pixels = images.to(mean.dtype) / 255 if images.dtype == torch.uint8 else images
    return (pixels - mean[:, None, None]) / std[:, None, None]


def from_tanh(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Generated images (n, c, h, w) in [-1, 1], standardised as real images are.

    The generator ends in tanh, so p = (x + 1) / 2 is its pixel in [0, 1]. Gradients flow through.
    """
    return standardise((images + 1) / 2, mean, std)


def to_tanh(images: Tensor) -> Tensor:
    """Stored images (n, c, h, w) uint8 in [0, 255] as float32 in [-1, 1], the generator's range."""
    return images.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Generated images in [-1, 1] as uint8 in [0, 255], rounded to nearest and clamped; no gradients."""
    return ((images.detach().float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)


class Followed:
    """An order in which a loop asks for its batches; a context that lets go of what was read ahead for it."""

    def __init__(self, order: Order) -> None:
        self.order = order

    def index(self, step: int) -> Tensor:
        """The positions (b,) int64, on the device, of the images of a step."""
        return self.order.index(step)

    def close(self) -> None:
        """Let go of what was read ahead; `index` may be asked again, and begins anew."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ImageSet(ABC):
    """One split of a prepared data set, or a set drawn from a generator: labelled uint8 images.

    Labels and statistics lie on the device; where the images lie is the business of `gather`.

    Attributes:
        labels: (n,) int64.
        mean: (c,) float32, of the training pixels in [0, 1], whatever the split.
        std: (c,) float32, likewise.
    """

    labels: Tensor
    mean: Tensor
    std: Tensor

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int, int]:
        """(n, c, h, w) of all images."""

    @abstractmethod
    def gather(self, index: Tensor) -> Tensor:
        """The images (b, c, h, w) uint8 at `index` (b,), both on the device, in [0, 255]."""

    def follow(self, order: Order) -> Followed:
        """Announce that a loop is going to gather by the indices of `order`, one step after another.

        The indices, and so the numbers, are those of `order`; following changes when images are read, nothing else.
        """
        return Followed(order)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def channels(self) -> int:
        """Colour channels of an image."""
        return self.shape[1]

    @property
    def image_size(self) -> int:
        """Pixels a side."""
        return self.shape[2]

    @property
    def image_bytes(self) -> int:
        """Bytes of all images."""
        n, channels, height, width = self.shape
        return n * channels * height * width

    @property
    def device(self) -> torch.device:
        """Where `gather` puts images."""
        return self.labels.device

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised float32 images (b, c, h, w) and int64 labels (b,) at `index` (b,), on the device."""
        return standardise(self.gather(index), self.mean, self.std), self.labels[index]

    def random_batch(self, batch_size: int, seed: int, purpose: str, step: int) -> tuple[Tensor, Tensor]:
        """`batch` of images drawn uniformly with replacement; a pure function of its arguments."""
        stream = generator(self.device, seed, purpose, "batch", step)
        return self.batch(torch.randint(len(self), (batch_size,), generator=stream, device=self.device))


@dataclass(frozen=True)
class OnDevice(ImageSet):
    """A set whose images lie on the device, in the form that a subclass names; no gather waits for the device.

    Attributes:
        images: (n, c, h, w).
    """

    images: Tensor
    labels: Tensor
    mean: Tensor
    std: Tensor

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, c, h, w) of all images."""
        n, channels, height, width = self.images.shape
        return n, channels, height, width

    @property
    def image_bytes(self) -> int:
        """Bytes of all images."""
        return self.images.numel() * self.images.element_size()

    def gather(self, index: Tensor) -> Tensor:
        """The images (b, c, h, w) at `index` (b,), both on the device, as they are stored."""
        return self.images[index]


@dataclass(frozen=True)
class ResidentImages(OnDevice):
    """Prepared or generated images on the device: `images` is uint8 in [0, 255]."""
