"""What students of a fixed set train on: the counterpart of `controls` for artifacts of images."""

from gendistill.artifact.images import StoredImages
from gendistill.config.benchmark import BenchmarkParams
from gendistill.data.resident import ImageSet
from gendistill.evaluation.fixed import fixed_budget
from gendistill.evaluation.inputs import Job
from gendistill.evaluation.protocols import Budget
from gendistill.evaluation.sources import Stored


def fixed_jobs(artifact: StoredImages, images: ImageSet, params: BenchmarkParams) -> dict[str, Job]:
    """Jobs by protocol.

    Args:
        artifact: what is stored.
        images: the same on the device, as `StoredImages.on` gives it.
        params: protocols and recipe.
    """
    epochs = {"fixed": params.evaluate.fixed_epochs, "fixed_plain": params.evaluate.plain_epochs}
    return {
        protocol: fixed_job(artifact, images, fixed_budget(protocol, len(images), params.recipe, epochs[protocol]))
        for protocol in params.evaluate.protocols
    }


def fixed_job(artifact: StoredImages, images: ImageSet, plan: Budget) -> Job:
    """The job of one protocol; its images, `artifact` on the device, are labelled by class."""
    return Job(plan, Stored(images, plan), stored_bytes=artifact.stored_bytes)
