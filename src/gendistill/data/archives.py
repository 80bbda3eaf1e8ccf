"""Published archives of the torchvision data sets: looked up, checked, downloaded and read."""

import http.client
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gendistill.data.npz import md5_of
from gendistill.data.raw import RawData, RawSplit
from gendistill.data.unpack import unpack
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import explained

CLASS_OF = {
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
    "svhn": "SVHN",
}
SILENCE_LIMIT = 30.0  # seconds without a byte after which a server counts as unreachable


@dataclass(frozen=True)
class Archive:
    """One published file.

    Attributes:
        path: where torchvision keeps it, relative to the data root.
        md5: as published.
        urls: addresses to try, in order.
    """

    path: str
    md5: str
    urls: tuple[str, ...]


def archives_of(name: str) -> tuple[Archive, ...]:
    """The files of the data set `name`, a key of `CLASS_OF`, as torchvision publishes them."""
    reader = _reader(name)
    if name in ("mnist", "fashion_mnist"):
        folder = f"{reader.__name__}/raw"
        return tuple(
            Archive(f"{folder}/{file}", md5, tuple(f"{mirror}{file}" for mirror in reader.mirrors))
            for file, md5 in reader.resources
        )
    if name == "svhn":
        listed = (reader.split_list[split] for split in ("train", "test"))
        return tuple(Archive(file, md5, (url,)) for url, file, md5 in listed)
    return (Archive(reader.filename, reader.tgz_md5, (reader.url,)),)


def read_archives(name: str, root: Path, classes: tuple[str, ...]) -> RawData:
    """The data set `name` from its archives under `root`; those that are absent are downloaded.

    Every archive is compared with its published MD5 before a byte of it is used. Nothing is unpacked under
    `root`, which may be read-only when it holds all archives.

    Args:
        name: a key of `CLASS_OF`.
        root: the data root, laid out as torchvision does.
        classes: class names; the label is the position.

    Raises:
        UserError: an archive is damaged, or one is missing and cannot be downloaded.
    """
    archives = archives_of(name)
    for archive in archives:
        if (root / archive.path).exists():
            _check(root / archive.path, archive.md5)
    missing = [archive for archive in archives if not (root / archive.path).exists()]
    for archive in missing:
        try:
            _download(archive, root)
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            raise UserError(_how_to_provide(name, root, missing, error)) from None
    return _read(name, root, archives, classes)


def _reader(name: str) -> Any:
    """The torchvision class that reads `name`; what torchvision warns about is not ours to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torchvision.datasets

    return getattr(torchvision.datasets, CLASS_OF[name])


def _check(path: Path, md5: str) -> None:
    """Compare a file with its published MD5."""
    try:
        found = md5_of(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): make it a readable file") from None
    if found != md5:
        raise UserError(
            f"{path} is damaged or is another file: its MD5 is {found}, expected {md5}: "
            "delete it and run the same command again"
        )


def _download(archive: Archive, root: Path) -> None:
    """Fetch one archive from the first address that gives it, checked before it gets its name."""
    from torchvision.datasets import utils

    target = root / archive.path
    failures = []
    with _made(root), tempfile.TemporaryDirectory(prefix=".download-", dir=root) as folder, _impatient():
        fetched = Path(folder, target.name)
        for url in archive.urls:
            try:
                utils.download_url(url, folder, filename=target.name, md5=archive.md5)
                found = md5_of(fetched)
                if found != archive.md5:
                    raise RuntimeError(f"its MD5 is {found}, expected {archive.md5}")
            except (OSError, RuntimeError, http.client.HTTPException) as error:
                failures.append(f"{url}: {error}")
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            fetched.replace(target)
            return
    raise RuntimeError("; ".join(failures))


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; those that were made and hold nothing in the end are removed again."""
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for path in absent:
            with suppress(OSError):  # it holds something, or was never made
                path.rmdir()


@contextmanager
def _impatient() -> Iterator[None]:
    """Make a silent server an error: torchvision sets no time limit, and a dropped packet waits for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_LIMIT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _how_to_provide(name: str, root: Path, missing: list[Archive], error: Exception) -> str:
    """Everything a user needs to bring the data by hand."""
    still = [archive for archive in missing if not (root / archive.path).exists()]
    files = "\n".join(
        f"  {root / archive.path}\n    from {' or '.join(archive.urls)} (MD5 {archive.md5})" for archive in still
    )
    return (
        f"{name}: not found under the data root {root}, and the download failed ({error}).\n"
        f"Put these files there:\n{files}\n"
        f"or, instead of all archives, {root / name}.npz with the arrays train_images, train_labels, "
        "test_images and test_labels (uint8 images n x h x w x c);\n"
        "or set GENDISTILL_DATA to a folder that has them; then run the same command again."
    )


def _read(name: str, root: Path, archives: tuple[Archive, ...], classes: tuple[str, ...]) -> RawData:
    """Unpack checked archives to a temporary folder and read them there through torchvision."""
    reader = _reader(name)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with explained(Path(folder)):
            for archive in archives:
                unpack(root / archive.path, Path(folder, archive.path).parent)
        train, test = (_split(reader, folder, part) for part in ("train", "test"))
    return RawData(train, test, classes, {archive.path: archive.md5 for archive in archives})


def _split(reader: Any, folder: str, part: str) -> RawSplit:
    """One part of an unpacked data set, channels last."""
    if reader.__name__ == "SVHN":
        dataset = reader(folder, split=part)
        return RawSplit(dataset.data.transpose(0, 2, 3, 1), dataset.labels)
    dataset = reader(folder, train=part == "train")
    images = np.asarray(dataset.data)
    images = images[..., None] if images.ndim == 3 else images  # the MNIST family has no channel axis
    return RawSplit(images, np.asarray(dataset.targets, dtype=np.int64))
