"""Tiny archives of each format, under the MD5s they happen to have."""

import gzip
import hashlib
import io
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import scipy.io
import torchvision.datasets
from torchvision.datasets import utils

from gendistill.data.archives import archives_of, read_archives
from gendistill.runtime.errors import UserError

NAMES = ("mnist", "fashion_mnist", "cifar10", "cifar100", "svhn")
CLASSES = tuple("abcdefghij")
TRAIN, TEST = 10, 4  # images; image i has i + 1 in every pixel of its first channel, and label i % 10


def coded(count: int, first: int, size: int, channels: int) -> np.ndarray:
    """(count, size, size, channels): first + i, plus 50 for every further channel, and one marked pixel."""
    codes = first + np.arange(count)[:, None, None, None] + 50 * np.arange(channels)
    images = np.broadcast_to(codes, (count, size, size, channels)).astype(np.uint8)
    images[:, 1, 2] = 255  # row 1, column 2: catches transposed images
    return images


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


def make_mnist(root: Path, reader: type, patch: pytest.MonkeyPatch) -> None:
    files = []
    for part, count, first in (("train", TRAIN, 1), ("t10k", TEST, 31)):
        files.append((f"{part}-images-idx3-ubyte.gz", idx(coded(count, first, 28, 1)[..., 0])))
        files.append((f"{part}-labels-idx1-ubyte.gz", idx(np.arange(count))))
    folder = root / reader.__name__ / "raw"
    folder.mkdir(parents=True)
    for file, content in files:
        (folder / file).write_bytes(content)
    patch.setattr(reader, "resources", [(file, md5(content)) for file, content in files])


