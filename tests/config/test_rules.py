"""Rules over several keys, each through `parse_params`: what is refused, and the neighbour that is not."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from gendistill.config.params import parse_params
from gendistill.config.schema import Params
from gendistill.config.yaml12 import load_yaml
from gendistill.runtime.errors import UserError

PARAMS = load_yaml(Path(__file__).resolve().parents[2] / "params.yaml")
# what the cases below count on, whatever the default run is tuned to
PARAMS["distill"]["steps"] = 200
PARAMS["evaluate"] |= {"fresh_epochs": 300, "fixed_epochs": 300}


def parsed(**values: Any) -> Params:
    document = deepcopy(PARAMS)
    for key, value in values.items():
        head, tail = key.split("__")
        document[head][tail] = value
    return parse_params(document, "params.yaml")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"data__name": "npz"}, "data.path: is empty; data.name npz needs the .npz file"),
    ({"data__name": "folder"}, "data.path: is empty; data.name folder needs the folder of images"),
    ({"data__path": "a.npz"}, "data.path: must be '' unless data.name is npz or folder, found 'a.npz' with digits"),
    (
        {"data__name": "mnist", "data__fit": "pad"},
        "data.fit: pad cannot bring the 28 x 28 images of mnist to 16 x 16; write resize, or a larger",
    ),
    ({"data__held_out": 1437}, "data.held_out: must be < 1437 (training images of digits), found 1437"),
    (
        {"data__held_out": 9},
        "data.held_out: must be 0 or >= 10 (one image for each class of digits), found 9",
    ),
    (
        {"gan__batch_size": 1294},
        "gan.batch_size: must be <= 1293, found 1294 (digits has 1437 training images, 144 held out)",
    ),
    ({"distill__batch_size": 1294}, "distill.batch_size: must be <= 1293, found 1294"),
    ({"recipe__whole_batch": 1294}, "recipe.whole_batch: must be <= 1293, found 1294"),
    ({"gan__latent": 10}, "gan.latent: must be >= 11, found 10: overwrite puts the label of digits"),
    ({"distill__snapshots": 201}, "distill.snapshots: must be <= distill.steps (200), found 201"),
    (
        {"generate__select": "held_out"},
        "generate.select: held_out chooses among snapshots: write distill.snapshots",
    ),
    (
        {"generate__select": "held_out", "distill__snapshots": 2, "data__held_out": 0},
        "generate.select: held_out needs held-out images: write data.held_out > 0, or select: last",
    ),
    (
        {"loss__local_layer": "stage2"},
        "loss.local_layer: must be second, found 'stage2', which convnet3 of distill.pool lacks",
    ),
    (
        {"loss__local_layer": "stage9", "distill__pool": ["resnet10", "resnet18"]},
        "loss.local_layer: must be second, stem, stage1, stage2, stage3, stage4, found 'stage9', "
        "which resnet10, resnet18 of distill.pool lacks",
    ),
    (
        {"distill__pool_kind": "resident", "distill__pool_size": 2, "distill__pool": ["convnet3", "resnet10", "vgg11"]},
        "distill.pool_size: must be >= 3, found 2: a resident pool holds at least one of each network of distill.pool",
    ),
    ({"distill__pool_size": 0}, "distill.pool_size: must be >= 1, found 0"),
    (
        {"distill__pool_kind": "residents"},
        "distill.pool_kind: must be one of drawn, resident (did you mean 'resident'?), found 'residents'",
    ),
    ({"distill__pool_width": 0.001}, "distill.pool_width: must be >= 0.0078125 for convnet3, found 0.001"),
    ({"evaluate__width": 0.001}, "evaluate.width: must be >= 0.0078125 for convnet3, found 0.001"),
    (
        {"evaluate__ipc": [1, 130]},
        "evaluate.ipc: must be <= 129 for the control random, found 130: digits has",
    ),
    ({"evaluate__test_points": 301}, "evaluate.test_points: must be <= 300 (epochs of fresh), found 301"),
]


@pytest.mark.parametrize(("values", "line"), REFUSED, ids=[line[:40] for _, line in REFUSED])
def test_refused(values: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError) as caught:
        parsed(**values)
    lines = str(caught.value).splitlines()
    assert lines[0] == "params.yaml has 1 problem:"
    assert lines[1].strip().startswith(line)
    assert len(lines) == 2


OWN = {"data__name": "folder", "data__path": "mine"}
ACCEPTED: list[dict[str, Any]] = [
    OWN | {"generate__select": "held_out", "distill__snapshots": 2, "data__held_out": 0},  # val/ may be there
    {
        "data__name": "npz",
        "data__path": "a.npz",
        "gan__latent": 2,
        "gan__batch_size": 10**6,
        "data__held_out": 3,
    },
    {"data__name": "mnist", "data__fit": "pad", "data__image_size": 32},
    {"data__held_out": 0, "recipe__whole_batch": 1437},
    {"data__held_out": 10},
    {"gan__batch_size": 1293},
    {"gan__latent": 11},
    {"gan__latent": 1, "gan__conditioning": "concat"},
    {"distill__snapshots": 200},
    {"generate__select": "held_out", "distill__snapshots": 2},
    {"loss__local_layer": "stage2", "loss__omega_l": 0},
    {"loss__local_layer": "stage2", "distill__pool": ["resnet10", "resnet18_half"]},
    {"loss__local_layer": "block3", "distill__pool": ["convnet3", "vgg11", "alexnet"]},
    {"distill__pool_size": 1, "distill__pool": ["convnet3", "resnet10", "vgg11"]},
    {"distill__pool_kind": "resident", "distill__pool_size": 3, "distill__pool": ["convnet3", "resnet10", "vgg11"]},
    {"distill__pool_width": 1 / 32},
    {"evaluate__control_networks": [], "evaluate__ipc": [1000]},
    {"evaluate__test_points": 300},
    {"evaluate__protocols": ["fresh"], "evaluate__fixed_epochs": 1, "evaluate__test_points": 5},
]


@pytest.mark.parametrize("values", ACCEPTED, ids=str)
def test_accepted(values: dict[str, Any]) -> None:
    parsed(**values)


def test_a_value_that_is_illegal_by_itself_is_reported_once() -> None:
    with pytest.raises(UserError, match="has 1 problem"):
        parsed(data__held_out=-1)
    with pytest.raises(UserError, match="has 1 problem"):
        parsed(data__name="nonsense")
