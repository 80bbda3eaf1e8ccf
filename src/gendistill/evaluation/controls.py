"""The controls: real images under the budgets of the generated rows, which tell what distillation adds."""

from gendistill.config.schema import Params
from gendistill.data.order import random_subset
from gendistill.data.resident import ImageSet, ResidentImages
from gendistill.evaluation.inputs import Job
from gendistill.evaluation.protocols import budget, epochs_of
from gendistill.evaluation.sources import FreshReal, Stored


def control_jobs(control: str, train: ImageSet, num_classes: int, ipc: int, params: Params) -> dict[str, Job]:
    """What the students of a control train on, by protocol.

    Args:
        control: ``real`` (protocol fresh only), ``random`` (the fixed protocols only) or ``whole``.
        train: the training set.
        num_classes: K.
        ipc: images per class; ``whole`` has none.
        params: which protocols, and their budgets; the seed draws the set of ``random``.

    Returns:
        Jobs by protocol (``whole``: under that key); empty when params.yaml asks for no protocol of this control.
    """
    if control == "whole":
        plan = budget("whole", len(train), params.recipe, epochs_of("whole", params.evaluate))
        return {"whole": Job(plan, Stored(train, plan), stored_bytes=train.image_bytes)}
    jobs = {}
    for protocol in params.evaluate.protocols:
        if (protocol == "fresh") != (control == "real"):
            continue
        plan = budget(protocol, num_classes * ipc, params.recipe, epochs_of(protocol, params.evaluate))
        if control == "real":
            source = FreshReal(train, num_classes, plan)
            jobs[protocol] = Job(plan, source, stored_bytes=train.image_bytes)
        else:
            chosen = random_subset(train.labels, ipc, num_classes, params.seed)
            subset = ResidentImages(train.gather(chosen), train.labels[chosen], train.mean, train.std)
            different = len(chosen.unique())  # a small class repeats its images
            jobs[protocol] = Job(plan, Stored(subset, plan, different), stored_bytes=subset.image_bytes)
    return jobs
