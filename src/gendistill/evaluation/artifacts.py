"""Students of an artifact outside the pipeline: trained by the card's recipe, tested on real images, held to the card.

The training loop, the protocols and the random streams are those of the evaluation stages, so that on one machine the
same numbers come out.
"""

import math
from dataclasses import dataclass, fields
from typing import Any

import torch
from scipy.special import stdtrit

from gendistill.artifact.kinds import check_protocol, images_per_class
from gendistill.artifact.loading import GeneratorArtifact, ImageArtifact
from gendistill.config.benchmark import FixedRecipe
from gendistill.config.catalogue.networks import NETWORKS
from gendistill.config.constraints import suggestion
from gendistill.config.schema import RecipeParams
from gendistill.data.real import Form
from gendistill.data.resident import ImageSet, ResidentImages
from gendistill.evaluation.cells import Keep, run_cell
from gendistill.evaluation.fixed import fixed_budget
from gendistill.evaluation.fixed_jobs import fixed_job
from gendistill.evaluation.generated import FreshGenerated
from gendistill.evaluation.inputs import Job, Splits
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
        network: architecture, a name in `catalogue.networks.NETWORKS`.
        width: fraction of its standard channels; > 0.
        protocol: a name in `catalogue.protocols.PROTOCOLS`.
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
    channels, size, _ = card["image_shape"]
    return Form(
        classes=tuple(card["classes"]),
        channels=channels,
        image_size=size,
        fit=card["data"]["fit"],
        split_seed=card["data"]["split_seed"],
        mean=tuple(card["normalisation"]["mean"]),
        std=tuple(card["normalisation"]["std"]),
    )


def budget_of(card: dict[str, Any], protocol: str, ipc: int, epochs: int) -> Budget:
    """The budget of a protocol by the card's recipe."""
    images = len(card["classes"]) * ipc
    if card["kind"] == "images":
        fixed = FixedRecipe(**{field.name: card["recipe"][field.name] for field in fields(FixedRecipe)})
        return fixed_budget(protocol, images, fixed, epochs)
    recipe = RecipeParams(**{field.name: card["recipe"][field.name] for field in fields(RecipeParams)})
    return budget(protocol, images, recipe, epochs)


def train_students(
    artifact: GeneratorArtifact | ImageArtifact,
    real: ImageSet,
    plan: Plan,
    *,
    compute: Compute,
    seed: int | None = None,
    keep: Keep | None = None,
) -> dict[str, Any]:
    """Train students on the artifact's images and test them on real ones; soft labels give the class of an image.

    Args:
        artifact: on the device of `compute`.
        real: test images, read once, at the end of each student's training.
        plan: what to train.
        compute: device and precision.
        seed: root of the random streams; None takes the run's, with which the pipeline's numbers come out.
        keep: is given every finished student.

    Returns:
        The statistics of `gendistill.evaluation.summary.summary`.

    Raises:
        UserError: there is no such network, the artifact has no such images (`artifact.kinds`), a loss is not finite,
            or the run was interrupted.
    """
    card = artifact.card
    if plan.network not in NETWORKS:
        known = ", ".join(NETWORKS)
        raise UserError(f"network {plan.network!r} is unknown{suggestion(plan.network, NETWORKS)}; known are {known}")
    seed = card["parameters"]["seed"] if seed is None else seed
    job = job_of(artifact, plan, seed, compute)
    nothing = ResidentImages(
        torch.empty(0, *real.shape[1:], dtype=torch.uint8, device=real.device), real.labels[:0], real.mean, real.std
    )
    title = f"{plan.network}, {plan.protocol}, IPC {plan.ipc}"
    session = Session(mend=f"Another --seed, --arch or --width may do with the card's learning rate, {job.budget.lr:g}")
    results = run_cell(
        title, plan.network, {plan.protocol: job}, Splits(real, nothing, len(card["classes"])),
        Students(plan.students, plan.width), seed=seed, compute=compute, session=session,
        keep=keep,
    )  # fmt: skip
    return results[plan.protocol]


def job_of(artifact: GeneratorArtifact | ImageArtifact, plan: Plan, seed: int, compute: Compute) -> Job:
    """What the students train on; `seed` draws the images of a generator, stored ones are what they are."""
    check_protocol(artifact.path, artifact.card, plan.protocol)
    ipc = images_per_class(artifact.path, artifact.card, plan.ipc)
    steps = budget_of(artifact.card, plan.protocol, ipc, plan.epochs)
    if isinstance(artifact, ImageArtifact):
        return fixed_job(artifact.stored, artifact.stored.on(compute.device), steps)
    if plan.protocol == "fresh":
        fresh = FreshGenerated(artifact.generator, artifact.mean, artifact.std, steps, compute)
        return Job(steps, fresh, stored_bytes=artifact.path.stat().st_size)
    drawn = artifact.dataset(ipc, seed)
    images, labels = drawn.images.to(compute.device), drawn.labels.to(compute.device)
    stored = ResidentImages(images, labels, artifact.mean, artifact.std)
    return Job(steps, Stored(stored, steps), stored_bytes=stored.image_bytes)


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
