"""The real data sets, where a copy is at hand."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from gendistill.config.catalogue.datasets import DATASETS
from gendistill.config.schema import DataParams
from gendistill.data.prepare import channel_statistics, prepare
from gendistill.data.sources import data_root, read_source

# Any of these files shows that the set is there.
SIGNS = {
    "mnist": ("mnist.npz", "MNIST/raw/t10k-labels-idx1-ubyte.gz"),
    "fashion_mnist": ("fashion_mnist.npz", "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz"),
    "cifar10": ("cifar10.npz", "cifar-10-python.tar.gz"),
}
STATISTICS = {
    "mnist": ((0.1307,), (0.3081,)),
    "fashion_mnist": ((0.2860,), (0.3530,)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}


def read(name):
    """The real set, if it is at hand."""
    if not os.environ.get("GENDISTILL_DATA"):
        pytest.skip("GENDISTILL_DATA is not set")
    root: Path = data_root("")
    if not any((root / sign).exists() for sign in SIGNS[name]):
        pytest.skip(f"{name} is not under {root}")
    return read_source(name, "", root, 0)


@pytest.mark.realdata
@pytest.mark.parametrize("name", SIGNS)
def test_counts_balance_and_statistics(name):
    data = read(name)
    entry = DATASETS[name]
    assert (len(data.train), len(data.test)) == (entry.train_count, entry.test_count)
    size = entry.native_size
    assert data.train.images.shape[1:] == data.test.images.shape[1:] == (size, size, entry.channels)
    assert sorted(set(data.train.labels.tolist())) == list(range(10))
    mean, std = channel_statistics(data.train.images)
    assert mean == pytest.approx(STATISTICS[name][0], abs=6e-5)
    assert std == pytest.approx(STATISTICS[name][1], abs=6e-5)
    # The first images as published: a five, an ankle boot, a frog.
    assert data.train.labels[0] == {"mnist": 5, "fashion_mnist": 9, "cifar10": 6}[name]


@pytest.mark.realdata
@pytest.mark.parametrize("size", [32, 64])
def test_cifar10_written_as_a_folder_is_cifar10(size, tmp_path):
    """At 32 pixels bit for bit; at 64, enlarged when written, close to the images once they are shrunk again."""
    data = read("cifar10")
    for part, split, count in (("train", data.train, 300), ("test", data.test, 60)):
        for number in range(count):
            path = tmp_path / f"own/{part}/{data.classes[split.labels[number]]}/{number:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(split.images[number]).resize((size, size), Image.Resampling.BICUBIC).save(path)
    params = DataParams(
        name="folder",
        path="own",
        image_size=size,
        fit="resize",
        channels="auto",
        balanced=True,
        held_out=0,
        split_seed=0,
    )
    info = prepare(params, tmp_path, tmp_path / "out")
    assert info.classes == tuple(sorted(data.classes))
    assert (info.channels, info.counts) == (3, {"train": 300, "held_out": 0, "test": 60})
    for part, split, count in (("train", data.train, 300), ("test", data.test, 60)):
        names = np.array(data.classes)[split.labels[:count]]
        order = np.lexsort((np.arange(count), names))  # class after class, as folders are read
        stored = load_file(tmp_path / f"out/{part}.safetensors")
        assert [info.classes[label] for label in stored["labels"]] == names[order].tolist()
        images = stored["images"].reshape(count, 3, 32, size // 32, 32, size // 32).mean((3, 5))
        gap = np.abs(images - split.images[:count][order].transpose(0, 3, 1, 2))
        assert gap.max() == 0 if size == 32 else gap.mean() < 3
