"""The real data sets, where a copy is at hand."""

import os
from pathlib import Path

import pytest

from gendistill.config.catalogue import DATASETS
from gendistill.data.prepare import channel_statistics
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


@pytest.mark.realdata
@pytest.mark.parametrize("name", SIGNS)
def test_counts_balance_and_statistics(name):
    if not os.environ.get("GENDISTILL_DATA"):
        pytest.skip("GENDISTILL_DATA is not set")
    root: Path = data_root("")
    if not any((root / sign).exists() for sign in SIGNS[name]):
        pytest.skip(f"{name} is not under {root}")
    data = read_source(name, "", root, 0)
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
