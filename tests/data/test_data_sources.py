import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from gendistill.config.catalogue.datasets import DATASETS
from gendistill.data import sources
from gendistill.data.sources import data_root, read_digits, read_source
from gendistill.runtime.errors import UserError


def write_npz(path, channels=3, train=20):
    """`train` images whose pixels are their index, labels 0 … 9 in turn; ten test images of 100 + index."""
    shape = (4, 4, channels)
    np.savez(
        path,
        train_images=np.arange(train, dtype=np.uint8)[:, None, None, None] * np.ones(shape, np.uint8),
        train_labels=np.arange(train) % 10,
        test_images=(100 + np.arange(10, dtype=np.uint8))[:, None, None, None] * np.ones(shape, np.uint8),
        test_labels=np.arange(10),
    )


def test_digits_are_split_once_and_stratified():
    data = read_digits(0)
    entry = DATASETS["digits"]
    assert (len(data.train), len(data.test)) == (entry.train_count, entry.test_count) == (1437, 360)
    assert data.classes == entry.classes
    whole = np.bincount(load_digits().target)
    in_test = np.bincount(data.test.labels)
    assert (in_test + np.bincount(data.train.labels) == whole).all()
    assert (np.abs(in_test - whole * 360 / 1797) < 1).all()
    assert not np.array_equal(read_digits(1).test.images, data.test.images)


def test_digits_keep_their_labels_and_grey_values():
    bunch = load_digits()
    label_of = {image.astype(int).tobytes(): label for image, label in zip(bunch.images, bunch.target, strict=True)}
    for part in (read_digits(0).train, read_digits(0).test):
        levels = np.rint(part.images[..., 0] * (16 / 255)).astype(int)
        assert [label_of[level.tobytes()] for level in levels] == part.labels.tolist()
        assert set(np.unique(part.images)) <= {round(255 * v / 16) for v in range(17)}


def test_digits_need_neither_torch_nor_torchvision():
    code = (
        "import sys\nfrom pathlib import Path\nfrom gendistill.data.sources import read_source\n"
        "read_source('digits', '', Path(), 0)\nassert not {'torch', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": "src"})


def test_an_npz_file_is_found_under_the_root(tmp_path):
    write_npz(tmp_path / "own.npz")
    data = read_source("npz", "own.npz", tmp_path, 0)
    assert data.train.images[:, 0, 0, 0].tolist() == list(range(20))
    assert data.classes == tuple("0123456789")
    assert data.notes == ()


def test_an_npz_set_needs_a_path(tmp_path):
    with pytest.raises(UserError, match=r"data\.path is empty, but data\.name is npz"):
        read_source("npz", "", tmp_path, 0)


def test_a_copy_of_a_published_set_comes_first(tmp_path):
    write_npz(tmp_path / "cifar10.npz")
    (tmp_path / "cifar-10-python.tar.gz").write_text("damaged, but not looked at")
    data = read_source("cifar10", "", tmp_path, 0)
    assert data.classes == DATASETS["cifar10"].classes
    assert data.notes == ("this copy has 20 training and 10 test images; the published set has 50000 and 10000",)


def test_a_copy_with_other_channels_is_refused(tmp_path):
    write_npz(tmp_path / "mnist.npz")
    with pytest.raises(UserError, match=r"mnist\.npz has images of 3 channels, but mnist has 1"):
        read_source("mnist", "", tmp_path, 0)


def test_the_approximate_copy_is_noted_by_content(tmp_path, monkeypatch):
    write_npz(tmp_path / "own.npz")
    pixels = read_source("npz", "own.npz", tmp_path, 0).test.images
    monkeypatch.setattr(sources, "APPROXIMATE_CIFAR10_TEST", hashlib.sha256(pixels.tobytes()).hexdigest())
    (note,) = read_source("npz", "own.npz", tmp_path, 0).notes
    assert note.startswith("20 of the 10,000 test images are JPEG approximations, at these positions: 1259, ")
    assert len(sources.APPROXIMATE_CIFAR10_INDICES) == 20


def test_the_data_root(monkeypatch, tmp_path):
    monkeypatch.delenv("GENDISTILL_DATA", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert data_root("data/raw") == tmp_path / "data/raw"
    assert data_root("/elsewhere") == Path("/elsewhere")
    monkeypatch.setenv("GENDISTILL_DATA", "shared")
    assert data_root("data/raw") == tmp_path / "shared"
    monkeypatch.setenv("GENDISTILL_DATA", "/mnt/sets")
    assert data_root("data/raw") == Path("/mnt/sets")
    monkeypatch.delenv("DVC_ROOT")
    monkeypatch.delenv("GENDISTILL_DATA")
    assert data_root("data/raw") == Path.cwd() / "data/raw"
