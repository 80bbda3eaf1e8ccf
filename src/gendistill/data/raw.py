"""A data set as read from its files, before it is split and fitted."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class RawSplit:
    """Images (n, h, w, c) uint8 and labels (n,) int64, pairs by position."""

    images: Pixels
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class RawData:
    """The two parts of a data set in their published order.

    Attributes:
        train: the training part.
        test: the test part.
        classes: class names; the label is the position.
        source: MD5 of every file read, by file name.
        notes: what a reader of results should know about this copy.
    """

    train: RawSplit
    test: RawSplit
    classes: tuple[str, ...]
    source: dict[str, str]
    notes: tuple[str, ...] = field(default=())