def make_cifar(root: Path, reader: type, patch: pytest.MonkeyPatch) -> None:
    per_file = TRAIN // len(reader.train_list)
    contents = {}
    key = "labels" if reader.__name__ == "CIFAR10" else "fine_labels"
    for names, count, first in ((reader.train_list, per_file, 1), (reader.test_list, TEST, 31)):
        for number, (file, _) in enumerate(names):
            start = number * count
            flat = coded(count, first + start, 32, 3).transpose(0, 3, 1, 2).reshape(count, -1)
            contents[file] = pickle.dumps({"data": flat, key: list(range(start, start + count))})
    contents[reader.meta["filename"]] = pickle.dumps({reader.meta["key"]: list(CLASSES)})
    with tarfile.open(root / reader.filename, "w:gz") as archive:
        for file, content in contents.items():
            member = tarfile.TarInfo(f"{reader.base_folder}/{file}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    for attribute in ("train_list", "test_list"):
        listed = [[file, md5(contents[file])] for file, _ in getattr(reader, attribute)]
        patch.setattr(reader, attribute, listed)
    patch.setattr(reader, "meta", reader.meta | {"md5": md5(contents[reader.meta["filename"]])})
    patch.setattr(reader, "tgz_md5", md5((root / reader.filename).read_bytes()))


def make_svhn(root: Path, reader: type, patch: pytest.MonkeyPatch) -> None:
    listed = dict(reader.split_list)
    for part, count, first in (("train", TRAIN, 1), ("test", TEST, 31)):
        labels = np.arange(count)
        labels[0] = 10  # as published: 10 stands for the digit 0
        path = root / f"{part}_32x32.mat"
        scipy.io.savemat(path, {"X": coded(count, first, 32, 3).transpose(1, 2, 3, 0), "y": labels[:, None]})
        listed[part] = [listed[part][0], path.name, md5(path.read_bytes())]
    patch.setattr(reader, "split_list", listed)


MAKERS = {"mnist": make_mnist, "fashion_mnist": make_mnist, "svhn": make_svhn}
READERS = {
    "mnist": torchvision.datasets.MNIST,
    "fashion_mnist": torchvision.datasets.FashionMNIST,
    "cifar10": torchvision.datasets.CIFAR10,
    "cifar100": torchvision.datasets.CIFAR100,
    "svhn": torchvision.datasets.SVHN,
}


@pytest.fixture(params=NAMES)
def made(request, tmp_path, monkeypatch):
    """(name, root) of a root that holds the archives of one data set; downloads fail."""
    root = tmp_path / "root"
    root.mkdir()
    MAKERS.get(request.param, make_cifar)(root, READERS[request.param], monkeypatch)
    offline(monkeypatch)
    return request.param, root


def offline(monkeypatch):
    def fail(url, *_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(utils, "download_url", fail)
    monkeypatch.setattr(utils, "_urlretrieve", fail)
    monkeypatch.setattr(utils, "_get_redirect_url", fail)


def test_archives_are_read_in_order(made):
    name, root = made
    data = read_archives(name, root, CLASSES)
    size, channels = (28, 1) if "mnist" in name else (32, 3)
    assert np.array_equal(data.train.images, coded(TRAIN, 1, size, channels))
    assert np.array_equal(data.test.images, coded(TEST, 31, size, channels))
    assert data.train.images.dtype == np.uint8
    assert data.train.labels.tolist() == list(range(TRAIN))
    assert data.test.labels.tolist() == list(range(TEST))
    assert data.train.labels.dtype == np.int64
    assert data.classes == CLASSES
    assert data.source == {archive.path: archive.md5 for archive in archives_of(name)}


def test_a_read_leaves_the_root_as_it_was(made):
    name, root = made
    before = sorted(root.rglob("*"))
    root.chmod(0o555)
    read_archives(name, root, CLASSES)
    root.chmod(0o755)
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_archive_is_named_and_kept(made, damage):
    name, root = made
    archive = archives_of(name)[-1]
    path = root / archive.path
    content = path.read_bytes()
    flipped = content[:20] + bytes([content[20] ^ 1]) + content[21:]
    spoilt = {"truncated": content[:-7], "flipped": flipped, "empty": b""}[damage]
    path.write_bytes(spoilt)
    with pytest.raises(UserError, match="delete it and run the same command again") as caught:
        read_archives(name, root, CLASSES)
    for part in (str(path), md5(spoilt), archive.md5):
        assert part in str(caught.value)
    assert path.read_bytes() == spoilt


def test_a_folder_in_place_of_an_archive(made):
    name, root = made
    path = root / archives_of(name)[0].path
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=r"cannot be read .*make it a readable file"):
        read_archives(name, root, CLASSES)


def test_without_network_one_message_names_everything(made):
    name, root = made
    archives = archives_of(name)
    for archive in archives:
        (root / archive.path).unlink()
    with pytest.raises(UserError, match="no route to host") as caught:
        read_archives(name, root, CLASSES)
    message = str(caught.value)
    for archive in archives:
        assert str(root / archive.path) in message
        assert archive.md5 in message
        assert all(url in message for url in archive.urls)
    assert str(root / f"{name}.npz") in message
    assert "GENDISTILL_DATA" in message
    assert not [path for path in root.rglob("*") if path.is_file()]


def test_a_failed_download_leaves_no_folder(made, tmp_path):
    name, root = made
    mine = tmp_path / "mine"
    mine.mkdir()
    for place in (tmp_path / "project/data/raw", mine):
        with pytest.raises(UserError, match="no route to host"):
            read_archives(name, place, CLASSES)
    assert set(tmp_path.iterdir()) == {root, mine}


def test_only_what_is_missing_is_asked_for(made):
    name, root = made
    first, *present = archives_of(name)
    (root / first.path).unlink()
    with pytest.raises(UserError) as caught:
        read_archives(name, root, CLASSES)
    message = str(caught.value)
    assert str(root / first.path) in message
    assert not any(archive.path in message for archive in present)


def test_missing_archives_are_downloaded_from_a_mirror(made, monkeypatch, tmp_path):
    name, root = made
    expected = read_archives(name, root, CLASSES)
    away = root.rename(tmp_path / "server")
    archives = archives_of(name)
    last = {archive.urls[-1]: archive for archive in archives}

    def serve(url, folder, filename, md5):
        if url not in last:
            raise URLError("first mirror is down")
        Path(folder, filename).write_bytes((away / last[url].path).read_bytes())

    monkeypatch.setattr(utils, "download_url", serve)
    data = read_archives(name, root, CLASSES)
    assert np.array_equal(data.train.images, expected.train.images)
    files = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert files == sorted(archive.path for archive in archives)
    assert not list(root.glob(".download-*"))


def test_a_wrong_download_is_not_kept(made, monkeypatch):
    name, root = made
    archive = archives_of(name)[0]
    (root / archive.path).unlink()

    def serve(url, folder, filename, md5):
        Path(folder, filename).write_bytes(b"<html>moved</html>")

    monkeypatch.setattr(utils, "download_url", serve)
    with pytest.raises(UserError, match=r"its MD5 is \w{32}, expected.*\n(.*\n)*Put these files"):
        read_archives(name, root, CLASSES)
    assert not (root / archive.path).exists()


def test_a_root_that_cannot_be_made_is_explained(monkeypatch, tmp_path):
    offline(monkeypatch)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Put these files there"):
        read_archives("cifar10", tmp_path / "file" / "root", CLASSES)


def test_torchvision_is_imported_late():
    code = "import sys, gendistill.data.archives, gendistill.data.prepare\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": "src"})
