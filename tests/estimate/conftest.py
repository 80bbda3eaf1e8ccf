"""Parameters and items to estimate."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gendistill.config.edit import replace_values
from gendistill.config.params import parse_params
from gendistill.config.schema import Params
from gendistill.config.yaml12 import load_yaml
from gendistill.estimate.items import DataShape, Item

ROOT = Path(__file__).resolve().parents[2]
# every value that a test counts with, so that another preset in params.yaml changes no test
COUNTED: dict[str, Any] = {
    "seed": 0, "sources": ["cgan", "ours"],
    "data.name": "digits", "data.path": "", "data.image_size": 16, "data.held_out": 144,
    "gan.width": 4, "gan.latent": 16, "gan.steps": 850, "gan.batch_size": 8,
    "distill.steps": 12, "distill.batch_size": 8, "distill.pool": ["convnet3", "resnet10_half"],
    "distill.pool_width": 0.0625, "distill.redraw_steps": 5, "distill.inner_steps": 1, "distill.snapshots": 1,
    "loss.omega_g": 1.0, "loss.omega_l": 0.1, "loss.local_layer": "second",
    "generate.select": "last", "generate.select_students": 3, "generate.select_width": 0.0625,
    "generate.select_epochs": 4,
    "recipe.fresh_batch": 100, "recipe.fixed_batch": 256, "recipe.whole_batch": 128,
    "evaluate.networks": ["convnet3"], "evaluate.control_networks": ["convnet3"], "evaluate.ipc": [1, 10],
    "evaluate.protocols": ["fresh", "fixed"], "evaluate.students": 5, "evaluate.width": 0.0625,
    "evaluate.fresh_epochs": 600, "evaluate.fixed_epochs": 150, "evaluate.plain_epochs": 150,
    "evaluate.whole_epochs": 15, "evaluate.test_points": 1,
    "runtime.device": "cpu", "runtime.precision": "fp32", "runtime.threads": 1,
}  # fmt: skip


@pytest.fixture
def make_params() -> Callable[..., Params]:
    """Params({dotted key: changed value})."""

    def make(changes: dict[str, Any] | None = None) -> Params:
        text = replace_values((ROOT / "params.yaml").read_text(), COUNTED | (changes or {}), "params.yaml")
        return parse_params(load_yaml(text), "params.yaml")

    return make


@pytest.fixture
def digits() -> DataShape:
    """1437 - 144 training images of 10 classes."""
    return DataShape(classes=10, channels=1, image_size=16, train=1293, held_out=144, test=360)


@pytest.fixture
def make_item() -> Callable[..., Item]:
    """Item(stage, source="ours", ...)."""

    def make(stage: str, **values: Any) -> Item:
        suffix = "@" + "-".join(map(str, values.values())) if values else ""
        return Item(stage + suffix, stage, values, ("gendistill.runtime.errors",))

    return make
