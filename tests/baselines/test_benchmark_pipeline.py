"""The benchmark's dvc.yaml against the code, and its stages run with tiny settings."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from test_pipeline import ROOT, gap
from tiny_benchmark import NETWORK, TINY

from gendistill.artifact.images import load_images
from gendistill.config.edit import replace_values
from gendistill.config.params import dotted, parse_params
from gendistill.config.yaml12 import load_yaml
from gendistill.data.load import load_split
from gendistill.data.order import random_subset
from gendistill.data.resident import standardise
from gendistill.runtime.errors import UserError
from gendistill.runtime.tracked import tracked

STAGES: dict[str, dict[str, Any]] = load_yaml(ROOT / "benchmark/dvc.yaml")["stages"]
PARAMS = load_yaml(ROOT / "benchmark/params.yaml")


@pytest.mark.parametrize("stage", STAGES)
def test_code_dependencies_are_the_imports(stage):
    problems = gap(ROOT, stage, STAGES[stage])
    assert not problems, f"\n{problems}"


@pytest.mark.parametrize("stage", STAGES)
def test_stages_name_the_parameters_and_options_that_are_there(stage):
    entry = STAGES[stage]
    (params,) = entry["params"]
    keys = [key.replace("${item.method}", "dm") for key in params["benchmark/params.yaml"]]
    assert set(keys) <= {*PARAMS, *dotted(PARAMS)}
    assert entry["wdir"] == ".."
    command = entry["cmd"].split()
    for key in entry["matrix"]:
        assert command[command.index(f"--{key}") + 1] == f"${{item.{key}}}"
    assert ("--matched" in command) == stage.endswith("_matched")


def test_every_parameter_is_tracked():
    keys = {key for entry in STAGES.values() for key in entry["params"][0]["benchmark/params.yaml"]}
    keys |= {value[2:-1] for entry in STAGES.values() for value in entry["matrix"].values() if isinstance(value, str)}
    methods = set(PARAMS["methods"]) | {"random"}
    for key in dotted(PARAMS):
        if key != "preset":
            assert {key, key.split(".")[0]} & (keys | methods), f"no stage tracks {key}"


# --- runs


def test_every_output_is_there_and_nothing_else(finished_benchmark):
    folder, _, _ = finished_benchmark
    root = folder / "data/benchmark/digits"
    assert {path.name for path in root.iterdir()} == {"prepared", "sets", "cells", "report"}
    sets = {f"{method}-ipc1-set{s}" for method in TINY["methods"] for s in (0, 1)} | {
        "random-ipc2-set0",
        "random-ipc2-set1",
    }
    assert {path.name for path in (root / "sets").iterdir()} == sets
    for name in sets:
        assert {path.name for path in (root / "sets" / name).iterdir()} == {
            "images.safetensors",
            "images.png",
            "losses.csv",
        }
        with Image.open(root / "sets" / name / "images.png") as picture:
            picture.verify()
    assert len(list((root / "cells").iterdir())) == len(sets)
    assert {path.name for path in (folder / "metrics/benchmark/digits").iterdir()} == {
        f"{method}-convnet3.json" for method in TINY["methods"]
    }
    assert not list(folder.rglob("*.tmp"))
    assert not list((folder / ".cache/checkpoints").rglob("*.pt"))
    previews = sorted(path.name for path in (folder / ".cache/previews/digits-dsa-ipc1-set0").iterdir())
    assert previews[0] == "step000000.png"
    assert previews[-1] == "step000006.png"


def test_artifacts_say_what_they_are(finished_benchmark):
    folder, _, _ = finished_benchmark
    sets = folder / "data/benchmark/digits/sets"
    chosen, made = (load_images(sets / f"{name}-ipc1-set0/images.safetensors") for name in ("random", "kip_fc"))
    assert chosen.card["kind"] == made.card["kind"] == "images"
    assert (chosen.images.dtype, made.images.dtype) == (
        chosen.images.new_empty(0).byte().dtype,
        made.images.float().dtype,
    )
    assert chosen.stored_bytes == 10 * 256
    assert made.stored_bytes == 4 * 10 * (256 + 10)  # float32, and soft labels
    assert made.card["parameters"]["kip_fc"]["steps"] == made.card["step"] == 3
    # students of chosen images see what students of training images see
    data = chosen.on("cpu")
    images, labels = data.batch(labels_of := np_index(10))
    assert labels.tolist() == list(range(10))
    assert (images == standardise(chosen.images[labels_of], data.mean, data.std)).all()
    assert (made.on("cpu").batch(labels_of)[0] == made.images).all()
    assert (made.images < -data.mean / data.std).any()  # below black: not clamped


@pytest.mark.parametrize("number", [0, 1])
def test_sets_and_their_students_have_their_own_seeds(number, finished_benchmark, run_stage, monkeypatch):
    folder, _, _ = finished_benchmark
    train = load_split(folder / "data/benchmark/digits/prepared", "train", "cpu", 1000)
    chosen = load_images(folder / f"data/benchmark/digits/sets/random-ipc1-set{number}/images.safetensors")
    assert (chosen.images == train.gather(random_subset(train.labels, 1, 10, number))).all()
    seeds = []

    def noted(*args: Any, seed: int, **others: Any) -> None:
        seeds.append(seed)
        raise UserError("enough")

    monkeypatch.setattr("gendistill.evaluation.cells.run_cell", noted)
    result = run_stage(folder, "benchmark.evaluate", *NETWORK, "--method", "random", "--ipc", "1", "--set", str(number))
    assert result.stderr.startswith("enough")
    assert seeds == [number]


def np_index(n: int) -> Any:
    import torch

    return torch.arange(n)


@pytest.mark.parametrize("stage", ["prepare", "distil", "evaluate", "report"])
def test_a_stage_reads_what_it_tracks(stage, finished_benchmark, monkeypatch):
    folder, reads, _ = finished_benchmark
    monkeypatch.chdir(folder)
    item = {"data": "digits", "method": "dsa", "network": "convnet3", "ipc": 1, "set": 0}
    keys = set(tracked(stage, item, Path("benchmark/dvc.yaml")).params)
    # the command line says them, and DVC tracks the command
    said = {"data.name", "evaluate.networks"}
    missing = {key for key in reads[stage] - said if not {key, key.split(".")[0]} & keys}
    assert not missing, f"benchmark/dvc.yaml, stage {stage}, params: add these"


def test_the_same_run_again_gives_the_same_bytes_also_stopped_and_streamed(finished_benchmark, run_stage, tmp_path):
    folder, _, _ = finished_benchmark
    again = tmp_path / "again"
    shutil.copytree(folder, again, ignore=shutil.ignore_patterns("sets", "cells", ".cache"))
    path = again / "params.yaml"
    path.write_text(replace_values(path.read_text(), {"runtime.resident_limit_mib": 0}, "params"))
    item = ("--method", "dsa", "--ipc", "1", "--set", "1")
    stopped = run_stage(again, "benchmark.distil", *item, "--time-limit", "1e-9")
    assert stopped.exit_code not in (0, 2)
    assert "the state is saved" in stopped.stderr
    assert not (again / "data/benchmark/digits/sets").exists()
    assert "continuing at step 1 of 6" in run_stage(again, "benchmark.distil", *item).stderr
    assert run_stage(again, "benchmark.evaluate", *NETWORK, *item).exit_code == 0
    for name in (
        "sets/dsa-ipc1-set1/images.safetensors",
        "sets/dsa-ipc1-set1/losses.csv",
        "cells/dsa-convnet3-ipc1-set1.json",
    ):
        first, second = (root / "data/benchmark/digits" / name for root in (folder, again))
        assert first.read_bytes() == second.read_bytes(), name


@pytest.mark.parametrize(
    ("stage", "options", "message"),
    [
        ("distil", ("--method", "dm"), "--method dm is not in benchmark/params.yaml, which names: random, dsa, kip_fc"),
        ("distil", ("--ipc", "2"), "--ipc 2 is not in benchmark/params.yaml, which names: 1"),
        ("distil", ("--set", "9"), "--set 9 is not in benchmark/params.yaml, which names: 0, 1"),
        ("distil", ("--matched",), "--ipc 1 is not in benchmark/params.yaml, which names: 2"),
        ("prepare", ("--data", "mnist"), "--data mnist is not in benchmark/params.yaml, which names: digits"),
        ("evaluate", ("--network", "vgg11"), "--network vgg11 is not in benchmark/params.yaml, which names: convnet3"),
    ],
)
def test_what_the_parameters_do_not_name_is_refused(stage, options, message, finished_benchmark, run_stage):
    result = run_stage(finished_benchmark[0], f"benchmark.{stage}", *options)
    assert result.exit_code == 2
    assert result.stderr.startswith(message)


def test_missing_files_are_named_with_the_command(finished_benchmark, new_benchmark, run_stage, tmp_path):
    folder = new_benchmark(tmp_path)
    assert "run `dvc repro benchmark/dvc.yaml` first" in run_stage(folder, "benchmark.distil").stderr
    shutil.copytree(finished_benchmark[0] / "data/benchmark/digits/prepared", folder / "data/benchmark/digits/prepared")
    result = run_stage(folder, "benchmark.report")
    assert result.exit_code == 2
    assert "missing random-convnet3-ipc1-set0.json, random-convnet3-ipc1-set1.json" in result.stderr
    result = run_stage(folder, "benchmark.evaluate")
    assert result.exit_code == 2
    assert "sets/random-ipc1-set0/images.safetensors does not exist" in result.stderr
    path = folder / "benchmark/params.yaml"
    path.write_text(replace_values(path.read_text(), {"beside": "nothing"}, "params"))
    shutil.copytree(finished_benchmark[0] / "data/benchmark/digits/cells", folder / "data/benchmark/digits/cells")
    result = run_stage(folder, "benchmark.report")
    assert result.exit_code == 2
    assert "beside: no results in results/accuracy/nothing; write '' or one of: digits" in result.stderr
    assert not (folder / "metrics").exists()


def test_a_broken_main_file_is_told_as_such(finished_benchmark, run_stage, new_benchmark, tmp_path):
    folder = new_benchmark(tmp_path)
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("seed: 0 ", "seed: -1 ", 1))
    result = run_stage(folder, "benchmark.prepare")
    assert result.exit_code == 2
    assert result.stderr.startswith("params.yaml has 1 problem:\n  seed: must be >= 0")
    assert parse_params(load_yaml(ROOT / "params.yaml"), "x").seed == 0


def test_a_dry_run_says_what_it_would_use(finished_benchmark, run_stage):
    result = run_stage(finished_benchmark[0], "benchmark.distil", "--method", "dsa", "--dry-run")
    shown = json.loads(result.stdout)
    assert shown["stage"] == "benchmark-distil@digits-dsa-1-0"
    assert shown["params"]["dsa"]["iterations"] == 3
    assert "data/benchmark/digits/prepared" in shown["deps"]
