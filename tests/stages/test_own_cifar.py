"""CIFAR-10 written out as a folder of PNG and JPEG files, at its size and enlarged, through every stage."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gendistill.artifact.file import load_artifact
from gendistill.artifact.fixed import load_fixed_set
from gendistill.data.info import load_info
from gendistill.data.load import load_split
from gendistill.data.raw import RawSplit
from gendistill.data.sources import data_root, read_source

NAMES = ("cat", "ship", "truck")
COUNTS = {"train": 24, "test": 8}  # of each class


@pytest.fixture(scope="module")
def cifar() -> dict[str, dict[str, np.ndarray]]:
    """The first images (k, 32, 32, 3) of three classes, by part and class."""
    root = data_root("") if os.environ.get("GENDISTILL_DATA") else None
    if root is None or not any((root / name).exists() for name in ("cifar10.npz", "cifar-10-python.tar.gz")):
        pytest.skip("GENDISTILL_DATA does not name a folder with CIFAR-10")
    data = read_source("cifar10", "", root, 0)
    return {
        part: firsts(split, data.classes, COUNTS[part])
        for part, split in zip(COUNTS, (data.train, data.test), strict=True)
    }


def firsts(split: RawSplit, classes: tuple[str, ...], count: int) -> dict[str, np.ndarray]:
    assert isinstance(split.images, np.ndarray)
    return {name: split.images[split.labels == classes.index(name)][:count] for name in NAMES}


def write_folder(root: Path, cifar: dict[str, dict[str, np.ndarray]], size: int) -> None:
    """Every fourth image as JPEG, which is lossy, the others as PNG."""
    for part, of_class in cifar.items():
        for name, images in of_class.items():
            folder = root / part / name
            folder.mkdir(parents=True)
            for number, pixels in enumerate(images):
                picture = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
                picture.save(folder / f"{number:03}{'.jpg' if number % 4 == 3 else '.png'}", quality=95)


@pytest.mark.realdata
@pytest.mark.parametrize("size", [32, 64])
def test_a_folder_of_cifar10_runs_through_every_stage(
    cifar: dict[str, dict[str, np.ndarray]], size: int, tmp_path: Path, new_project: Callable[..., Path],
    run_stage: Callable[..., Any], pipeline: tuple[tuple[str, ...], ...],
) -> None:  # fmt: skip
    own = {"data.name": "folder", "data.path": "own", "data.image_size": size, "data.held_out": 0}
    folder = new_project(tmp_path / "project", own)
    write_folder(folder / "data/raw/own", cifar, size)
    for stage, *options in pipeline:
        result = run_stage(folder, stage, *options)
        assert result.exit_code == 0, (stage, result.output, result.exception)

    info = load_info(folder / "data/prepared")
    assert (info.classes, info.counts) == (NAMES, {"train": 72, "held_out": 0, "test": 24})
    train = load_split(folder / "data/prepared", "train", "cpu", 100)
    assert train.shape == (72, 3, size, size)
    small = train.images.numpy().reshape(72, 3, 32, size // 32, 32, size // 32).mean((3, 5))
    gaps = np.abs(small - np.concatenate(list(cifar["train"].values())).transpose(0, 3, 1, 2)).mean((1, 2, 3))
    lossy = np.arange(72) % 4 == 3
    assert gaps[lossy].max() < 6
    assert gaps[~lossy].max() == 0 if size == 32 else gaps[~lossy].max() < 6

    _, card = load_artifact(folder / "data/artifacts/ours.safetensors")
    assert (card["image_shape"], card["classes"]) == ([3, size, size], list(NAMES))
    images, labels = load_fixed_set(folder / "data/synthetic/ours/ipc1.safetensors")
    assert (images.shape, labels.tolist()) == ((3, 3, size, size), [0, 1, 2])
    found = json.loads((folder / "metrics/accuracy/ours-convnet3.json").read_text())
    assert all(value["n"] == 2 and 0 <= value["mean"] <= 1 for value in found.values())
    assert "cat" in (folder / "data/report/index.html").read_text()
