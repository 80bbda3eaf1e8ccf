"""The rule for halvings, and relative widths."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gendistill.config.catalogue.images import IMAGE_SIZES
from gendistill.networks.pooling import AveragePool, final_side, kept_halvings, scaled


@pytest.mark.parametrize(
    ("image_size", "normalised_after", "kept", "side"),
    [
        # VGG11: the last pool has only the classifier behind it and may reach one pixel.
        (32, (True, True, True, True, False), (True, True, True, True, True), 1),
        (16, (True, True, True, True, False), (True, True, True, False, True), 1),
        (64, (True, True, True, True, False), (True, True, True, True, True), 2),
        # A stride of 2 is normalised at its own output.
        (16, (True, True, True), (True, True, True), 2),
        (8, (True, True, True), (True, True, False), 2),
        # Without normalisation a single pixel is no obstacle; less than one is.
        (2, (False, False), (True, False), 1),
    ],
)
def test_halvings_by_hand(
    image_size: int, normalised_after: tuple[bool, ...], kept: tuple[bool, ...], side: int
) -> None:
    assert kept_halvings(image_size, normalised_after) == kept
    assert final_side(image_size, kept) == side


@given(st.sampled_from(IMAGE_SIZES), st.lists(st.booleans(), max_size=8))
def test_no_normalised_map_is_smaller_than_two_pixels(image_size: int, normalised: list[bool]) -> None:
    kept = kept_halvings(image_size, normalised)
    for index, norm in enumerate(normalised):
        side = final_side(image_size, kept[: index + 1])
        assert side >= 1
        if norm and kept[index]:
            assert side >= 2


@given(st.sampled_from([32, 64, 128, 192, 256, 512]), st.floats(0.001, 4))
def test_scaled_widths_are_near_multiples_of_four(channels: int, width: float) -> None:
    count = scaled(channels, width)
    assert count % 4 == 0
    assert count >= 4
    assert count == 4 or abs(count - channels * width) <= 2
    assert scaled(channels, 1.0) == channels


@pytest.mark.parametrize("width", [0.0, -1.0])
def test_widths_must_be_positive(width: float) -> None:
    with pytest.raises(ValueError, match="expected a positive fraction"):
        scaled(128, width)


def test_the_average_pool_equals_torchs_forward_and_backward():
    x = torch.randn(2, 3, 8, 12, dtype=torch.float64, requires_grad=True)
    twin = x.detach().clone().requires_grad_()
    slope = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    AveragePool()(x).backward(slope)
    torch.nn.functional.avg_pool2d(twin, 2).backward(slope)
    torch.testing.assert_close(AveragePool()(x), torch.nn.functional.avg_pool2d(twin, 2))
    torch.testing.assert_close(x.grad, twin.grad)
