"""A data set as the tensor files that every later stage reads; imports no torch by itself."""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from gendistill.config.schema import DataParams
from gendistill.data.fit import pad, resize
from gendistill.data.info import INFO_FILE, SPLITS, DataInfo
from gendistill.data.raw import Labels, Pixels, RawData, RawSplit
from gendistill.data.sources import read_source
from gendistill.data.split import stratified_split
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_atomically, write_json

SHOWN = 10  # classes named in a message


def prepare(params: DataParams, root: Path, out: Path) -> DataInfo:
    """Read, split, fit and store a data set; the same input gives the same bytes.

    The held-out part is drawn from the training part, class-stratified, with `split_seed`. Mean and std
    are those of the images that stay for training. Under `fit: pad` they are taken before padding: the
    zeros around are no pixels of the data and would dilute both (MNIST keeps 0.1307 and 0.3081, and images
    enter the networks as in published work at 28 x 28). Under `fit: resize` they are taken of the resized
    images, since those are the only pixels there are.

    Args:
        params: the section `data`.
        root: the data root, see `data_root`.
        out: the folder to make; an existing one is replaced, at the end and as a whole.

    Returns:
        What `info.json` says.

    Raises:
        UserError: the data are missing, damaged or cannot be fitted or split as asked.
    """
    data = read_source(params.name, params.path, root, params.split_seed)
    _check_classes(data)
    parts = _hold_out(data, params.held_out, params.split_seed)
    fit = pad if params.fit == "pad" else resize
    fitted = {split: fit(part.images, params.image_size) for split, part in parts.items()}
    mean, std = channel_statistics(parts["train"].images if params.fit == "pad" else fitted["train"])
    tensors: dict[str, dict[str, NDArray[Any]]] = {
        split: {
            "images": np.ascontiguousarray(fitted[split].transpose(0, 3, 1, 2)),
            "labels": np.ascontiguousarray(parts[split].labels),
        }
        for split in SPLITS
    }
    info = DataInfo(
        name=params.name,
        classes=data.classes,
        channels=len(mean),
        image_size=params.image_size,
        counts={split: len(parts[split]) for split in SPLITS},
        mean=mean,
        std=std,
        source=data.source,
        checksum=checksum(tensors),
        notes=(*data.notes, *_untested(data)),
    )
    with write_atomically(out) as folder:
        folder.mkdir()
        for split in SPLITS:
            # Through bytes, so that a full disk is an OSError like everywhere else.
            (folder / f"{split}.safetensors").write_bytes(save(tensors[split]))
        write_json(folder / INFO_FILE, info.to_dict())
    return info


def channel_statistics(images: Pixels) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and population standard deviation per channel of pixels in [0, 1].

    The sums are taken in integers, from counts of the 256 values, so they are exact and equal everywhere.

    Args:
        images: (n, h, w, c) uint8, not empty.

    Returns:
        c means and c standard deviations.

    Raises:
        UserError: a channel has one value everywhere, so it cannot be standardised.
    """
    means, stds = [], []
    for channel in range(images.shape[3]):
        counts: list[int] = np.bincount(images[..., channel].reshape(-1), minlength=256).tolist()
        number = sum(counts)
        first = sum(count * value for value, count in enumerate(counts))
        second = sum(count * value**2 for value, count in enumerate(counts))
        spread = number * second - first**2
        if spread == 0:
            raise UserError(
                f"channel {channel} of the training images is {first // number} everywhere: "
                "such images hold nothing to learn; check the source files"
            )
        means.append(first / (255 * number))
        stds.append(math.sqrt(spread) / (255 * number))
    return tuple(means), tuple(stds)


def checksum(tensors: Mapping[str, Mapping[str, NDArray[Any]]]) -> str:
    """SHA-256 over the names, shapes and bytes of the tensors of all splits."""
    digest = hashlib.sha256()
    for split, content in tensors.items():
        for name, array in content.items():
            digest.update(f"{split}/{name}/{array.dtype.str}/{array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def _counts(labels: Labels, data: RawData) -> NDArray[np.int64]:
    return np.bincount(labels, minlength=len(data.classes))


def _named(data: RawData, absent: NDArray[np.bool_]) -> str:
    """The classes marked in `absent`, by number and name, not more than `SHOWN`."""
    labels = np.flatnonzero(absent)
    listed = ", ".join(f"{label} ({data.classes[label]})" for label in labels[:SHOWN])
    return listed + (f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else "")


def _check_classes(data: RawData) -> None:
    """Every class must have a training image, or its number could never be learned."""
    absent = _counts(data.train.labels, data) == 0
    if absent.any():
        raise UserError(
            f"no training image has the label {_named(data, absent)}, but the data set has "
            f"{len(data.classes)} classes: labels must count from 0 without gaps, and every class of the "
            "test part must be in the training part"
        )


def _untested(data: RawData) -> tuple[str, ...]:
    """A note if classes have no test image."""
    absent = _counts(data.test.labels, data) == 0
    return (f"no test image has the label {_named(data, absent)}",) if absent.any() else ()


def _hold_out(data: RawData, held_out: int, split_seed: int) -> dict[str, RawSplit]:
    """The three parts, with `held_out` training images set aside.

    Raises:
        UserError: a class would have no image left to train on.
    """
    images, labels = data.train.images, data.train.labels
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
    return {
        "train": RawSplit(images[stay], labels[stay]),
        "held_out": RawSplit(images[aside], labels[aside]),
        "test": data.test,
    }
