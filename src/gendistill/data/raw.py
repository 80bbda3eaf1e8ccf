"""A data set as read from its files, before it is split and fitted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
Histogram = NDArray[np.int64]
Block = tuple[Pixels, Histogram]


@dataclass(frozen=True)
class Fit:
    """What every image of a data set is brought to.

    Attributes:
        mode: a name in `catalogue.images.FITS`.
        size: pixels a side.
        channels: 1 or 3.
    """

    mode: str
    size: int
    channels: int


class ImageFiles(Protocol):
    """Images that are decoded when they are asked for, a block at a time, so that memory stays bounded."""

    @property
    def channels(self) -> int:
        """1 if all images are grey, else 3."""

    def blocks(self, positions: NDArray[np.int64], fit: Fit) -> Iterator[Block]:
        """The fitted images (k, c, s, s) at `positions`, in their order, some at a time.

        Each block comes with the counts (c, 256) of its pixel values, taken before padding.
        """


@dataclass(frozen=True)
class RawSplit:
    """Images and labels (n,) int64, pairs by position; images are an array (n, h, w, c) uint8 or files."""

    images: Pixels | ImageFiles
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def channels(self) -> int:
        """Colour channels as stored."""
        return self.images.shape[3] if isinstance(self.images, np.ndarray) else self.images.channels


@dataclass(frozen=True)
class RawData:
    """The parts of a data set in their published order.

    Attributes:
        train: the training part.
        test: the test part.
        classes: class names; the label is the position.
        source: MD5 of every file read, by file name; of a folder one of all its files.
        notes: what a reader of results should know about this copy.
        validation: the validation part of sets that have one.
    """

    train: RawSplit
    test: RawSplit
    classes: tuple[str, ...]
    source: dict[str, str]
    notes: tuple[str, ...] = field(default=())
    validation: RawSplit | None = None

    def finished(self) -> Self:
        """The same once all images were asked for: complete with what only reading them could tell.

        Raises:
            UserError: images could not be read.
        """
        return self
