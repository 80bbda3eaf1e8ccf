"""What stage `quality` found, read from its files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from gendistill.reporting.pictures import Pixels
from gendistill.runtime.errors import UserError

SCORES = ("frechet_distance", "precision", "recall", "density", "coverage", "nearest_median", "close_share")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Generated images beside the training images nearest to them, the closest first.

    Attributes:
        generated, training: (n, c, h, w) uint8.
        distance: (n,) root mean squared difference of pixels, in grey levels [0, 255].
    """

    generated: Pixels
    training: Pixels
    distance: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """Scores by source, `real` among them, each with the entries of `SCORES`, and how they were got.

    Attributes:
        network, width, epochs: the feature network and its passes over the training set.
        features: their number d.
        images: on either side of every score.
        neighbours: k.
        scores: by source.
        pairs: by generated source.
    """

    network: str
    width: float
    epochs: int
    features: int
    images: int
    neighbours: int
    scores: dict[str, dict[str, float]]
    pairs: dict[str, Pairs]


def read_quality(root: Path, sources: tuple[str, ...]) -> Quality | None:
    """The scores of a project and the pairs of the named sources; None where the stage has not run.

    Raises:
        UserError: only one of its files is there, or one is not what the stage writes.
    """
    numbers, tensors = root / "metrics/quality.json", root / "data/quality/nearest.safetensors"
    if not numbers.is_file() and not tensors.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(numbers.read_text(encoding="utf-8"))
        scores = {source: {name: row[name] for name in SCORES} for source, row in content.pop("scores").items()}
        found = load_file(tensors)
        pairs = {
            source: Pairs(**{name: found[f"{source}.{name}"] for name in ("generated", "training", "distance")})
            for source in sources
        }
        return Quality(**content, scores={source: scores[source] for source in ("real", *sources)}, pairs=pairs)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(
            f"{numbers} and {tensors} are not what stage quality writes for {', '.join(sources)} ({error!r}): "
            "run `dvc repro --single-item --force quality`"
        ) from None
