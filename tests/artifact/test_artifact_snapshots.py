"""Snapshots of a generator in a folder."""

import numpy as np
import pytest

from gendistill.artifact.snapshots import load_snapshots, save_snapshots
from gendistill.runtime.errors import UserError


def test_snapshots_come_back_by_step(tmp_path, tensors, equal_arrays):
    later = {name: np.asarray(value + 1) for name, value in tensors.items()}
    save_snapshots(tmp_path / "ours", {9: tensors, 100: later})
    read = load_snapshots(tmp_path / "ours")
    assert sorted(read) == [9, 100]
    assert equal_arrays(read[9], tensors)
    assert equal_arrays(read[100], later)


def test_old_snapshots_make_way(tmp_path, tensors):
    save_snapshots(tmp_path / "ours", {1: tensors, 2: tensors})
    save_snapshots(tmp_path / "ours", {3: tensors})
    assert list(load_snapshots(tmp_path / "ours")) == [3]
    assert [path.name for path in tmp_path.iterdir()] == ["ours"]


def test_an_empty_folder_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match="ours holds no generator; run `dvc repro distill` first"):
        load_snapshots(tmp_path / "ours")
