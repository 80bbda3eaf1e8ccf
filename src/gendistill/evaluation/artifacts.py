"""Students of an artifact outside the pipeline: trained by the card's recipe, tested on real images, held to the card.

The training loop, the protocols and the random streams are those of the evaluation stages, so that on one machine the
same numbers come out.
"""

import math
from dataclasses import dataclass, fields
from typing import Any

import torch
from scipy.special import stdtrit

from gendistill.artifact.loading import Artifact
from gendistill.config.catalogue import NETWORKS
from gendistill.config.constraints import suggestion
from gendistill.config.schema import RecipeParams
from gendistill.data.real import Form
from gendistill.data.resident import ImageSet, ResidentImages
from gendistill.evaluation.cells import Job, Keep, Splits, run_cell
from gendistill.evaluation.generated import FreshGenerated
from gendistill.evaluation.protocols import Budget, budget
from gendistill.evaluation.sources import Stored
from gendistill.runtime.device import Compute
from gendistill.runtime.errors import UserError
from gendistill.runtime.loop import Session

CONFIDENCE = 0.99  # of the range that a repeated mean is held against


@dataclass(frozen=True)
class Students:
    """A `Cohort`: how many networks, and how wide."""

    students: int
    width: float
    test_points: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to train.

    Attributes:
        network: architecture, a name in `catalogue.NETWORKS`.
        width: fraction of its standard channels; > 0.
        protocol: a name in `catalogue.PROTOCOLS`.
        ipc: images per class; per epoch under ``fresh``.
        epochs: of classes x ipc images.
        students: networks trained from scratch.
    """

    network: str
    width: float
    protocol: str
    ipc: int
    epochs: int
    students: int


def form_of(card: dict[str, Any]) -> Form:
    """What real test images must become for students of an artifact with this card."""
    return Form(
        classes=tuple(card["classes"]),
        channels=card["generator"]["channels"],
        image_size=card["generator"]["image_size"],
        fit=card["data"]["fit"],
        split_seed=card["data"]["split_seed"],
        mean=tuple(card["normalisation"]["mean"]),
        std=tuple(card["normalisation"]["std"]),
    )


def budget_of(card: dict[str, Any], protocol: str, ipc: int, epochs: int) -> Budget:
    """The budget of a protocol by the card's recipe."""
    recipe = RecipeParams(**{field.name: card["recipe"][field.name] for field in fields(RecipeParams)})
    return budget(protocol, len(card["classes"]) * ipc, recipe, epochs)


def train_students(
    artifact: Artifact,
    real: ImageSet,
    plan: Plan,
    *,
    compute: Compute,
    seed: int | None = None,
    keep: Keep | None = None,
) -> dict[str, Any]:
    """Train students on the artifact's images and test them on real ones.

    Args:
        artifact: on the device of `compute`.
        real: test images, read once, at the end of each student's training.
        plan: what to train.
        compute: device and precision.
        seed: root of the random streams; None takes the run's, with which the pipeline's numbers come out.
        keep: is given every finished student.

    Returns:
        The statistics of `gendistill.evaluation.cells.summary`.

    Raises:
        UserError: there is no such network, a loss is not finite, or the run was interrupted.
    """
    card = artifact.card
    if plan.network not in NETWORKS:
        known = ", ".join(NETWORKS)
        raise UserError(f"network {plan.network!r} is unknown{suggestion(plan.network, NETWORKS)}; known are {known}")
    seed = card["parameters"]["seed"] if seed is None else seed
    steps = budget_of(card, plan.protocol, plan.ipc, plan.epochs)
    if plan.protocol == "fresh":
        fresh = FreshGenerated(artifact.generator, artifact.mean, artifact.std, steps, compute)
        job = Job(steps, fresh, stored_bytes=artifact.path.stat().st_size)
    else:
        drawn = artifact.dataset(plan.ipc, seed)
        images, labels = drawn.images.to(compute.device), drawn.labels.to(compute.device)
        stored = ResidentImages(images, labels, artifact.mean, artifact.std)
        job = Job(steps, Stored(stored, steps), stored_bytes=stored.image_bytes)
    nothing = ResidentImages(
        torch.empty(0, *real.shape[1:], dtype=torch.uint8, device=real.device), real.labels[:0], real.mean, real.std
    )
    title = f"{plan.network}, {plan.protocol}, IPC {plan.ipc}"
    session = Session(mend=f"Another --seed, --arch or --width may do with the card's learning rate, {steps.lr:g}")
    results = run_cell(
        title, plan.network, {plan.protocol: job}, Splits(real, nothing, len(card["classes"])),
        Students(plan.students, plan.width), seed=seed, compute=compute, session=session,
        keep=keep,
    )  # fmt: skip
    return results[plan.protocol]


def allowed_difference(std: float, declared: int, repeated: int) -> float:
    """How far the mean of `repeated` new students may lie from that of the `declared` ones.

    Both means estimate one number, so their difference over s sqrt(1/n + 1/m) follows Student's t with n - 1 degrees of
    freedom (the spread of the new students is taken to be that of the declared ones): 99 of 100 honest repeats lie
    within, if accuracies are normal.

    Args:
        std: s, sample standard deviation of the declared accuracies.
        declared: n, their number; >= 2.
        repeated: m, the number of new students; >= 1.
    """
    quantile = float(stdtrit(declared - 1, 0.5 + CONFIDENCE / 2))
    return quantile * std * math.sqrt(1 / declared + 1 / repeated)
