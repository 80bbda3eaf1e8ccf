"""The parts of a data set: training, held-out and test images, and what may be said of them before any is read."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gendistill.config.catalogue.datasets import DATASETS, DatasetInfo
from gendistill.data.raw import ImageFiles, Labels, Pixels, RawData, RawSplit
from gendistill.data.split import stratified_split
from gendistill.runtime.errors import UserError

SHOWN = 10  # classes named in a message


@dataclass(frozen=True)
class Part:
    """Images of a split: `positions` (n,) int64 in what was read, and their labels (n,) int64."""

    images: Pixels | ImageFiles
    positions: NDArray[np.int64]
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


def known_of(name: str, data: RawData) -> DatasetInfo:
    """The entry of a data set with what its files hold, where the catalogue leaves that open."""
    entry = DATASETS[name]
    if entry.num_classes is not None:
        return entry
    return replace(
        entry,
        channels=data.train.channels,
        num_classes=len(data.classes),
        train_count=len(data.train),
        test_count=len(data.test),
        classes=data.classes,
        validation=data.validation is not None,
    )


def _counts(labels: Labels, data: RawData) -> NDArray[np.int64]:
    return np.bincount(labels, minlength=len(data.classes))


def _named(data: RawData, absent: NDArray[np.bool_]) -> str:
    """The classes marked in `absent`, by number and name, not more than `SHOWN`."""
    labels = np.flatnonzero(absent)
    listed = ", ".join(f"{label} ({data.classes[label]})" for label in labels[:SHOWN])
    return listed + (f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else "")


def check_classes(data: RawData) -> None:
    """Every class must have a training image, or its number could never be learned."""
    absent = _counts(data.train.labels, data) == 0
    if absent.any():
        raise UserError(
            f"no training image has the label {_named(data, absent)}, but the data set has "
            f"{len(data.classes)} classes: labels must count from 0 without gaps, and every class of the "
            "test part must be in the training part"
        )


def remarks(data: RawData, held_out: int) -> tuple[str, ...]:
    """Notes on classes without a test image, and on a validation part that is not used."""
    notes: tuple[str, ...] = ()
    if data.validation is not None and held_out:
        notes = (
            f"the {len(data.validation):,} images of the validation part are not used; data.held_out: {held_out} "
            "takes held-out images from the training part",
        )
    absent = _counts(data.test.labels, data) == 0
    return (*notes, f"no test image has the label {_named(data, absent)}") if absent.any() else notes


def hold_out(data: RawData, held_out: int, split_seed: int) -> dict[str, Part]:
    """The three parts: `held_out` training images set aside, or with 0 the validation part, if there is one.

    Raises:
        UserError: a class would have no image left to train on.
    """
    labels = data.train.labels
    if held_out >= len(labels):
        raise UserError(
            f"data.held_out is {held_out}, but there are {len(labels)} training images: choose a smaller number"
        )
    stay, aside = stratified_split(labels, held_out, split_seed, "held_out")
    absent = _counts(labels[stay], data) == 0
    if absent.any():
        raise UserError(
            f"data.held_out: {held_out} of {len(labels)} leaves no training image with the label "
            f"{_named(data, absent)}: choose a smaller number"
        )
    images = data.train.images
    kept = Part(images, aside, labels[aside])
    if data.validation is not None and held_out == 0:
        kept = _whole(data.validation)
    return {"train": Part(images, stay, labels[stay]), "held_out": kept, "test": _whole(data.test)}


def _whole(part: RawSplit) -> Part:
    return Part(part.images, np.arange(len(part)), part.labels)
