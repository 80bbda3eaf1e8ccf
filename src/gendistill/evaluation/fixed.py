"""What students of a fixed set train on, by protocol: the counterpart of `controls` for artifacts of images."""

from gendistill.artifact.images import ImageArtifact
from gendistill.config.benchmark import BenchmarkParams
from gendistill.data.resident import ImageSet
from gendistill.evaluation.inputs import Job
from gendistill.evaluation.protocols import Budget
from gendistill.evaluation.sources import Stored


def fixed_budget(protocol: str, images: int, params: BenchmarkParams) -> Budget:
    """The budget of ``fixed`` or ``fixed_plain`` on a set of that many images.

    Raises:
        KeyError: no such protocol.
    """
    recipe, evaluate = params.recipe, params.evaluate
    epochs, augment = {
        "fixed": (evaluate.fixed_epochs, recipe.augment),
        "fixed_plain": (evaluate.plain_epochs, "none"),
    }[protocol]
    return Budget(
        protocol=protocol,
        epochs=epochs,
        epoch_images=images,
        batch=min(images, recipe.batch),
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        schedule="half",
        augment=augment,
        semantics="dsa",
    )


def fixed_jobs(artifact: ImageArtifact, images: ImageSet, params: BenchmarkParams) -> dict[str, Job]:
    """Jobs by protocol.

    Args:
        artifact: what is stored.
        images: the same on the device, as `ImageArtifact.on` gives it.
        params: protocols and recipe.
    """
    jobs = {}
    for protocol in params.evaluate.protocols:
        plan = fixed_budget(protocol, len(images), params)
        jobs[protocol] = Job(plan, Stored(images, plan), stored_bytes=artifact.stored_bytes)
    return jobs
