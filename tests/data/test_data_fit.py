import numpy as np
import pytest

from gendistill.data import fit
from gendistill.data.fit import array_blocks, crop, histogram, pad, resize, with_channels
from gendistill.data.raw import Fit
from gendistill.runtime.errors import UserError


def images(height: int, width: int, channels: int = 1) -> np.ndarray:
    values = np.arange(3 * height * width * channels) % 255 + 1
    return values.astype(np.uint8).reshape(3, height, width, channels)


def test_pad_28_to_32_keeps_every_pixel():
    source = images(28, 28)
    out = pad(source, 32)
    assert np.array_equal(out[:, 2:30, 2:30], source)
    out[:, 2:30, 2:30] = 0
    assert not out.any()


def test_pad_odd_and_not_square():
    out = pad(images(3, 4, 3), 8)
    assert np.array_equal(out[:, 2:5, 2:6], images(3, 4, 3))
    assert np.count_nonzero(out) == 3 * 3 * 4 * 3


def test_pad_of_the_right_size_changes_nothing():
    assert np.array_equal(pad(images(4, 4), 4), images(4, 4))


def test_pad_cannot_shrink():
    with pytest.raises(UserError, match=r"image_size is 16, but the images are 28 x 28.*fit: resize"):
        pad(images(28, 28), 16)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [4, 8, 16])
def test_resize_keeps_constant_images_and_channels_apart(size, channels):
    source = np.empty((2, 8, 8, channels), dtype=np.uint8)
    source[0] = 40 * (1 + np.arange(channels))
    source[1] = 7
    out = resize(source, size)
    assert out.shape == (2, size, size, channels)
    assert (out[0] == source[0, 0, 0]).all()
    assert (out[1] == 7).all()


def test_resize_is_antialiased():
    stripes = np.zeros((1, 16, 16, 1), dtype=np.uint8)
    stripes[:, :, ::2] = 200
    inner = resize(stripes, 4)[0, :, 1:-1, 0]
    assert np.abs(inner.astype(int) - 100).max() <= 8


def test_resize_of_the_right_size_changes_nothing():
    assert np.array_equal(resize(images(8, 8, 3), 8), images(8, 8, 3))


def test_resize_refuses_to_distort():
    with pytest.raises(UserError, match=r"images are 8 x 6.*fit: pad, or data.fit: crop"):
        resize(images(8, 6), 16)


def test_crop_keeps_the_middle_square():
    wide = images(8, 13, 3)
    assert np.array_equal(crop(wide, 8), wide[:, :, 2:10])
    assert np.array_equal(crop(wide.transpose(0, 2, 1, 3), 8), wide.transpose(0, 2, 1, 3)[:, 2:10])


def test_crop_resamples_the_middle_square_alone():
    wide = images(8, 12, 1)
    assert np.array_equal(crop(wide, 16), resize(np.ascontiguousarray(wide[:, :, 2:10]), 16))


def test_grey_is_repeated_and_colour_weighed():
    grey = images(4, 4, 1)
    assert np.array_equal(with_channels(grey, 3), np.concatenate([grey] * 3, axis=3))
    assert np.array_equal(with_channels(with_channels(grey, 3), 1), grey)
    red = np.zeros((1, 1, 1, 3), np.uint8)
    red[..., 0] = 255
    assert with_channels(red, 1).tolist() == [[[[76]]]]  # 0.299 x 255


def test_blocks_are_the_fitted_images_with_their_counts(monkeypatch):
    monkeypatch.setattr(fit, "BLOCK", 2)
    data, positions = images(8, 8, 3), np.array([0, 2, 1])
    blocks = list(array_blocks(data, positions, Fit("pad", 16, 3)))
    assert [len(pixels) for pixels, _ in blocks] == [2, 1]
    together = np.concatenate([pixels for pixels, _ in blocks])
    assert np.array_equal(together, pad(data[positions], 16).transpose(0, 3, 1, 2))
    assert np.array_equal(sum(counts for _, counts in blocks), histogram(data[positions]))  # of the unpadded pixels
