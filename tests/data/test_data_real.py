"""Real test images for students of an artifact: one set by three ways, and refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from gendistill.config.catalogue.images import FITS
from gendistill.config.schema import DataParams
from gendistill.data.info import load_info
from gendistill.data.prepare import prepare
from gendistill.data.real import FITTERS, NAMED, Form, real_test_images
from gendistill.data.sources import read_source
from gendistill.runtime.errors import UserError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("real") / "prepared"
    data = DataParams(
        name="digits", path="", image_size=16, fit="resize", channels="auto", balanced=True, held_out=0, split_seed=3
    )
    prepare(data, out, out)
    return out


@pytest.fixture
def form(folder):
    info = load_info(folder)
    return Form(
        classes=info.classes, channels=1, image_size=16, fit="resize", split_seed=3, mean=info.mean, std=info.std
    )  # fmt: skip


def everything(data):
    return data.batch(torch.arange(len(data)))


def test_a_name_a_folder_and_a_file_give_the_same_images(tmp_path, folder, form):
    raw = read_source("digits", "", tmp_path, 3)
    arrays = {"train_images": raw.train.images[..., 0], "train_labels": raw.train.labels}
    arrays |= {"test_images": raw.test.images[..., 0], "test_labels": raw.test.labels}
    np.savez(tmp_path / "digits.npz", **arrays)
    images, labels = everything(real_test_images("digits", tmp_path, form, CPU))
    assert images.shape == (360, 1, 16, 16)
    for where in (folder, tmp_path / "digits.npz"):
        again, marks = everything(real_test_images(str(where), tmp_path, form, CPU))
        assert torch.equal(again, images)
        assert torch.equal(marks, labels)


def test_a_folder_of_images_gives_the_test_part_that_was_set_aside(tmp_path):
    """Without test/ in it, one image in five is drawn by the seed in the card, as when the artifact was made."""
    for name, count in (("a", 20), ("b", 30)):
        (tmp_path / "own" / name).mkdir(parents=True)
        for number in range(count):
            code = np.full((12, 12), 5 * number + 50 * (name == "b"), np.uint8)
            Image.fromarray(code).save(tmp_path / "own" / name / f"{number:02}.png")
    data = DataParams(
        name="folder", path="own", image_size=16, fit="resize", channels="auto", balanced=True, held_out=0, split_seed=3
    )
    info = prepare(data, tmp_path, tmp_path / "prepared")
    form = Form(
        classes=("a", "b"), channels=1, image_size=16, fit="resize", split_seed=3, mean=info.mean, std=info.std
    )  # fmt: skip
    own, prepared = (everything(real_test_images(str(tmp_path / x), tmp_path, form, CPU)) for x in ("own", "prepared"))
    assert own[1].tolist() == [0] * 4 + [1] * 6
    assert torch.equal(own[0], prepared[0])
    with pytest.raises(UserError, match="own has 2 classes and the artifact 3"):
        real_test_images(str(tmp_path / "own"), tmp_path, replace(form, classes=("a", "b", "c")), CPU)
    for path in (tmp_path / "own/a").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(UserError, match=r"a/\d\d.png: no PNG"):
        real_test_images(str(tmp_path / "own"), tmp_path, form, CPU)


def test_they_are_standardised_by_the_artifacts_statistics(tmp_path, folder, form):
    images, _ = everything(real_test_images(str(folder), tmp_path, replace(form, mean=(0.0,), std=(0.5,)), CPU))
    assert images.min() == 0
    assert images.max() == 2


def test_the_split_seed_decides_which_digits_are_test_images(tmp_path, form):
    first = real_test_images("digits", tmp_path, form, CPU)
    other = real_test_images("digits", tmp_path, replace(form, split_seed=4), CPU)
    assert not torch.equal(first.images, other.images)


def test_every_fit_is_known():
    assert set(FITTERS) == set(FITS)
    assert {"digits", "cifar10"} <= set(NAMED)


@pytest.mark.parametrize(
    ("where", "changes", "text"),
    [
        ("digits", {"classes": tuple("abcdefghij")}, r"digits has 10 classes .* not the same \(class 0: '0' and 'a'\)"),
        ("digits", {"classes": ("0",)}, "digits has 10 classes and the artifact 1, and they are not the same"),
        ("digits", {"channels": 3}, "digits has images of 1 channels, the artifact's have 3"),
        ("folder", {"image_size": 32}, "images of 1 x 16 x 16, the artifact's are 1 x 32 x 32"),
        ("folder", {"classes": ("0",)}, "has 10 classes and the artifact 1"),
        ("digits.npz", {"classes": ("0",)}, "has labels up to 9, but the artifact has 1 classes"),
        ("nowhere", {}, "--data nowhere is neither a data set"),
    ],
)
def test_another_set_is_refused(tmp_path, folder, form, where, changes, text):
    place = {"folder": str(folder), "digits.npz": str(tmp_path / "digits.npz")}.get(where, where)
    if where == "digits.npz":
        blank = np.zeros((10, 8, 8), np.uint8)
        part = {
            f"{k}_{what}": v for k in ("train", "test") for what, v in (("images", blank), ("labels", np.arange(10)))
        }
        np.savez(tmp_path / "digits.npz", **part)
    with pytest.raises(UserError, match=text):
        real_test_images(place, tmp_path, replace(form, **changes), CPU)
