"""Real test images in the form that an artifact's images have, wherever they come from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gendistill.config.catalogue.datasets import DATASETS
from gendistill.data.fit import crop, pad, resize
from gendistill.data.folder import read_folder
from gendistill.data.info import INFO_FILE, load_info
from gendistill.data.load import load_split
from gendistill.data.npz import read_npz
from gendistill.data.raw import Fit, RawData
from gendistill.data.resident import ImageSet, ResidentImages
from gendistill.data.sources import read_source
from gendistill.runtime.errors import UserError

FITTERS = {"pad": pad, "resize": resize, "crop": crop}  # by the card's word
NAMED = tuple(name for name, entry in DATASETS.items() if entry.classes is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """What the test images must become.

    Attributes:
        classes: names; the label is the position.
        channels: of an image.
        image_size: pixels a side.
        fit: how images of another size are brought to it, a key of `FITTERS`.
        split_seed: draws the test part of a set that has none of its own (digits).
        mean: per channel, of the training pixels in [0, 1].
        std: per channel, likewise.
    """

    classes: tuple[str, ...]
    channels: int
    image_size: int
    fit: str
    split_seed: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def real_test_images(where: str, root: Path, form: Form, device: torch.device) -> ImageSet:
    """The test part of a data set, standardised as the images that students were trained on.

    Args:
        where: a name of the catalogue, a folder that `prepare` made, a folder of images, or an .npz file
            with MedMNIST's keys.
        root: the data root, where archives of named sets are looked for and downloaded to.
        form: what the images must become.
        device: where they go.

    Raises:
        UserError: there is nothing of that name, or its images or classes are not those of the artifact.
    """
    path = Path(where)
    if where in NAMED:
        data = read_source(where, "", root, form.split_seed)
        _check_classes(where, data.classes, form)
        return _fitted(where, data, form, device)
    if (path / INFO_FILE).is_file():
        return _prepared(path, form, device)
    if path.is_file() and path.suffix == ".npz":
        data = read_npz(path)
        if len(data.classes) > len(form.classes):
            raise UserError(
                f"{path} has labels up to {len(data.classes) - 1}, but the artifact has {len(form.classes)} classes"
            )
        return _fitted(where, data, form, device)
    if path.is_dir():
        return _folder(path, form, device)
    raise UserError(
        f"--data {where} is neither a data set ({', '.join(NAMED)}), nor a folder of images or one that `prepare` made "
        f"(with {INFO_FILE}), nor an .npz file"
    )


def _fitted(where: str, data: RawData, form: Form, device: torch.device) -> ImageSet:
    """Test images as they were read, brought to the form."""
    images = np.asarray(data.test.images)
    if images.shape[3] != form.channels:
        raise UserError(f"{where} has images of {images.shape[3]} channels, the artifact's have {form.channels}")
    pixels = torch.from_numpy(np.ascontiguousarray(FITTERS[form.fit](images, form.image_size).transpose(0, 3, 1, 2)))
    return _standardised(pixels, torch.from_numpy(data.test.labels), form, device)


def _folder(folder: Path, form: Form, device: torch.device) -> ImageSet:
    """The test part of a folder of images, drawn as when the artifact was made if the folder has none of its own."""
    data = read_folder(folder, form.split_seed)
    _check_classes(str(folder), data.classes, form)
    assert not isinstance(data.test.images, np.ndarray)
    fit = Fit(form.fit, form.image_size, form.channels)
    blocks = [pixels for pixels, _ in data.test.images.blocks(np.arange(len(data.test)), fit)]
    data.finished()  # refuses what could not be decoded
    return _standardised(torch.from_numpy(np.concatenate(blocks)), torch.from_numpy(data.test.labels), form, device)


def _prepared(folder: Path, form: Form, device: torch.device) -> ImageSet:
    """The test part of a prepared folder."""
    info = load_info(folder)
    _check_classes(str(folder), info.classes, form)
    if (info.channels, info.image_size) != (form.channels, form.image_size):
        raise UserError(
            f"{folder} has images of {info.channels} x {info.image_size} x {info.image_size}, "
            f"the artifact's are {form.channels} x {form.image_size} x {form.image_size}: prepare the data likewise"
        )
    split = load_split(folder, "test", "cpu", resident_limit_mib=2**40)
    return _standardised(split.gather(torch.arange(len(split))), split.labels, form, device)


def _standardised(pixels: torch.Tensor, labels: torch.Tensor, form: Form, device: torch.device) -> ImageSet:
    """The set with the artifact's statistics, which its students were trained with."""
    mean, std = (torch.tensor(values, dtype=torch.float32, device=device) for values in (form.mean, form.std))
    return ResidentImages(pixels.to(device), labels.to(device), mean, std)


def _check_classes(where: str, found: tuple[str, ...], form: Form) -> None:
    """The labels must mean the same."""
    if found != form.classes:
        differ = next((k for k, (a, b) in enumerate(zip(found, form.classes, strict=False)) if a != b), None)
        detail = "" if differ is None else f" (class {differ}: {found[differ]!r} and {form.classes[differ]!r})"
        raise UserError(
            f"{where} has {len(found)} classes and the artifact {len(form.classes)}, and they are not the same{detail}"
        )
