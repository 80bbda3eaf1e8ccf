"""The network whose features generated images are judged in: one student, trained on the whole training set."""

import torch
from torch import Tensor

from gendistill.config.schema import Params
from gendistill.data.order import InTurn
from gendistill.data.resident import ImageSet, standardise
from gendistill.evaluation.protocols import budget, quality_epochs
from gendistill.evaluation.sources import Stored
from gendistill.evaluation.student import TEST_BATCH, augment_stream, new_student, train_step
from gendistill.networks.base import Network
from gendistill.networks.registry import fresh_network
from gendistill.runtime.device import Compute
from gendistill.runtime.loop import Loop, Session
from gendistill.runtime.seeds import derive_seed


def train_yardstick(train: ImageSet, num_classes: int, params: Params, compute: Compute, session: Session) -> Network:
    """Train section ``quality``'s network under the budget ``whole``, continuing from a checkpoint where there is one.

    Args:
        train: the training set.
        num_classes: K.
        params: sections ``quality`` and ``recipe``, and the seed.
        compute: device.
        session: checkpoints and stop requests.

    Returns:
        The network in eval mode, without gradients.
    """
    seed = derive_seed(params.seed, "quality")
    plan = budget("whole", len(train), params.recipe, quality_epochs(len(train), params.recipe, params.quality.epochs))
    fresh = fresh_network(
        params.quality.network,
        channels=train.channels,
        image_size=train.image_size,
        num_classes=num_classes,
        width=params.quality.width,
        device=compute.device,
        seed=derive_seed(seed, "init"),
    )
    student, source = new_student(compute.compiled(fresh), plan), Stored(train, plan)
    with Loop("quality", plan.steps, ("loss",), session) as loop:
        saved = loop.resume()
        if saved is not None:
            student.load(saved["student"])
        source.start(seed, 0)
        try:
            while student.step < plan.steps:
                images, labels = source.batch(student.step)
                loss = train_step(student, images, labels, plan, augment_stream(compute.device, seed, 0, student.step))
                loop.advance(student.step, loss[None], lambda: {"student": student.dump()})
        finally:
            source.close()
    return student.network.eval().requires_grad_(False)


@torch.no_grad()
def features(network: Network, images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Embeddings (n, d) float32 of images (n, c, h, w) uint8, standardised by mean and std (c,), in eval mode."""
    in_turn = InTurn(len(images), TEST_BATCH, images.device)
    parts = [network.embed(standardise(images[in_turn.index(step)], mean, std)) for step in range(in_turn.steps)]
    return torch.cat(parts)
