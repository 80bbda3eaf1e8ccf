"""Pixel operations against values worked out by hand and against loops over images and pixels."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gendistill.augment import operations

GREY = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])  # mean 3
COLOUR = torch.tensor([[[[1.0]], [[2.0]], [[6.0]]]])  # one pixel, mean 3 over channels


def coded(n: int = 2, c: int = 2, side: int = 4) -> Tensor:
    """Images whose pixels are all different and none of them 0."""
    return torch.arange(1.0, n * c * side * side + 1).reshape(n, c, side, side)


def test_brightness_adds_a_number_per_image() -> None:
    result = operations.brightness(torch.cat([GREY, GREY]), torch.tensor([0.5, -1.0]))
    assert result.flatten(1).tolist() == [[1.5, 2.5, 3.5, 6.5], [0, 1, 2, 5]]


def test_saturation_scales_the_deviation_from_the_channel_mean() -> None:
    result = operations.saturation(torch.cat([COLOUR] * 3), torch.tensor([0.0, 1.0, 2.0]))
    # mean 3; deviations -2, -1, 3
    assert result.flatten(1).tolist() == [[3, 3, 3], [1, 2, 6], [-1, 1, 9]]


def test_saturation_of_grey_images_is_the_identity() -> None:
    assert torch.equal(operations.saturation(GREY, torch.tensor([1.7])), GREY)


def test_contrast_scales_the_deviation_from_the_image_mean() -> None:
    result = operations.contrast(torch.cat([GREY, GREY]), torch.tensor([0.5, 2.0]))
    # deviations -2, -1, 0, 3
    assert result.flatten(1).tolist() == [[2, 2.5, 3, 4.5], [-1, 1, 3, 9]]
    # One mean for all channels: 3, with deviations -2, -1, 3.
    assert operations.contrast(COLOUR, torch.tensor([2.0])).flatten().tolist() == [-1, 1, 9]


def test_shift_moves_down_and_right_and_fills_with_zeros() -> None:
    image = torch.tensor([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]])
    result = operations.shift(image.repeat(3, 1, 1, 1), torch.tensor([1, 0, -2]), torch.tensor([0, -1, 1]), 2)
    assert result[0, 0].tolist() == [[0, 0, 0], [1, 2, 3], [4, 5, 6]]
    assert result[1, 0].tolist() == [[2, 3, 0], [5, 6, 0], [8, 9, 0]]
    assert result[2, 0].tolist() == [[0, 7, 8], [0, 0, 0], [0, 0, 0]]


@given(st.data())
def test_shift_agrees_with_a_loop_over_pixels(data: st.DataObject) -> None:
    images, reach = coded(), 3
    moves = st.lists(st.integers(-reach, reach), min_size=2, max_size=2)
    down, right = data.draw(moves), data.draw(moves)
    expected = torch.zeros_like(images)
    for n in range(2):
        for y in range(4):
            for x in range(4):
                if 0 <= y - down[n] < 4 and 0 <= x - right[n] < 4:
                    expected[n, :, y, x] = images[n, :, y - down[n], x - right[n]]
    result = operations.shift(images, torch.tensor(down), torch.tensor(right), reach)
    assert torch.equal(result, expected)


def test_shift_is_exact_in_half_precision() -> None:
    images = torch.randn(2, 3, 8, 8).bfloat16()
    result = operations.shift(images, torch.tensor([1]), torch.tensor([0]), 1)
    assert torch.equal(result[:, :, 1:], images[:, :, :-1])


def test_cutout_removes_half_the_side_about_its_centre() -> None:
    ones = torch.ones(3, 1, 4, 4)
    result = operations.cutout(ones, torch.tensor([2, 0, 4]), torch.tensor([2, 1, 4]))
    assert result[0, 0].tolist() == [[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    assert result[1, 0].tolist() == [[0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]
    assert result[2, 0].tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 0]]


@given(st.integers(2, 9), st.data())
def test_cutout_agrees_with_slices(side: int, data: st.DataObject) -> None:
    row, column = data.draw(st.integers(0, side)), data.draw(st.integers(0, side))
    images, length = coded(1, 2, side), operations.cutout_side(side)
    expected = images.clone()
    top, left = row - length // 2, column - length // 2
    expected[:, :, max(top, 0) : top + length, max(left, 0) : left + length] = 0
    assert torch.equal(operations.cutout(images, torch.tensor([row]), torch.tensor([column])), expected)


def test_cutout_sides() -> None:
    assert [operations.cutout_side(side) for side in (16, 28, 32, 7)] == [8, 14, 16, 4]


def test_flip_mirrors_where_asked() -> None:
    images = coded()
    result = operations.flip(images, torch.tensor([True, False]))
    assert torch.equal(result[0], images[0].flip(2))
    assert torch.equal(result[1], images[1])
    assert torch.equal(operations.flip(result, torch.tensor([True, False])), images)


def test_resampling_by_nothing_is_the_identity() -> None:
    images, one = torch.randn(2, 3, 16, 16), torch.tensor([1.0])
    torch.testing.assert_close(operations.scale(images, one, one), images, atol=1e-5, rtol=0)
    torch.testing.assert_close(operations.rotate(images, torch.tensor([0.0])), images, atol=1e-5, rtol=0)


def test_scaling_by_two_halves_the_object() -> None:
    image = torch.ones(1, 1, 4, 4)
    result = operations.scale(image, torch.tensor([2.0]), torch.tensor([1.0]))
    # pixel centres -.75 -.25 .25 .75 are read at -1.5 -.5 .5 1.5: outside, inside, inside, outside
    assert result[0, 0].tolist() == [[0, 1, 1, 0]] * 4
    result = operations.scale(image, torch.tensor([1.0]), torch.tensor([2.0]))
    assert result[0, 0].tolist() == [[0] * 4, [1] * 4, [1] * 4, [0] * 4]


def test_a_quarter_turn_is_counter_clockwise() -> None:
    images = torch.randn(1, 2, 8, 8)
    result = operations.rotate(images, torch.tensor([math.pi / 2]))
    torch.testing.assert_close(result, torch.rot90(images, 1, dims=(2, 3)), atol=1e-5, rtol=0)


def test_resampling_agrees_with_affine_grid() -> None:
    images = torch.randn(3, 2, 8, 8)
    angle, x, y = torch.tensor([-0.2, 0.1, 0.26]), torch.tensor([0.9, 1.1, 1.2]), torch.tensor([1.2, 1, 0.84])
    for n in range(3):
        c, s = math.cos(angle[n]), math.sin(angle[n])
        for theta, result in (
            ([[c, -s, 0], [s, c, 0]], operations.rotate(images, angle)),
            ([[x[n], 0, 0], [0, y[n], 0]], operations.scale(images, x, y)),
        ):
            grid = torch.nn.functional.affine_grid(torch.tensor([theta]), [1, 2, 8, 8], align_corners=False)
            expected = torch.nn.functional.grid_sample(images[n : n + 1], grid, align_corners=False)
            torch.testing.assert_close(result[n : n + 1], expected, atol=1e-5, rtol=1e-5)


OPERATIONS = {
    "brightness": lambda images, k: operations.brightness(images, torch.linspace(-0.4, 0.4, k)),
    "saturation": lambda images, k: operations.saturation(images, torch.linspace(0.2, 1.8, k)),
    "contrast": lambda images, k: operations.contrast(images, torch.linspace(0.6, 1.4, k)),
    "shift": lambda images, k: operations.shift(images, torch.arange(k) - 1, 1 - torch.arange(k), 3),
    "cutout": lambda images, k: operations.cutout(images, torch.arange(k), 4 - torch.arange(k)),
    "flip": lambda images, k: operations.flip(images, torch.arange(k) % 2 == 0),
    "scale": lambda images, k: operations.scale(images, torch.linspace(0.9, 1.1, k), torch.linspace(1.1, 0.9, k)),
    "rotate": lambda images, k: operations.rotate(images, torch.linspace(-0.2, 0.2, k)),
}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_gradients_are_those_of_differences(name: str) -> None:
    images = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: OPERATIONS[name](x, 2), (images,))
    assert torch.autograd.gradgradcheck(lambda x: OPERATIONS[name](x, 2), (images,))


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_one_parameter_serves_all_images(name: str) -> None:
    images = torch.randn(3, 3, 4, 4)
    together = OPERATIONS[name](images, 1)
    apart = torch.cat([OPERATIONS[name](image[None], 1) for image in images])
    assert together.shape == images.shape
    torch.testing.assert_close(together, apart)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_input_is_left_as_it_was(name: str) -> None:
    images = torch.randn(2, 3, 4, 4)
    before = images.clone()
    assert OPERATIONS[name](images, 2).dtype == images.dtype
    assert torch.equal(images, before)
