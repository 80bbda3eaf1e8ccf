import statistics as stats

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gendistill.reporting.merge import merge
from gendistill.runtime.errors import UserError

BUDGET = {"width": 0.25, "channels": 32, "epochs": 300, "steps": 300, "batch": 10, "augment": "crop"}


def entry(accuracies, **changes):
    spread = stats.stdev(accuracies) if len(accuracies) > 1 else 0.0
    return {
        "mean": stats.fmean(accuracies), "std": spread, "min": min(accuracies), "max": max(accuracies),
        "n": len(accuracies), "held_out_mean": 0.5, "distinct_images": 10, "bytes": 100, **BUDGET, **changes,
    }  # fmt: skip


def test_two_generators_by_hand():
    # students 0.90, 0.92 and 0.94, 0.98: means 0.91 and 0.96, so mean 0.935 and std_generators 0.05 / sqrt(2)
    # squares about 0.935: 0.035^2 + 0.015^2 + 0.005^2 + 0.045^2 = 0.0035, over 3
    merged = merge([entry([0.90, 0.92]), entry([0.94, 0.98], bytes=103, held_out_mean=0.7)])
    assert merged["mean"] == 0.935
    assert merged["std"] == round((0.0035 / 3) ** 0.5, 6) == 0.034157
    assert merged["std_generators"] == 0.035355
    assert (merged["n"], merged["generators"], merged["min"], merged["max"]) == (4, 2, 0.9, 0.98)
    assert merged["held_out_mean"] == 0.6
    assert merged["bytes"] == 102  # 101.5, rounded to even
    assert merged["steps"] == 300


def test_a_single_generator_keeps_its_numbers():
    merged = merge([entry([0.9, 0.92, 0.97], held_out_mean=None, best_of_test_points=0.93)])
    assert merged["std_generators"] is None
    assert merged["generators"] == 1
    assert merged["held_out_mean"] is None
    assert merged["best_of_test_points"] == 0.93
    assert merged["std"] == round(stats.stdev([0.9, 0.92, 0.97]), 6)


def test_one_student_has_no_spread():
    assert merge([entry([0.9])])["std"] == 0.0


accuracies = st.lists(st.floats(0, 1), min_size=1, max_size=5)


@given(st.lists(accuracies, min_size=1, max_size=4))
def test_the_spread_is_that_of_all_students_together(groups):
    together = [value for group in groups for value in group]
    expected = stats.stdev(together) if len(together) > 1 else 0.0
    assert merge([entry(group) for group in groups])["std"] == pytest.approx(expected, abs=2e-6)


def test_students_trained_differently_are_not_merged():
    with pytest.raises(UserError, match=r"different steps: \[300, 500\]"):
        merge([entry([0.9]), entry([0.9], steps=500)])
