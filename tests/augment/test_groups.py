"""Ranges of the random parameters, and the names of groups."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gendistill.augment import groups, operations
from gendistill.augment.groups import GROUPS, Draws, draws, parse_strategy
from gendistill.config.catalogue.augmentations import DIFF_AUGMENT_GROUPS, DSA_GROUPS
from gendistill.runtime.errors import UserError
from gendistill.runtime.streams import generator

COUNT = 2000


def source(count: int = COUNT, seed: int = 0) -> Draws:
    return Draws(generators=(generator("cpu", seed, "test"),), count=count)


def record(monkeypatch: pytest.MonkeyPatch, operation: str) -> list[tuple[Tensor, ...]]:
    """Parameters with which an operation is called, in place of the operation."""
    calls: list[tuple[Tensor, ...]] = []

    def spy(images: Tensor, *parameters: Tensor) -> Tensor:
        calls.append(parameters)
        return images

    monkeypatch.setattr(operations, operation, spy)
    return calls


@pytest.mark.parametrize(
    ("group", "operation", "low", "high"),
    [
        ("color", "brightness", -0.5, 0.5),
        ("color", "saturation", 0.0, 2.0),
        ("color", "contrast", 0.5, 1.5),
        ("scale", "scale", 1 / 1.2, 1.2),
        ("rotate", "rotate", -math.pi / 12, math.pi / 12),
    ],
)
def test_continuous_parameters_fill_their_range(
    monkeypatch: pytest.MonkeyPatch, group: str, operation: str, low: float, high: float
) -> None:
    calls = record(monkeypatch, operation)
    GROUPS[group](torch.zeros(COUNT, 3, 4, 4), source())
    (parameters,) = calls
    for values in parameters:
        assert values.shape == (COUNT,)
        assert values.min() >= low
        assert values.max() <= high
        # Uniform: the mean of 2000 is within 5 deviations of the middle.
        assert abs(values.mean() - (low + high) / 2) < 5 * (high - low) / math.sqrt(12 * COUNT)
        assert values.min() < low + 0.02 * (high - low)
        assert values.max() > high - 0.02 * (high - low)
    if len(parameters) == 2:
        assert not torch.equal(parameters[0], parameters[1])  # the axes are scaled independently


@pytest.mark.parametrize(("side", "reach"), [(16, 2), (28, 4), (32, 4), (64, 8)])
def test_crops_reach_an_eighth_of_the_side_both_ways(monkeypatch: pytest.MonkeyPatch, side: int, reach: int) -> None:
    calls = record(monkeypatch, "shift")
    GROUPS["crop"](torch.zeros(1, 1, side, side), source())
    ((down, right, limit),) = calls
    assert limit == reach
    assert set(down.tolist()) == set(range(-reach, reach + 1))
    assert set(right.tolist()) == set(range(-reach, reach + 1))
    assert not torch.equal(down, right)


@pytest.mark.parametrize(("side", "last"), [(16, 16), (28, 28), (30, 29)])
def test_cutout_centres_are_uniform(monkeypatch: pytest.MonkeyPatch, side: int, last: int) -> None:
    calls = record(monkeypatch, "cutout")
    GROUPS["cutout"](torch.zeros(1, 1, side, side), source())
    for centre in calls[0]:
        assert set(centre.tolist()) == set(range(last + 1))


def test_half_of_the_images_are_flipped(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record(monkeypatch, "flip")
    GROUPS["flip"](torch.zeros(1, 1, 4, 4), source())
    assert abs(calls[0][0].float().mean() - 0.5) < 0.06  # 5 deviations


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(GROUPS)), st.integers(0, 2**32), st.booleans(), st.sampled_from([1, 3]))
def test_bounds_hold_for_every_draw(name: str, seed: int, shared: bool, channels: int) -> None:
    images = torch.rand(3, channels, 16, 16) * 2 - 1
    result = GROUPS[name](images, draws(images, generator("cpu", seed, "bounds"), shared))
    assert result.shape == images.shape
    assert result.isfinite().all()
    # |x| <= 1 becomes at most 1.5 by brightness, times 5 by saturation, times 4 by contrast.
    assert result.abs().max() <= (30 if name == "color" else 1 + 1e-5)
    if name in ("crop", "cutout"):
        values = set(images.flatten().tolist()) | {0.0}
        assert set(result.flatten().tolist()) <= values


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", sorted(GROUPS))
def test_a_shared_draw_treats_equal_images_alike(name: str, shared: bool) -> None:
    images = torch.randn(1, 3, 16, 16).repeat(32, 1, 1, 1)
    result = GROUPS[name](images, draws(images, generator("cpu", 0, "shared"), shared))
    alike = torch.allclose(result, result[:1].expand_as(result), atol=1e-6)
    assert alike == shared


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_a_batch_is_a_loop_over_its_images(name: str) -> None:
    """The plain twin: the same parameters handed out one by one to single images."""
    images = torch.randn(4, 3, 8, 8)
    drawn: list[Tensor] = []

    class Recorded(Draws):
        def uniform(self, low: float, high: float) -> Tensor:
            drawn.append(super().uniform(low, high))
            return drawn[-1]

        def integers(self, low: int, high: int) -> Tensor:
            drawn.append(super().integers(low, high))
            return drawn[-1]

    together = GROUPS[name](images, Recorded(generators=(generator("cpu", 0, "loop"),), count=4))
    for index in range(4):
        parameters = iter([values[index : index + 1] for values in drawn])

        class Replayed(Draws):
            def uniform(self, low: float, high: float, take: Callable[[], Tensor] = parameters.__next__) -> Tensor:
                return take()

            def integers(self, low: int, high: int, take: Callable[[], Tensor] = parameters.__next__) -> Tensor:
                return take()

        alone = GROUPS[name](images[index : index + 1], Replayed(generators=(), count=1))
        torch.testing.assert_close(alone[0], together[index])


def test_strategies_are_parsed_in_their_order() -> None:
    assert parse_strategy("none", DSA_GROUPS) == ()
    assert parse_strategy("crop_color", DSA_GROUPS) == ("crop", "color")
    assert set(DIFF_AUGMENT_GROUPS) <= set(DSA_GROUPS) == set(groups.GROUPS)


@pytest.mark.parametrize("strategy", ["", "blur", "crop_", "crop-color", "none_crop"])
def test_unknown_groups_are_answered_with_the_known_ones(strategy: str) -> None:
    with pytest.raises(UserError, match=r"is not a group; use none, or groups from color, crop, cutout, flip"):
        parse_strategy(strategy, DSA_GROUPS)
