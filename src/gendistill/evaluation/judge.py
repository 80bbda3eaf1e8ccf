"""Judge every generated source by one yardstick: quality, coverage, and closeness to the training images."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gendistill.artifact.sampling import load_generator, sample
from gendistill.config.schema import Params
from gendistill.data.resident import ImageSet, to_uint8
from gendistill.evaluation.protocols import quality_epochs
from gendistill.evaluation.quality import frechet_distance, manifold_scores, nearest
from gendistill.evaluation.yardstick import features, train_yardstick
from gendistill.runtime.device import Compute
from gendistill.runtime.errors import UserError
from gendistill.runtime.loop import Session
from gendistill.runtime.streams import generator as stream

PAIRS = 12  # generated images shown with the training image nearest to each
CLOSE = 0.01  # quantile of the real images' own distances below which a generated image counts as close

Pairs = dict[str, Tensor]


def judge(
    train: ImageSet, num_classes: int, params: Params, artifacts: Path, *, compute: Compute, session: Session
) -> tuple[dict[str, Any], dict[str, Pairs]]:
    """Score the sources of params.yaml, and, as the floor of every score, real images against other real images.

    A random half of the training images, at most `quality.images`, is the reference, as many others are the row
    ``real``; generated images have the labels of the reference. The test images are not read.

    Args:
        train: the training set.
        num_classes: K.
        params: sections ``quality``, ``recipe``, ``sources`` and the seed.
        artifacts: folder of the generators.
        compute: device and precision.
        session: checkpoints and stop requests.

    Returns:
        The scores by source with what they were got with, and by source its pairs of generated and nearest training
        images, the closest first: ``generated``, ``training`` (PAIRS, c, h, w) uint8 and ``distance`` (PAIRS,).

    Raises:
        UserError: there are too few training images, or an artifact cannot be read.
    """
    quality = params.quality
    count = min(quality.images, len(train) // 2)
    if count <= quality.neighbours:
        raise UserError(
            f"quality.neighbours is {quality.neighbours}, but {len(train)} training images leave {count} for each "
            "side: choose fewer neighbours"
        )
    order = torch.randperm(len(train), device=compute.device, generator=stream(compute.device, params.seed, "quality"))
    reference, others = order[:count], order[count : 2 * count]
    network = train_yardstick(train, num_classes, params, compute, session)
    images = train.gather(reference)
    real = features(network, images, train.mean, train.std)
    distances, _ = nearest(train.gather(others), train, others)
    limit = float(distances.cpu().double().quantile(CLOSE))

    def scores(found: Tensor, away: Tensor) -> dict[str, float]:
        embedded = features(network, found, train.mean, train.std)
        return {
            "frechet_distance": rounded(frechet_distance(real, embedded)),
            **{name: rounded(value) for name, value in manifold_scores(real, embedded, quality.neighbours).items()},
            "nearest_median": rounded(float(away.cpu().double().quantile(0.5))),
            "close_share": rounded(int((away <= limit).sum()) / len(away)),
        }

    rows = {"real": scores(train.gather(others), distances)}
    pairs = {}
    for source in params.sources:
        drawn = draw(artifacts / f"{source}.safetensors", train.labels[reference], source, params.seed, compute)
        away, place = nearest(drawn, train)
        rows[source] = scores(drawn, away)
        first = away.argsort(stable=True)[:PAIRS]
        pairs[source] = {
            "generated": drawn[first].cpu().contiguous(),
            "training": train.gather(place[first]).cpu().contiguous(),
            "distance": away[first].cpu().contiguous(),
        }
    return {**made_with(real, len(train), params), "scores": rows}, pairs


def made_with(real: Tensor, training: int, params: Params) -> dict[str, Any]:
    """What the scores depend on besides the images: features (n, d) of real ones, and the number of training images."""
    quality = params.quality
    return {
        "network": quality.network,
        "width": quality.width,
        "epochs": quality_epochs(training, params.recipe, quality.epochs),
        "features": real.shape[1],
        "images": len(real),
        "neighbours": quality.neighbours,
    }


def draw(path: Path, labels: Tensor, source: str, seed: int, compute: Compute) -> Tensor:
    """New images (n, c, h, w) uint8 of an artifact, one for every label (n,)."""
    generator = load_generator(path, compute.device)
    with compute.autocast():
        return to_uint8(sample(generator, labels, stream(compute.device, seed, "quality", source)))


def rounded(value: float) -> float:
    """Six digits behind the point, as all tracked numbers have."""
    return round(value, 6)
