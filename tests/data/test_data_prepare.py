import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from gendistill.config.schema import DataParams
from gendistill.data import prepare as module
from gendistill.data.info import SPLITS, load_info
from gendistill.data.load import load_split
from gendistill.data.prepare import channel_statistics, prepare
from gendistill.runtime.errors import UserError


def section(**changes) -> DataParams:
    base = {"name": "npz", "path": "own.npz", "image_size": 16, "fit": "pad", "held_out": 0, "split_seed": 0}
    return DataParams(**(base | {"channels": "auto", "balanced": True} | changes))


def write(root, train_labels, test_labels=(0, 1, 2), side=(12, 12), channels=1):
    """Training image i is 2 i everywhere, test image i is 200 + i: the pixel tells the image."""
    arrays = {}
    for part, labels, codes in (
        ("train", train_labels, 2 * np.arange(len(train_labels))),
        ("test", test_labels, 200 + np.arange(len(test_labels))),
    ):
        arrays[f"{part}_images"] = codes.astype(np.uint8)[:, None, None, None] * np.ones((*side, channels), np.uint8)
        arrays[f"{part}_labels"] = np.asarray(labels)
    np.savez(root / "own.npz", **arrays)


TRAIN = [i * 7 % 3 for i in range(60)]


def test_labels_stay_with_their_images(tmp_path):
    write(tmp_path, TRAIN, channels=3)
    info = prepare(section(held_out=9), tmp_path, tmp_path / "out")
    assert info.counts == {"train": 51, "held_out": 9, "test": 3}
    assert load_info(tmp_path / "out") == info
    seen = []
    for split in ("train", "held_out"):
        stored = load_file(tmp_path / "out" / f"{split}.safetensors")
        assert stored["images"].dtype == np.uint8
        assert stored["labels"].dtype == np.int64
        codes = stored["images"][:, :, 2:14, 2:14] // 2
        assert (codes == codes[:, :1, :1, :1]).all()
        positions = codes[:, 0, 0, 0].tolist()
        assert [TRAIN[position] for position in positions] == stored["labels"].tolist()
        seen += positions
    assert sorted(seen) == list(range(60))
    test = load_file(tmp_path / "out" / "test.safetensors")
    assert test["images"][:, 0, 8, 8].tolist() == [200, 201, 202]
    assert test["labels"].tolist() == [0, 1, 2]


def test_the_held_out_part_is_stratified(tmp_path):
    write(tmp_path, [0] * 60 + [1] * 30 + [2] * 10)
    prepare(section(held_out=20), tmp_path, tmp_path / "out")
    labels = load_file(tmp_path / "out" / "held_out.safetensors")["labels"]
    assert np.bincount(labels).tolist() == [12, 6, 2]


def test_padding_is_zero_and_exact(tmp_path):
    write(tmp_path, TRAIN)
    prepare(section(), tmp_path, tmp_path / "out")
    images = load_file(tmp_path / "out" / "test.safetensors")["images"]
    assert images.shape == (3, 1, 16, 16)
    assert (images[:, :, 2:14, 2:14] == np.array([200, 201, 202])[:, None, None, None]).all()
    assert images.sum(dtype=np.int64) == 144 * (200 + 201 + 202)


def test_statistics_by_hand():
    images = np.zeros((1, 1, 4, 2), np.uint8)
    images[0, 0, :, 0] = [0, 0, 255, 255]
    images[0, 0, :, 1] = [51, 51, 51, 102]
    mean, std = channel_statistics(images)
    assert mean == pytest.approx((0.5, 0.25), abs=1e-15)
    assert std == pytest.approx((0.5, 0.2 * 0.1875**0.5), abs=1e-15)


def test_statistics_are_those_of_the_unpadded_images_that_stay(tmp_path):
    write(tmp_path, TRAIN)
    info = prepare(section(held_out=9), tmp_path, tmp_path / "out")
    stay = load_file(tmp_path / "out" / "train.safetensors")["images"][:, :, 2:14, 2:14] / 255
    assert info.mean == pytest.approx((stay.mean(),), abs=1e-12)
    assert info.std == pytest.approx((stay.std(),), abs=1e-12)


