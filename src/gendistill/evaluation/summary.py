"""What is kept of a cell's students, and the statistics made of it; accuracies are fractions."""

import math
import statistics
from typing import Any

from gendistill.config.catalogue.networks import NETWORKS
from gendistill.evaluation.inputs import Job
from gendistill.networks.pooling import scaled

CURVE_POINTS = 6  # times that the held-out images are read along a student's training

Counts = list[list[int]]
"""Test images of each true class (row) by the class they were taken for (column)."""


def next_point(step: int, steps: int, points: int) -> int:
    """The first step after `step` of `points` evenly spaced ones, the last of which ends the training."""
    return min(at for at in evenly_spaced(steps, points) if at > step)


def evenly_spaced(steps: int, points: int) -> list[int]:
    """At most `points` steps, ascending; the last is `steps`."""
    return sorted({steps * (i + 1) // points for i in range(points)} - {0})


def score(points: list[Counts], curve: list[float]) -> dict[str, Any]:
    """What is kept of a finished student.

    Args:
        points: confusion counts at the test points, the last at the end.
        curve: accuracies on the held-out images along the training, the last at the end; empty without such images.
    """
    right = [sum(counts[k][k] for k in range(len(counts))) / sum(map(sum, counts)) for counts in points]
    return {"points": right, "confusion": points[-1], "curve": curve, "held_out": curve[-1] if curve else None}


def summary(students: list[dict[str, Any]], job: Job, network: str, width: float) -> dict[str, Any]:
    """Statistics of a cell's students under one protocol; accuracies are fractions.

    Returns:
        ``mean``, ``std`` (sample standard deviation over students; 0 for one student), ``min``, ``max``, ``n``,
        ``accuracies``, ``held_out_mean`` (None without held-out images), ``best_of_test_points`` (mean over students
        of the best point, only when there are several), ``confusion`` (K x K test images by true and predicted class,
        summed over the students), ``held_out_curve`` (steps, means and standard deviations of the accuracy on the
        held-out images along the training; empty lists without such images), and what the number was got with.
    """
    last = [student["points"][-1] for student in students]
    held_out = [student["held_out"] for student in students if student["held_out"] is not None]
    confusions = zip(*(student["confusion"] for student in students), strict=True)
    result: dict[str, Any] = {
        "mean": round(math.fsum(last) / len(last), 6),
        "std": round(statistics.stdev(last), 6) if len(last) > 1 else 0.0,
        "min": round(min(last), 6),
        "max": round(max(last), 6),
        "n": len(last),
        "accuracies": [round(value, 6) for value in last],
        "held_out_mean": round(math.fsum(held_out) / len(held_out), 6) if held_out else None,
        "width": width,
        "channels": scaled(NETWORKS[network].channels, width),
        "epochs": job.budget.epochs,
        "steps": job.budget.steps,
        "batch": job.budget.batch,
        "augment": job.budget.augment,
        "distinct_images": job.source.distinct_images(),
        "bytes": job.stored_bytes,
        "confusion": [[sum(cells) for cells in zip(*rows, strict=True)] for rows in confusions],
        "held_out_curve": held_out_curve([student["curve"] for student in students], job.budget.steps),
    }
    if len(students[0]["points"]) > 1:
        best = [max(student["points"]) for student in students]
        result["best_of_test_points"] = round(math.fsum(best) / len(best), 6)
    return result


def held_out_curve(curves: list[list[float]], steps: int) -> dict[str, Any]:
    """Mean and sample standard deviation over students of curves read at `CURVE_POINTS` steps; empty without any."""
    columns = list(zip(*curves, strict=True))
    return {
        "steps": evenly_spaced(steps, CURVE_POINTS) if columns else [],
        "mean": [round(math.fsum(values) / len(values), 6) for values in columns],
        "std": [round(statistics.stdev(values), 6) if len(values) > 1 else 0.0 for values in columns],
    }
