"""Stage items and shapes of data."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gendistill.config.catalogue.datasets import DATASETS
from gendistill.data.info import DataInfo
from gendistill.estimate.items import DataShape, choose_item, data_shape, stage_items
from gendistill.runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def names(params):
    return [item.name for item in stage_items(params, ROOT / "dvc.yaml")]


def test_items_are_the_matrix(make_params):
    found = names(make_params())
    assert found[:4] == ["prepare", "train_gan", "distill@cgan", "distill@ours"]
    assert [name for name in found if name.startswith("evaluate@")] == [
        "evaluate@cgan-convnet3-1", "evaluate@cgan-convnet3-10",
        "evaluate@ours-convnet3-1", "evaluate@ours-convnet3-10",
    ]  # fmt: skip
    assert found.count("evaluate_whole@convnet3") == 1
    assert len(found) == len(set(found)) == 21


def test_no_control_networks_no_controls(make_params):
    found = names(make_params({"evaluate.control_networks": []}))
    assert not [name for name in found if name.startswith(("evaluate_real", "evaluate_random", "evaluate_whole"))]


def test_an_item_knows_what_its_stage_imports(make_params):
    items = {item.name: item for item in stage_items(make_params(), ROOT / "dvc.yaml")}
    assert "gendistill.gan.train" in items["train_gan"].modules
    assert not [name for name in items["report"].modules if "gan" in name.split(".")]
    assert items["evaluate@ours-convnet3-10"].values == {"source": "ours", "network": "convnet3", "ipc": 10}


def test_an_unknown_item_is_refused_with_those_of_its_stage(make_params):
    items = stage_items(make_params(), ROOT / "dvc.yaml")
    assert choose_item(items, "distill@ours").stage == "distill"
    with pytest.raises(
        UserError,
        match=r"distill@dim is no stage item that params\.yaml implies; it implies distill@cgan, distill@ours$",
    ):
        choose_item(items, "distill@dim")
    with pytest.raises(
        UserError, match=r"nonsense is no stage item .* it implies prepare, train_gan, distill, package"
    ):
        choose_item(items, "nonsense")


def test_a_missing_pipeline_is_told(make_params, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"dvc\.yaml is not in .*; run stages from the root of the project"):
        stage_items(make_params())


@pytest.mark.parametrize("name", [name for name in DATASETS if name not in ("npz", "folder")])
def test_shapes_are_those_of_the_catalogue(name, make_params, tmp_path):
    params = replace(make_params().data, name=name, image_size=32, held_out=100)
    entry = DATASETS[name]
    shape = data_shape(params, tmp_path)
    assert (shape.classes, shape.channels, shape.test) == (entry.num_classes, entry.channels, entry.test_count)
    assert shape.train + shape.held_out == entry.train_count
    assert (shape.held_out, shape.image_size) == (100, 32)


def write_info(folder, name):
    counts = {"train": 80, "held_out": 20, "test": 30}
    info = DataInfo(name, ("a", "b", "c"), 3, 32, counts, (0.5,) * 3, (0.2,) * 3, {}, "")
    (folder / "info.json").write_text(json.dumps(info.to_dict()))


def test_an_npz_file_is_known_once_prepared(make_params, tmp_path):
    params = replace(make_params().data, name="npz", path="mine.npz", image_size=32, held_out=10)
    with pytest.raises(UserError, match=r"info\.json does not exist: run `dvc repro prepare` first"):
        data_shape(params, tmp_path)
    write_info(tmp_path, "digits")
    with pytest.raises(UserError, match=r"data\.name is npz, .* holds digits: run `dvc repro prepare` first"):
        data_shape(params, tmp_path)
    write_info(tmp_path, "npz")
    assert data_shape(params, tmp_path) == DataShape(3, 3, 32, 90, 10, 30)
    assert data_shape(params, tmp_path).image_bytes == 3 * 32 * 32
    with_validation_part = replace(params, held_out=0)
    assert data_shape(with_validation_part, tmp_path) == DataShape(3, 3, 32, 80, 20, 30)
