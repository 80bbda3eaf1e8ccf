"""A data set as the tensor files that every later stage reads; imports no torch by itself."""

import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gendistill.config.catalogue.datasets import DatasetInfo
from gendistill.config.schema import ImageParams
from gendistill.data.fit import array_blocks, histogram
from gendistill.data.info import INFO_FILE, DataInfo
from gendistill.data.parts import Part, check_classes, hold_out, known_of, remarks
from gendistill.data.raw import Block, Fit, Histogram, Pixels, RawData
from gendistill.data.sources import read_source
from gendistill.data.tensor_file import write_split
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_atomically, write_json


def prepare(
    params: ImageParams,
    root: Path,
    out: Path,
    *,
    check: Callable[[DatasetInfo], None] | None = None,
    processes: int = 1,
    log_seconds: float = 10,
) -> DataInfo:
    """Read, split, fit and store a data set; the same input gives the same bytes.

    The held-out part is drawn from the training part, class-stratified, with `split_seed`; with ``held_out: 0`` it is
    the validation part of a set that has one. Mean and std are those of the images that stay for training. Under
    `fit: pad` they are taken before padding: the zeros around are no pixels of the data and would dilute both (MNIST
    keeps 0.1307 and 0.3081, and images enter the networks as in published work at 28 x 28). Under `resize` and `crop`
    they are taken of the resized images, since those are the only pixels there are.

    Images pass through in blocks, so memory stays bounded for files that are decoded on the way.

    Args:
        params: the section `data`.
        root: the data root, see `data_root`.
        out: the folder to make; an existing one is replaced, at the end and as a whole.
        check: told what the files of one's own data hold before an image is decoded; raises to refuse them.
        processes: that decode the files of a folder.
        log_seconds: least time between two lines of progress.

    Returns:
        What `info.json` says.

    Raises:
        UserError: the data are missing, damaged or cannot be fitted or split as asked.
    """
    data = read_source(params.name, params.path, root, params.split_seed, processes=processes, log_seconds=log_seconds)
    if check is not None:
        check(known_of(params.name, data))
    check_classes(data)
    parts = hold_out(data, params.held_out, params.split_seed)
    fit = Fit(params.fit, params.image_size, _channels(params, data))
    image = (fit.channels, fit.size, fit.size)
    digest = hashlib.sha256()
    with write_atomically(out) as folder:
        folder.mkdir()
        counts = {
            split: write_split(folder / f"{split}.safetensors", split, part.labels, image, _blocks(part, fit), digest)
            for split, part in parts.items()
        }
        data = data.finished()
        mean, std = standard(counts["train"])
        info = DataInfo(
            name=params.name,
            classes=data.classes,
            channels=fit.channels,
            image_size=fit.size,
            counts={split: len(part) for split, part in parts.items()},
            mean=mean,
            std=std,
            source=data.source,
            checksum=digest.hexdigest(),
            notes=(*data.notes, *remarks(data, params.held_out)),
        )
        write_json(folder / INFO_FILE, info.to_dict())
    return info


def _channels(params: ImageParams, data: RawData) -> int:
    """What `data.channels` says, or what is stored."""
    return data.train.channels if params.channels == "auto" else int(params.channels)


def _blocks(part: Part, fit: Fit) -> Iterator[Block]:
    """The fitted images of a part, some at a time."""
    if isinstance(part.images, np.ndarray):
        return array_blocks(part.images, part.positions, fit)
    return part.images.blocks(part.positions, fit)


def channel_statistics(images: Pixels) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """`standard` of images (n, h, w, c) uint8."""
    return standard(histogram(images))


def standard(counts: Histogram) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and population standard deviation per channel of pixels in [0, 1].

    The sums are taken in integers, from counts of the 256 values, so they are exact and equal everywhere.

    Args:
        counts: (c, 256), how often each value occurs; not all 0.

    Returns:
        c means and c standard deviations.

    Raises:
        UserError: a channel has one value everywhere, so it cannot be standardised.
    """
    means, stds = [], []
    for channel, of_channel in enumerate(counts.tolist()):
        number = sum(of_channel)
        first = sum(count * value for value, count in enumerate(of_channel))
        second = sum(count * value**2 for value, count in enumerate(of_channel))
        spread = number * second - first**2
        if spread == 0:
            raise UserError(
                f"channel {channel} of the training images is {first // number} everywhere: "
                "such images hold nothing to learn; check the source files"
            )
        means.append(first / (255 * number))
        stds.append(math.sqrt(spread) / (255 * number))
    return tuple(means), tuple(stds)
