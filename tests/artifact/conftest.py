"""Parameters, a prepared set's description and a generator as an artifact holds them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gendistill.artifact.card import write_card
from gendistill.artifact.file import Arrays, save_artifact
from gendistill.artifact.images import save_images
from gendistill.baselines.card import write_card as baselines_card
from gendistill.baselines.task import DistilledSet
from gendistill.config.benchmark import load_benchmark
from gendistill.config.params import load_params
from gendistill.config.schema import Params
from gendistill.data.info import DataInfo
from gendistill.networks.generator import Generator
from gendistill.networks.registry import initialised

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def params() -> Params:
    """The project's own; what tests compare with is read from it."""
    return load_params(ROOT / "params.yaml")


@pytest.fixture
def info() -> DataInfo:
    return DataInfo(
        "coded", ("null", "één", "two", "three"), 1, 16, {"train": 9}, (0.25,), (0.5,), {"file": "md5"}, "abc", ()
    )


@pytest.fixture
def card(params: Params, info: DataInfo) -> dict[str, Any]:
    """A card with the architecture of `generator`."""
    written = write_card(params, info, "ours", 7)
    written["generator"] |= {"width": 4, "latent": 8, "conditioning": "overwrite"}
    return written


@pytest.fixture
def generator() -> Generator:
    """Eval mode, with statistics of its own, so that train mode would give other images."""
    network = initialised(lambda: Generator(channels=1, image_size=16, num_classes=4, width=4, latent=8), 0)
    stream = torch.Generator().manual_seed(0)
    for _ in range(3):
        network(3 * torch.randn(8, 8, generator=stream), torch.arange(8) % 4)
    return network.eval().requires_grad_(False)


@pytest.fixture
def tensors(generator: Generator) -> Arrays:
    """Its weights as arrays; the counters of BatchNorm have no dimension."""
    return {name: value.numpy() for name, value in generator.state_dict().items()}


@pytest.fixture
def artifact(tmp_path: Path, tensors: Arrays, card: dict[str, Any]) -> Path:
    save_artifact(tmp_path / "ours.safetensors", tensors, card)
    return tmp_path / "ours.safetensors"


@pytest.fixture
def learned() -> torch.Tensor:
    """One image of each class, standardised."""
    return 3 * torch.randn(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def image_card(info: DataInfo, learned: torch.Tensor) -> dict[str, Any]:
    """The card of `learned`, as DM writes it."""
    made = DistilledSet(images=learned, labels=torch.arange(4), rows=[], steps=7)
    return baselines_card(load_benchmark(ROOT / "benchmark/params.yaml"), info, "dm", 1, 0, made)


@pytest.fixture
def image_artifact(tmp_path: Path, learned: torch.Tensor, image_card: dict[str, Any]) -> Path:
    save_images(tmp_path / "images.safetensors", learned, torch.arange(4), image_card)
    return tmp_path / "images.safetensors"


@pytest.fixture
def equal_arrays() -> Callable[[Arrays, Arrays], bool]:
    """Whether names, types, shapes and values are equal."""

    def equal(a: Arrays, b: Arrays) -> bool:
        return a.keys() == b.keys() and all(
            a[name].dtype == b[name].dtype and a[name].shape == b[name].shape and np.array_equal(a[name], b[name])
            for name in a
        )

    return equal