def test_statistics_are_those_of_the_resized_images(tmp_path):
    data = np.random.default_rng(0).integers(0, 256, (6, 24, 24, 3), dtype=np.uint8)
    labels = np.arange(6) % 3
    np.savez(tmp_path / "own.npz", train_images=data, train_labels=labels, test_images=data, test_labels=labels)
    info = prepare(section(fit="resize"), tmp_path, tmp_path / "out")
    stored = load_file(tmp_path / "out" / "train.safetensors")["images"] / 255
    assert info.mean == pytest.approx(stored.mean((0, 2, 3)), abs=1e-12)
    assert info.std == pytest.approx(stored.std((0, 2, 3)), abs=1e-12)


def test_train_and_test_are_standardised_alike(tmp_path):
    write(tmp_path, TRAIN)
    info = prepare(section(), tmp_path, tmp_path / "out")
    for split, code in (("train", 2), ("test", 201)):
        images, _ = load_split(tmp_path / "out", split, "cpu", 1).batch(torch.tensor([1]))
        assert images[0, 0, 8, 8].item() == pytest.approx((code / 255 - info.mean[0]) / info.std[0], rel=1e-5)


def test_the_same_input_gives_the_same_bytes(tmp_path):
    write(tmp_path, TRAIN)
    infos = [prepare(section(held_out=9), tmp_path, tmp_path / out) for out in ("a", "b")]
    assert infos[0] == infos[1]
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(["info.json", *(f"{split}.safetensors" for split in SPLITS)])
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    other = prepare(section(held_out=9, split_seed=1), tmp_path, tmp_path / "c")
    assert other.checksum != infos[0].checksum


def test_digits_as_in_the_default_run(tmp_path):
    info = prepare(section(name="digits", path="", fit="resize", held_out=144), tmp_path, tmp_path / "out")
    assert info.counts == {"train": 1293, "held_out": 144, "test": 360}
    assert (info.channels, info.image_size, info.num_classes) == (1, 16, 10)


def test_info_is_plain_json(tmp_path):
    write(tmp_path, TRAIN)
    prepare(section(), tmp_path, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "info.json").read_text())
    assert content["classes"] == ["0", "1", "2"]
    assert len(content["checksum"]) == 64
    assert list(content["source"]) == ["own.npz"]


@pytest.mark.parametrize(
    ("train", "test", "params", "message"),
    [
        (
            [0, 2] * 5,
            [0],
            section(),
            r"no training image has the label 1 \(1\), but the data set has 3 classes",
        ),
        ([0, 1] * 5, [0, 2], section(), r"no training image has the label 2 \(2\)"),
        ([0] * 30, [29], section(), r"label 1 \(1\), .*10 \(10\) and 19 more"),
        ([0, 1] * 5, [0], section(held_out=10), "held_out is 10, but there are 10 training images"),
        (
            [0, 1],
            [0],
            section(held_out=1),
            r"held_out: 1 of 2 leaves no training image with the label 0 \(0\)",
        ),
        ([0, 1] * 5, [0], section(image_size=8), "image_size is 8, but the images are 12 x 12"),
        ([0], [0], section(), "channel 0 of the training images is 0 everywhere"),
    ],
)
def test_what_cannot_be_prepared_is_explained(tmp_path, train, test, params, message):
    write(tmp_path, train, test)
    with pytest.raises(UserError, match=message):
        prepare(params, tmp_path, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["own.npz"]


def test_a_class_without_test_images_is_noted(tmp_path):
    write(tmp_path, TRAIN, [0, 2])
    assert prepare(section(), tmp_path, tmp_path / "out").notes == ("no test image has the label 1 (1)",)


def test_images_that_are_not_square(tmp_path):
    write(tmp_path, TRAIN, side=(12, 10))
    prepare(section(), tmp_path, tmp_path / "out")
    assert load_file(tmp_path / "out" / "test.safetensors")["images"].shape == (3, 1, 16, 16)
    with pytest.raises(UserError, match="12 x 10"):
        prepare(section(fit="resize"), tmp_path, tmp_path / "out")


def test_an_interrupted_write_leaves_the_old_folder(tmp_path, monkeypatch):
    write(tmp_path, TRAIN)
    before = prepare(section(), tmp_path, tmp_path / "out")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_json", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(section(held_out=9), tmp_path, tmp_path / "out")
    assert load_info(tmp_path / "out") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "own.npz"]


def test_a_missing_preparation_names_the_pipeline_that_makes_it(tmp_path):
    with pytest.raises(UserError, match=r"info\.json does not exist: run `dvc repro prepare` first"):
        load_info(tmp_path / "data/prepared")
    with pytest.raises(UserError, match=r"info\.json does not exist: run `dvc repro benchmark/dvc\.yaml` first"):
        load_info(tmp_path / "data/benchmark/digits/prepared")
