"""One cell of the result table: N students of one architecture on one source, under every protocol asked for.

The test set is read at the end of each student's training only. With ``evaluate.test_points`` above 1 it is also
read along the way, for the labelled value ``best_of_test_points`` that printed numbers can be compared with; nothing
is chosen by it. What is chosen (weights of the loss, snapshots) is chosen on the held-out images.
"""

import math
import statistics
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from gendistill.config.catalogue import NETWORKS
from gendistill.data.info import load_info
from gendistill.data.load import load_split
from gendistill.data.resident import ImageSet
from gendistill.evaluation.apart import StudentsApart
from gendistill.evaluation.protocols import Budget
from gendistill.evaluation.sources import Source
from gendistill.evaluation.student import Student, accuracy, confusion, new_student
from gendistill.evaluation.team import Team, side_by_side
from gendistill.evaluation.together import stack_students
from gendistill.networks.pooling import scaled
from gendistill.networks.registry import fresh_network
from gendistill.runtime.device import Compute
from gendistill.runtime.errors import UserError
from gendistill.runtime.loop import Loop, Session
from gendistill.runtime.seeds import derive_seed

CURVE_POINTS = 6  # times that the held-out images are read along a student's training

Counts = list[list[int]]
"""Test images of each true class (row) by the class they were taken for (column)."""

Finished = dict[str, list[dict[str, Any]]]
"""By protocol, what `score` keeps of every finished student."""


@dataclass(frozen=True)
class Job:
    """What one protocol of a cell trains on.

    Attributes:
        budget: steps, batch, optimiser, augmentation.
        source: batches.
        stored_bytes: what has to be kept to train another network like this.
    """

    budget: Budget
    source: Source
    stored_bytes: int


@dataclass(frozen=True)
class Splits:
    """Real images that students are scored on.

    Attributes:
        test: read for the reported numbers only.
        held_out: part of the training set that nothing was trained on; may be empty.
        num_classes: K.
    """

    test: ImageSet
    held_out: ImageSet
    num_classes: int


class Cohort(Protocol):
    """The students of a cell; section ``evaluate`` has these fields.

    Attributes:
        students: networks trained from scratch; >= 1.
        width: fraction of the architecture's standard channels; > 0.
        test_points: times a student is tested, evenly spaced, the last at the end; >= 1.
    """

    @property
    def students(self) -> int: ...  # noqa: D102
    @property
    def width(self) -> float: ...  # noqa: D102
    @property
    def test_points(self) -> int: ...  # noqa: D102


def load_splits(folder: Path, device: torch.device, resident_limit_mib: int) -> Splits:
    """The test and the held-out images of a prepared data set; larger ones are streamed, see `load_split`."""
    return Splits(
        test=load_split(folder, "test", device, resident_limit_mib),
        held_out=load_split(folder, "held_out", device, resident_limit_mib),
        num_classes=load_info(folder).num_classes,
    )


def run_cell(
    title: str,
    network: str,
    jobs: dict[str, Job],
    splits: Splits,
    cohort: Cohort,
    *,
    seed: int,
    compute: Compute,
    session: Session,
) -> dict[str, dict[str, Any]]:
    """Train and score every student of a cell, continuing from a checkpoint where there is one.

    Each student has its own weights, order of the images and augmentation, the same whether they are trained together
    or apart. Together they need the memory of all students' activations at once.

    Args:
        title: what the progress says.
        network: name of the architecture.
        jobs: by protocol.
        splits: what students are scored on.
        cohort: how many students, how wide, how often tested; section ``evaluate`` is one.
        seed: root seed; student i of every source and protocol starts from the same weights.
        compute: device and precision; students together or apart.
        session: checkpoints and stop requests.

    Returns:
        By protocol, the statistics of `summary`.

    Raises:
        UserError: the students do not fit the device's memory together.
    """
    try:
        finished = train_students(title, network, jobs, splits, cohort, seed=seed, compute=compute, session=session)
    except torch.OutOfMemoryError as error:
        if compute.students != "together" or cohort.students == 1:
            raise
        raise UserError(
            f"{title}: {cohort.students} students of {network} trained together do not fit the memory of "
            f"{compute.device}; set runtime.students to apart, which needs the memory of one"
        ) from error
    for job in jobs.values():
        job.source.start(seed, 0)  # distinct images are counted for the first student
    return {protocol: summary(finished[protocol], job, network, cohort.width) for protocol, job in jobs.items()}


