"""The card of an artifact of images; a function of parameters and data alone, so equal runs give equal cards."""

from dataclasses import asdict
from typing import Any

from gendistill.artifact.card import of_data
from gendistill.artifact.schema import IMAGE_PIXELS
from gendistill.baselines.task import DistilledSet
from gendistill.config.benchmark import BenchmarkParams
from gendistill.config.methods import METHODS
from gendistill.data.info import DataInfo


def write_card(
    params: BenchmarkParams, info: DataInfo, method: str, ipc: int, seed: int, made: DistilledSet
) -> dict[str, Any]:
    """Describe one set.

    Args:
        params: the parameters of the benchmark.
        info: the prepared data set.
        method: a name in `gendistill.config.methods.METHODS`.
        ipc: images per class.
        seed: of the set.
        made: what the method gave.
    """
    dtype = str(made.images.dtype).removeprefix("torch.")
    return {
        "kind": "images",
        "method": f"{METHODS[method].title}: {METHODS[method].description}",
        "source": method,
        **of_data(params.data, info),
        "normalisation": {
            "pixels": IMAGE_PIXELS[dtype],
            "mean": list(info.mean),
            "std": list(info.std),
        },
        "dtype": dtype,
        "images": {"ipc": ipc, "labels": "soft, centred" if made.labels.dim() == 2 else "class numbers"},
        "recipe": {"optimizer": "SGD", "loss": "cross-entropy", "schedule": "half", **asdict(params.recipe)},
        "step": made.steps,
        "parameters": {"seed": seed, method: asdict(getattr(params, method))},
        "accuracies": [],
        "provenance": None,
    }
