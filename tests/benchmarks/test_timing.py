"""The timing helper, with a clock that stands still unless told."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.timing import Timing, interleave, relative_range

CPU = torch.device("cpu")


class FakeClock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_turns_alternate_and_warm_up_is_not_counted():
    clock, calls = FakeClock(), []

    def side(name, durations):
        durations = iter(durations)

        def work():
            calls.append(name)
            clock.now += next(durations)

        return work

    # the first call of each takes 100 s, as a first call does
    found = interleave(
        side("a", [100, 1, 2, 3]), side("b", [100, 4, 4, 9]), repeats=3, warmup=1, device=CPU, clock=clock
    )
    assert calls == ["a", "b"] * 4
    assert found == Timing((1, 2, 3), (4, 4, 9))
    assert (found.ours_seconds, found.reference_seconds) == (2, 4)


def test_the_spread_is_that_of_the_quotient():
    # 4 / 1, 4 / 2, 9 / 3 = 4, 2, 3: (4 - 2) / 3
    assert Timing((1, 2, 3), (4, 4, 9)).spread == pytest.approx(2 / 3)


def test_a_load_that_hits_both_turns_leaves_the_spread_alone():
    assert Timing((1, 5, 1), (2, 10, 2)).spread == 0


@settings(deadline=None)
@given(st.lists(st.floats(0.1, 10), min_size=1), st.floats(0.1, 10))
def test_the_relative_range_has_no_unit(values, scale):
    found = relative_range(values)
    assert found >= 0
    assert relative_range([scale * value for value in values]) == pytest.approx(found, abs=1e-9)
    assert relative_range(values[::-1]) == found


def test_an_even_number_of_repeats_has_a_median_between_two():
    assert Timing((1, 2), (3, 5)).reference_seconds == 4
