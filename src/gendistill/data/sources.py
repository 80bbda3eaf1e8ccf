"""Where data sets come from: the embedded digits, `.npz` files, folders of images, and the archives of torchvision."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from gendistill.config.catalogue.datasets import DATASETS
from gendistill.data.folder import read_folder
from gendistill.data.npz import read_npz
from gendistill.data.raw import RawData, RawSplit
from gendistill.data.split import stratified_split
from gendistill.runtime.errors import UserError
from gendistill.runtime.home import home

DIGITS_TEST = 360  # images set aside as test part, a fifth
# SHA-256 of the test pixels of a copy of CIFAR-10 whose training images are exact and most test images too.
APPROXIMATE_CIFAR10_TEST = "1249626010949d8f448e0faf792debbc3da0c50ed31bfff3678c99c37fbc7e48"
APPROXIMATE_CIFAR10_INDICES = (
    *(1259, 1369, 1422, 2245, 2737, 2935, 3695, 3718, 4085, 4496),
    *(5791, 5896, 6286, 7580, 7707, 7724, 7832, 8117, 8551, 9254),
)


def data_root(configured: str) -> Path:
    """The folder of archives: GENDISTILL_DATA if set, else `configured` (`runtime.data_root`).

    A relative path counts from the user's checkout, also in the temporary copies of DVC experiments.
    """
    return home() / Path(os.environ.get("GENDISTILL_DATA") or configured).expanduser()


def read_source(
    name: str, path: str, root: Path, split_seed: int, *, processes: int = 1, log_seconds: float = 10
) -> RawData:
    """Read the data set `name`.

    A set of torchvision is read from `<root>/<name>.npz` if that exists, else from its archives, which are
    downloaded if they are absent.

    Args:
        name: a key of the catalogue.
        path: the `.npz` file when `name` is `npz`, the folder when it is `folder`, relative to `root`.
        root: the data root.
        split_seed: draws the test part of a set that has none of its own (digits, folders).
        processes: that decode the images of a folder.
        log_seconds: least time between two lines of progress while they do.

    Returns:
        The training and the test part in their published order.

    Raises:
        UserError: files are missing, damaged or of another form.
    """
    if name == "folder":
        return read_folder(_own(name, path, root), split_seed, processes=processes, log_seconds=log_seconds)
    data = _read(name, path, root, split_seed)
    assert isinstance(data.test.images, np.ndarray)  # of all but folders
    if hashlib.sha256(data.test.images.tobytes()).hexdigest() != APPROXIMATE_CIFAR10_TEST:
        return data
    listed = ", ".join(map(str, APPROXIMATE_CIFAR10_INDICES))
    note = f"20 of the 10,000 test images are JPEG approximations, at these positions: {listed}"
    return replace(data, notes=(*data.notes, note))


def _read(name: str, path: str, root: Path, split_seed: int) -> RawData:
    """`read_source` without the note on a known copy."""
    if name == "digits":
        return read_digits(split_seed)
    if name == "npz":
        return read_npz(_own(name, path, root))
    classes = DATASETS[name].classes
    assert classes is not None, name  # npz alone has none
    copy = root / f"{name}.npz"
    if copy.exists():
        return _with_notes(name, read_npz(copy, classes))
    # torchvision takes seconds to import, so only the sets that need it do.
    from gendistill.data.archives import read_archives

    return read_archives(name, root, classes)


def _own(name: str, path: str, root: Path) -> Path:
    """Where one's own data lie."""
    if not path:
        what = {"npz": "the .npz file", "folder": "the folder of images"}[name]
        raise UserError(f"data.path is empty, but data.name is {name}: give {what} in data.path")
    return root / Path(path).expanduser()


def read_digits(split_seed: int) -> RawData:
    """The 1797 handwritten digits (8 x 8) that come with scikit-learn, `DIGITS_TEST` of them as test part.

    The set has no test part of its own: a class-stratified one is drawn from `split_seed`. Grey values
    0 … 16 become round(255 v / 16).
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = bunch.target.astype(np.int64)
    train, test = stratified_split(labels, DIGITS_TEST, split_seed, "digits_test")
    digest = hashlib.md5(images.tobytes() + labels.tobytes(), usedforsecurity=False).hexdigest()
    return RawData(
        RawSplit(images[train], labels[train]),
        RawSplit(images[test], labels[test]),
        tuple(str(digit) for digit in range(10)),
        {"sklearn.datasets.load_digits": digest},
    )


def _with_notes(name: str, data: RawData) -> RawData:
    """`data` of an .npz copy of a published set, with notes on how it differs from the published one.

    Raises:
        UserError: the number of channels is another one, so this is no copy of that set.
    """
    entry = DATASETS[name]
    channels = data.train.channels
    if channels != entry.channels:
        raise UserError(
            f"{name}.npz has images of {channels} channels, but {name} has {entry.channels}: "
            f"for a set of your own write data.name: npz and data.path: {name}.npz"
        )
    notes = list(data.notes)
    counts = (len(data.train), len(data.test))
    if counts != (entry.train_count, entry.test_count):
        notes.append(
            f"this copy has {counts[0]} training and {counts[1]} test images; "
            f"the published set has {entry.train_count} and {entry.test_count}"
        )
    return replace(data, notes=tuple(notes))
