"""Choose a snapshot of the generator by accuracy on the held-out images; the test set plays no part."""

from dataclasses import dataclass
from typing import Any

import torch

from gendistill.artifact.arrays import Arrays
from gendistill.config.schema import Params
from gendistill.data.resident import ImageSet
from gendistill.evaluation.cells import run_cell
from gendistill.evaluation.generated import FreshGenerated
from gendistill.evaluation.inputs import Job, Splits
from gendistill.evaluation.protocols import budget
from gendistill.networks.generator import Generator
from gendistill.runtime.device import Compute
from gendistill.runtime.loop import Session

SELECTION_NETWORK = "convnet3"
SELECTION_IPC = 10  # images per class and epoch: enough for the order of snapshots to show


@dataclass(frozen=True)
class Judges:
    """The students that snapshots are compared by.

    A `Cohort` of its own: no change of the reported students may change what is deployed.
    """

    students: int
    width: float
    test_points: int = 1


def best_snapshot(
    snapshots: dict[int, Arrays],
    architecture: dict[str, Any],
    held_out: ImageSet,
    params: Params,
    *,
    compute: Compute,
    session: Session,
) -> int:
    """The step whose generator trains the best students under protocol ``fresh``; the later one of equals.

    Args:
        snapshots: generator weights by step.
        architecture: arguments of `Generator`.
        held_out: training images that nothing was trained on; what students are scored on.
        params: section ``recipe``, and the students' number, width and epochs from section ``generate``.
        compute: device and precision.
        session: stop requests; its checkpoint continues an interrupted choice.
    """
    num_classes = architecture["num_classes"]
    plan = budget("fresh", num_classes * SELECTION_IPC, params.recipe, params.generate.select_epochs)
    jobs = {}
    for step, weights in sorted(snapshots.items()):
        generator = Generator(**architecture)
        generator.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        generator = generator.to(compute.device).eval().requires_grad_(False)
        jobs[str(step)] = Job(
            plan, FreshGenerated(generator, held_out.mean, held_out.std, plan, compute), stored_bytes=0
        )
    splits = Splits(test=held_out, held_out=held_out, num_classes=num_classes)
    results = run_cell(
        "package",
        SELECTION_NETWORK,
        jobs,
        splits,
        Judges(params.generate.select_students, params.generate.select_width),
        seed=params.seed,
        compute=compute,
        session=session,
    )
    return max(snapshots, key=lambda step: (results[str(step)]["mean"], step))
