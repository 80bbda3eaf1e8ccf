"""The card of an artifact: everything needed to use its images without this repository at hand."""

from dataclasses import asdict
from typing import Any

from gendistill.config.schema import ImageParams, Params
from gendistill.data.info import DataInfo

METHODS = {
    "cgan": "conditional GAN (arXiv 2404.17732, section 3.1), not distilled",
    "continued": "conditional GAN (arXiv 2404.17732, section 3.1), trained on without matching",
    "dim": "DiM: global matching only (arXiv 2303.04707)",
    "ours": "global and local matching (arXiv 2404.17732)",
}


def write_card(params: Params, info: DataInfo, source: str, step: int) -> dict[str, Any]:
    """Describe one generator; a function of parameters and data alone, so equal runs give equal cards.

    Args:
        params: the parameters of the run.
        info: the prepared data set.
        source: a name in `catalogue.sources.GENERATED_SOURCES`.
        step: distillation step the weights are of; 0 for ``cgan``.
    """
    return {
        "kind": "generator",
        "method": METHODS[source],
        "source": source,
        **of_data(params.data, info),
        "normalisation": {
            "generator_range": [-1.0, 1.0],
            "pixels": "(x + 1) / 2",
            "mean": list(info.mean),
            "std": list(info.std),
        },
        "generator": {
            "channels": info.channels,
            "image_size": info.image_size,
            "num_classes": len(info.classes),
            "width": params.gan.width,
            "latent": params.gan.latent,
            "conditioning": params.gan.conditioning,
        },
        "recipe": {"optimizer": "SGD", "loss": "cross-entropy", **asdict(params.recipe)},
        "dtype": "float32",
        "step": step,
        "parameters": parameters(params, source),
        # of a run that is finished; `export` fills them in
        "accuracies": [],
        "provenance": None,
    }


def of_data(params: ImageParams, info: DataInfo) -> dict[str, Any]:
    """What a card of any kind says of the data: names, shape, and how they were prepared."""
    return {
        "dataset": info.name,
        "data": {"fit": params.fit, "split_seed": params.split_seed, "checksum": info.checksum},
        "classes": list(info.classes),
        "image_shape": [info.channels, info.image_size, info.image_size],
    }


def parameters(params: Params, source: str) -> dict[str, Any]:
    """The parameters that made the generator, as JSON has them: seed, GAN, and for distilled ones schedule and loss."""
    made: dict[str, Any] = {"seed": params.seed, "gan": asdict(params.gan)}
    if source != "cgan":
        distill = {**asdict(params.distill), "pool": list(params.distill.pool)}
        made |= {"distill": distill, "loss": asdict(params.loss.of(source))}
    return made
