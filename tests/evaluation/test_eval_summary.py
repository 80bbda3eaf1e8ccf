"""The statistics of a cell by hand, and the points at which the test set is read."""

import math

import pytest

from gendistill.evaluation.summary import CURVE_POINTS, held_out_curve, next_point, score, summary


def students(*last, held_out=None):
    return [student([value], held_out) for value in last]


def student(points, held_out=None, curve=(), confusion=((1, 0), (0, 1))):
    return {"points": points, "held_out": held_out, "curve": list(curve), "confusion": confusion}


def of(job, made):
    return summary(made, job, "convnet3", 0.25)


def test_mean_sample_deviation_and_extremes_by_hand(make_job):
    """0.5, 0.6, 0.8, 0.9: mean 0.7; squares 0.04 + 0.01 + 0.01 + 0.04 = 0.1, over n - 1 = 3."""
    result = of(make_job(), students(0.6, 0.9, 0.5, 0.8))
    assert (result["mean"], result["min"], result["max"], result["n"]) == (0.7, 0.5, 0.9, 4)
    assert result["std"] == round(math.sqrt(0.1 / 3), 6)
    assert result["accuracies"] == [0.6, 0.9, 0.5, 0.8]


def test_one_student_has_no_deviation(make_job):
    result = of(make_job(), students(0.25))
    assert (result["mean"], result["std"], result["n"]) == (0.25, 0.0, 1)


def test_accuracies_are_rounded_to_six_digits(make_job):
    result = of(make_job(), students(1 / 3, 2 / 3))
    assert result["accuracies"] == [0.333333, 0.666667]
    assert (result["mean"], result["std"]) == (0.5, round(math.sqrt(1 / 18), 6))


def test_held_out_images_are_averaged_or_absent(make_job):
    made = [*students(0.5, held_out=0.25), *students(0.5, held_out=0.5)]
    assert of(make_job(), made)["held_out_mean"] == 0.375
    assert of(make_job(), students(0.5))["held_out_mean"] is None


def test_the_best_test_point_is_a_value_of_its_own(make_job):
    made = [student([0.9, 0.4, 0.6]), student([0.2, 0.7, 0.8])]
    result = of(make_job(), made)
    assert result["mean"] == 0.7  # of the last points
    assert result["best_of_test_points"] == 0.85  # of 0.9 and 0.8
    assert "best_of_test_points" not in of(make_job(), students(0.5))


def test_what_a_number_was_got_with(make_job):
    result = of(make_job(batch=5, epochs=4, augment="crop"), students(0.5))
    expected = {"width": 0.25, "channels": 32, "epochs": 4, "steps": 28, "batch": 5, "augment": "crop"}
    assert {key: result[key] for key in expected} == expected
    assert (result["distinct_images"], result["bytes"]) == (32, 123)


@pytest.mark.parametrize(
    ("steps", "points", "expected"),
    [(10, 1, [10]), (10, 5, [2, 4, 6, 8, 10]), (7, 3, [2, 4, 7]), (2, 5, [1, 2])],
)
def test_test_points_are_evenly_spaced_and_end_with_the_last(steps, points, expected):
    assert sorted({next_point(step, steps, points) for step in range(steps)}) == expected


def test_a_score_by_hand():
    """4 of 6 right, then 5 of 6."""
    first, last = [[2, 1], [1, 2]], [[3, 0], [1, 2]]
    found = score([first, last], [0.25, 0.5])
    assert found == {"points": [4 / 6, 5 / 6], "confusion": last, "curve": [0.25, 0.5], "held_out": 0.5}
    assert score([last], [])["held_out"] is None


def test_counts_are_summed_over_students(make_job):
    made = [student([0.5], confusion=[[3, 0], [1, 2]]), student([0.5], confusion=[[1, 2], [0, 3]])]
    assert of(make_job(), made)["confusion"] == [[4, 2], [1, 5]]


def test_a_curve_by_hand():
    """At the first point 0.2 and 0.4: mean 0.3, deviation 0.1 sqrt(2)."""
    assert CURVE_POINTS == 6
    found = held_out_curve([[0.2] * 6, [0.4] * 6], 60)
    assert found["steps"] == [10, 20, 30, 40, 50, 60]
    assert (found["mean"][0], found["std"][0]) == (0.3, round(0.1 * math.sqrt(2), 6))
    assert held_out_curve([[], []], 60) == {"steps": [], "mean": [], "std": []}
    assert held_out_curve([[0.5, 0.6]], 2)["steps"] == [1, 2]  # fewer steps than points