def train_students(
    title: str,
    network: str,
    jobs: dict[str, Job],
    splits: Splits,
    cohort: Cohort,
    *,
    seed: int,
    compute: Compute,
    session: Session,
) -> Finished:
    """The students of `run_cell`, protocol by protocol; a loss that is not finite is named by its student."""
    finished: Finished = {protocol: [] for protocol in jobs}
    numbers = range(cohort.students)
    total = sum(job.budget.steps for job in jobs.values())
    names = tuple(f"student {number + 1}" for number in numbers)
    with Loop(title, total, names, session, at_once=cohort.students) as loop, ExitStack() as opened:
        saved = loop.resume()
        if saved is not None:
            finished = saved["finished"]
        done = sum(job.budget.steps for protocol, job in jobs.items() if finished[protocol])
        for protocol, job in jobs.items():
            if finished[protocol]:
                continue
            alone = [build_student(network, n, job.budget, splits, cohort.width, seed, compute) for n in numbers]
            team = build_team(alone, job.budget, compute)
            opened.callback(team.close)
            points: list[list[Counts]] = [[] for _ in numbers]
            curves: list[list[float]] = [[] for _ in numbers]
            if saved is not None:
                team.load(saved["team"])
                points, curves = saved["points"], saved["curves"]
            saved = None  # only the protocol that was interrupted starts from it
            sources = side_by_side(job.source, seed, cohort.students)
            for source in sources:
                opened.callback(source.close)
            while team.step < job.budget.steps:
                tested = next_point(team.step, job.budget.steps, cohort.test_points)
                scored = next_point(team.step, job.budget.steps, CURVE_POINTS)
                until = min(tested, scored, loop.next_tick(done + team.step) - done)
                losses = team.train(sources, job.budget, seed, until)
                for number in numbers if team.step == tested else ():
                    found = confusion(team.member(number), splits.test, splits.num_classes, compute)
                    points[number].append(found)
                for number in numbers if team.step == scored and len(splits.held_out) else ():
                    curves[number].append(accuracy(team.member(number), splits.held_out, compute))
                loop.advance(
                    done + team.step,
                    losses,
                    lambda team=team, points=points, curves=curves: {  # type: ignore[misc]
                        "finished": finished, "team": team.dump(), "points": points, "curves": curves,
                    },
                )  # fmt: skip
            finished[protocol] = [score(points[n], curves[n]) for n in numbers]
            done += job.budget.steps
    return finished


def build_team(students: list[Student], budget: Budget, compute: Compute) -> Team:
    """Untrained students as a team of the form that `compute` asks for; a single one is never stacked."""
    if compute.students == "together" and len(students) > 1:
        stacked = stack_students([student.network for student in students], budget)
        compute.compiled(stacked.at_once)
        return stacked
    return StudentsApart(students, compute)


def build_student(
    network: str, number: int, budget: Budget, splits: Splits, width: float, seed: int, compute: Compute
) -> Student:
    """Student `number` of a cell, untrained; its weights depend on (seed, number) and the architecture alone."""
    fresh = fresh_network(
        network,
        channels=splits.test.channels,
        image_size=splits.test.image_size,
        num_classes=splits.num_classes,
        width=width,
        device=compute.device,
        seed=derive_seed(seed, "student", number, "init"),
    )
    return new_student(fresh, budget)


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
