"""The card of an artifact of images; a function of parameters and data alone, so equal runs give equal cards."""

from dataclasses import asdict
from typing import Any

from gendistill.baselines.task import DistilledSet
from gendistill.config.benchmark import BenchmarkParams
from gendistill.config.catalogue import METHODS
from gendistill.data.info import DataInfo


def write_card(
    params: BenchmarkParams, info: DataInfo, method: str, ipc: int, seed: int, made: DistilledSet
) -> dict[str, Any]:
    """Describe one set.

    Args:
        params: the parameters of the benchmark.
        info: the prepared data set.
        method: a name in `catalogue.METHODS`.
        ipc: images per class.
        seed: of the set.
        made: what the method gave.
    """
    recipe = params.recipe
    chosen = METHODS[method].kind == "selection"
    return {
        "kind": "images",
        "method": f"{METHODS[method].title}: {METHODS[method].description}",
        "source": method,
        "dataset": info.name,
        "dataset_checksum": info.checksum,
        "classes": list(info.classes),
        "image_shape": [info.channels, info.image_size, info.image_size],
        "normalisation": {
            "pixels": "x / 255, to be standardised" if chosen else "standardised: pixel = x std + mean, not clamped",
            "mean": list(info.mean),
            "std": list(info.std),
        },
        "images": {
            "ipc": ipc,
            "dtype": str(made.images.dtype).removeprefix("torch."),
            "labels": "soft, centred" if made.labels.dim() == 2 else "class numbers",
        },
        "recipe": {
            "optimizer": "SGD",
            "lr": recipe.lr,
            "momentum": recipe.momentum,
            "weight_decay": recipe.weight_decay,
            "batch": f"min(images, {recipe.batch})",
            "schedule": "x 0.1 at half of the steps",
            "augment": recipe.augment,
            "loss": "cross-entropy",
        },
        "step": made.steps,
        "parameters": {"seed": seed, method: asdict(getattr(params, method))},
    }
