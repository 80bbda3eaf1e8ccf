"""One cell of the result table: N students of one architecture on one source, under every protocol asked for.

The test set is read at the end of each student's training only. With ``evaluate.test_points`` above 1 it is also
read along the way, for the labelled value ``best_of_test_points`` that printed numbers can be compared with; nothing
is chosen by it. What is chosen (weights of the loss, snapshots) is chosen on the held-out images.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch

from gendistill.evaluation.apart import StudentsApart
from gendistill.evaluation.inputs import Cohort, Job, Splits
from gendistill.evaluation.protocols import Budget
from gendistill.evaluation.student import Student, accuracy, confusion, new_student
from gendistill.evaluation.summary import CURVE_POINTS, Counts, next_point, score, summary
from gendistill.evaluation.team import Team, side_by_side
from gendistill.evaluation.together import stack_students
from gendistill.networks.base import Network
from gendistill.networks.registry import fresh_network
from gendistill.runtime.device import Compute
from gendistill.runtime.errors import UserError
from gendistill.runtime.loop import Loop, Session
from gendistill.runtime.seeds import derive_seed

Finished = dict[str, list[dict[str, Any]]]
"""By protocol, what `score` keeps of every finished student."""

Keep = Callable[[str, int, Network], None]
"""Is given protocol, number and network of a trained student, which it copies if the network is to stay."""


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
    keep: Keep | None = None,
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
        keep: is given every student that finishes in this run; None lets them go.

    Returns:
        By protocol, the statistics of `summary`.

    Raises:
        UserError: the students do not fit the device's memory together.
    """
    try:
        finished = train_students(
            title, network, jobs, splits, cohort, seed=seed, compute=compute, session=session, keep=keep
        )
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
    keep: Keep | None = None,
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
            if keep is not None:
                for number in numbers:
                    keep(protocol, number, team.member(number))
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
