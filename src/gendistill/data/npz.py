"""Reader of `.npz` files with the four keys of the MedMNIST convention; imports no torch."""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gendistill.data.raw import Labels, Pixels, RawData, RawSplit
from gendistill.runtime.errors import UserError

KEYS = ("train_images", "train_labels", "test_images", "test_labels")
SHOWN = 8  # members named in a message
FORMAT = (
    "a file of this kind has train_images and test_images, uint8 (n, h, w) or (n, h, w, 3), "
    "and train_labels and test_labels, integers (n,) or (n, 1) counted from 0; "
    "val_images and val_labels of the same kind may be there"
)


def md5_of(path: Path) -> str:
    """The MD5 of a file as 32 hexadecimal digits; for identity, not for security."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def read_npz(path: Path, classes: tuple[str, ...] | None = None) -> RawData:
    """The data set in an `.npz` file with the keys of `KEYS`.

    `val_images` and `val_labels` (MedMNIST has them) are the validation part.

    Args:
        path: the file; it is read without unpickling anything.
        classes: class names; None names the classes by number, up to the largest label.

    Returns:
        The data set, images (n, h, w, c) with c = 1 or 3.

    Raises:
        UserError: the file is missing, damaged, or does not hold what `FORMAT` says.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist or is not a file: {FORMAT}")
    arrays = _load(path)
    parts: dict[str, RawSplit] = {}
    shapes: dict[str, str] = {}
    for part in ("train", "test", "val") if "val_images" in arrays else ("train", "test"):
        images = _images(path, f"{part}_images", arrays)
        labels = _labels(path, f"{part}_labels", arrays, classes)
        if len(images) != len(labels):
            raise UserError(
                f"{path}: {part}_images has {len(images)} entries and {part}_labels has {len(labels)}, "
                "but every image needs one label"
            )
        parts[part] = RawSplit(images, labels)
        shapes[part] = _size(images)
    train, test = parts["train"], parts["test"]
    for part, title in (("test", "test"), ("val", "validation")):
        if part in parts and shapes["train"] != shapes[part]:
            raise UserError(
                f"{path}: training images are {shapes['train']} and {title} images are {shapes[part]} "
                "(height x width x channels), but they must be of one size"
            )
    largest = int(max(part.labels.max() for part in parts.values()))
    if classes is None and largest >= len(train):
        raise UserError(
            f"{path}: the largest label is {largest}, but with {len(train)} training images there cannot be "
            "an image of every class: labels must count from 0 without gaps"
        )
    names = classes or tuple(str(label) for label in range(largest + 1))
    return RawData(train, test, names, {path.name: md5_of(path)}, validation=parts.get("val"))


def _load(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of `KEYS`, all present, and the validation part's, if it is there."""
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path} is not an .npz file, or is cut off: {FORMAT}")
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            wanted = (*KEYS, "val_images", "val_labels") if "val_images" in archive.files else KEYS
            missing = [key for key in wanted if key not in archive.files]
            if missing:
                found = ", ".join(map(ascii, archive.files[:SHOWN])) + (", ..." if len(archive.files) > SHOWN else "")
                raise UserError(
                    f"{path} lacks {', '.join(missing)} (it has {found or 'nothing'}): {FORMAT}; an archive of image "
                    "files must be unpacked and its folder named, with data.name: folder"
                )
            # A member that is no array comes as bytes; asarray gives it a dtype, which is refused later.
            return {key: np.asarray(archive[key]) for key in wanted}
    except UserError:
        raise
    except Exception as error:  # readers of foreign bytes raise what they stumble on, NotImplementedError for one
        raise UserError(f"{path} cannot be read as an .npz file ({error}): {FORMAT}") from None


def _size(images: Pixels) -> str:
    return " x ".join(map(str, images.shape[1:]))


def _images(path: Path, key: str, arrays: dict[str, NDArray[Any]]) -> Pixels:
    """The images of `key` as (n, h, w, c)."""
    images = arrays[key]
    if images.dtype != np.uint8:
        raise UserError(f"{path}: {key} is {images.dtype}, but pixels must be uint8 in 0 … 255")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise UserError(f"{path}: {key} has shape {arrays[key].shape}, expected (n, h, w) or (n, h, w, 1 or 3)")
    if images.size == 0:
        raise UserError(f"{path}: {key} is empty, shape {arrays[key].shape}")
    return images


def _labels(path: Path, key: str, arrays: dict[str, NDArray[Any]], classes: tuple[str, ...] | None) -> Labels:
    """The labels of `key` as (n,) int64."""
    labels = arrays[key]
    if labels.dtype.kind not in "iu":
        raise UserError(f"{path}: {key} is {labels.dtype}, but labels must be integers")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise UserError(f"{path}: {key} has shape {labels.shape}, expected (n,) or (n, 1), one label an image")
    if labels.size == 0:
        raise UserError(f"{path}: {key} is empty")
    if labels.min() < 0:
        raise UserError(f"{path}: {key} has the label {labels.min()}, but labels are counted from 0")
    if classes is not None and labels.max() >= len(classes):
        raise UserError(
            f"{path}: {key} has the label {labels.max()}, but the set has {len(classes)} classes, "
            f"0 … {len(classes) - 1}"
        )
    return labels.astype(np.int64)
