"""A fixed set on disk, and its picture."""

import numpy as np
import pytest
import torch
from PIL import Image

from gendistill.artifact.fixed import COLUMNS, GAP, grid, load_fixed_set, save_fixed_set, save_grid
from gendistill.runtime.errors import UserError


def coded(classes, ipc, channels=1, side=4):
    """Image i of the class-major set is i everywhere, plus 100 a channel."""
    numbers = np.arange(classes * ipc, dtype=np.uint8)[:, None, None, None] + 100 * np.arange(channels)[:, None, None]
    return np.broadcast_to(numbers, (classes * ipc, channels, side, side)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_picture_has_a_row_a_class(channels):
    picture = grid(coded(3, 4, channels), 4)
    step = 4 + GAP
    assert picture.shape == (3 * step - GAP, 4 * step - GAP, channels)
    for label in range(3):
        for column in range(4):
            tile = picture[label * step : label * step + 4, column * step : column * step + 4]
            for channel in range(channels):
                assert (tile[..., channel] == 4 * label + column + 100 * channel).all()
    gaps = np.ones(picture.shape[:2], dtype=bool)
    for offset in range(4):
        for other in range(4):
            gaps[offset::step, other::step] = False
    assert (picture[gaps] == 255).all()


def test_an_image_stands_upright_in_the_picture():
    image = np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4)
    assert np.array_equal(grid(image, 1)[..., 0], image[0, 0])


def test_a_picture_shows_the_first_images_of_a_large_set():
    picture = grid(coded(2, COLUMNS + 7, side=1), COLUMNS + 7)
    assert picture.shape == (1 + GAP + 1, COLUMNS * (1 + GAP) - GAP, 1)
    assert picture[0, :: 1 + GAP, 0].tolist() == list(range(COLUMNS))
    assert picture[1 + GAP, :: 1 + GAP, 0].tolist() == list(range(COLUMNS + 7, 2 * COLUMNS + 7))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_png_holds_the_picture_and_repeats(tmp_path, channels):
    images = coded(2, 3, channels)
    for name in ("a.png", "b.png"):
        save_grid(tmp_path / name, images, 3)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    shown = np.asarray(Image.open(tmp_path / "a.png")).reshape(*grid(images, 3).shape)
    assert np.array_equal(shown, grid(images, 3))


def test_a_set_comes_back_as_it_was(tmp_path):
    images, labels = torch.from_numpy(coded(2, 3, 3)), torch.tensor([0, 0, 0, 1, 1, 1])
    path = tmp_path / "synthetic" / "ipc3.safetensors"
    save_fixed_set(path, images, labels)
    read, read_labels = load_fixed_set(path)
    assert read.dtype == torch.uint8
    assert torch.equal(read, images)
    assert torch.equal(read_labels, labels)


def test_a_set_that_was_not_generated_says_so(tmp_path):
    with pytest.raises(UserError, match=r"ipc1\.safetensors does not exist; run `dvc repro generate` first"):
        load_fixed_set(tmp_path / "ipc1.safetensors")
