"""The benchmark end to end with tiny settings: what it writes, that it lists what it reads, and that it resumes."""

import dataclasses
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_pipeline import ROOT, gap

from gendistill.artifact.images import load_images
from gendistill.baselines.kernel import regression_accuracy
from gendistill.config.benchmark import BenchmarkParams, load_benchmark
from gendistill.config.checks import annotations
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
TINY: dict[str, Any] = {
    "methods": ["random", "dsa", "kip_fc"],
    "ipc": [1],
    "sets": [0, 1],
    "matched.methods": ["random"],
    "matched.ipc": [2],
    "beside": "digits",
    "dsa.width": 0.0625,
    "dsa.iterations": 3,
    "dsa.outer_steps": 2,
    "dsa.inner_epochs": 1,
    "dsa.real_batch": 4,
    "kip_fc.steps": 3,
    "kip_fc.target_batch": 40,
    "kip_fc.learn_labels": True,
    "evaluate.width": 0.0625,
    "evaluate.students": 2,
    "evaluate.fixed_epochs": 3,
    "evaluate.plain_epochs": 3,
}
NETWORK = ("--network", "convnet3")
RunStage = Callable[..., Any]


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


@contextmanager
def noting_reads(reads: set[str]) -> Iterator[None]:
    """Add the dotted key of every parameter that is read inside the block."""

    def watch(patch: pytest.MonkeyPatch, cls: type, prefix: Callable[[object], str]) -> None:
        def read(self: object, name: str) -> object:
            value = object.__getattribute__(self, name)
            if name in annotations(cls) and not dataclasses.is_dataclass(value) and not called_by_the_frame():
                reads.add(prefix(self) + name)
            return value

        patch.setattr(cls, "__getattribute__", read)

    with pytest.MonkeyPatch.context() as patch:
        watch(patch, BenchmarkParams, lambda _: "")
        for name, kind in annotations(BenchmarkParams).items():
            if name in ("data", "recipe", "evaluate", "matched"):
                watch(patch, kind, lambda _, name=name: f"{name}.")
        yield


def called_by_the_frame() -> bool:
    """Whether the read is for a record, or a check of the command line or of one's own data."""
    frame = sys._getframe(2)
    for _ in range(20):
        if frame.f_code.co_name in ("check_items", "check_data", "tracked_params"):
            return True
        if frame.f_back is None:
            break
        frame = frame.f_back
    return False


@pytest.fixture(scope="module")
def make(new_project, run_stage) -> Callable[[Path], Path]:
    """A tiny project with the benchmark."""

    def project(folder: Path) -> Path:
        new_project(folder)
        shutil.copytree(ROOT / "benchmark", folder / "benchmark", ignore=shutil.ignore_patterns("dvc.lock"))
        shutil.copytree(ROOT / "results/accuracy/digits", folder / "results/accuracy/digits")
        path = folder / "benchmark/params.yaml"
        path.write_text(replace_values(path.read_text(), TINY, "params"))
        return folder

    return project


def commands(folder: Path) -> list[tuple[str, ...]]:
    """Every stage with its options, in their order."""
    params = load_benchmark(folder / "benchmark/params.yaml")
    pairs = [(method, ipc, ()) for method in params.methods for ipc in params.ipc]
    pairs += [(method, ipc, ("--matched",)) for method in params.matched.methods for ipc in params.matched.ipc]
    found: list[tuple[str, ...]] = [("prepare",)]
    for method, ipc, more in pairs:
        for number in params.sets:
            item = ("--method", method, "--ipc", str(ipc), "--set", str(number), *more)
            found += [("distil", *item), ("evaluate", *NETWORK, *item)]
    return [*found, ("report",)]


@pytest.fixture(scope="module")
def done(tmp_path_factory, make, run_stage) -> tuple[Path, dict[str, set[str]], str]:
    """A finished tiny benchmark, what each stage read, and what the report said; do not change it."""
    folder = make(tmp_path_factory.mktemp("benchmark"))
    reads: dict[str, set[str]] = {}
    output = ""
    for stage, *options in commands(folder):
        with noting_reads(reads.setdefault(stage, set())):
            result = run_stage(folder, f"benchmark.{stage}", *options)
        assert result.exit_code == 0, (stage, options, result.output, result.exception)
        output = result.output
    return folder, reads, output


def test_every_output_is_there_and_nothing_else(done):
    folder, _, _ = done
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


def test_artifacts_say_what_they_are(done):
    folder, _, _ = done
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
def test_sets_and_their_students_have_their_own_seeds(number, done, run_stage, monkeypatch):
    folder, _, _ = done
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


def test_cells_and_metrics_agree(done):
    folder, _, _ = done
    cells = [
        json.loads((folder / f"data/benchmark/digits/cells/dsa-convnet3-ipc1-set{s}.json").read_text()) for s in (0, 1)
    ]
    metrics = json.loads((folder / "metrics/benchmark/digits/dsa-convnet3.json").read_text())
    assert set(metrics) == {"fixed_ipc1", "fixed_plain_ipc1"}
    for protocol, augment in (("fixed", PARAMS["recipe"]["augment"]), ("fixed_plain", "none")):
        found = metrics[f"{protocol}_ipc1"]
        means = [cell["results"][protocol]["mean"] for cell in cells]
        assert found["mean"] == pytest.approx(np.mean(means), abs=1e-6)
        assert found["std_sets"] == pytest.approx(np.std(means, ddof=1), abs=1e-6)
        everyone = [value for cell in cells for value in cell["results"][protocol]["accuracies"]]
        assert found["std"] == pytest.approx(np.std(everyone, ddof=1), abs=1e-5)
        variances = [np.var(cell["results"][protocol]["accuracies"], ddof=1) for cell in cells]
        assert found["std_students"] == pytest.approx(np.sqrt(np.mean(variances)), abs=1e-5)
        assert (found["n"], found["sets"], found["updates"], found["augment"]) == (4, 2, 6, augment)
        assert (found["bytes"], found["distinct_images"], found["steps"]) == (10 * 256 * 4, 10, 3)
        for cell in cells:
            counts = cell["results"][protocol]["confusion"]
            right = sum(counts[k][k] for k in range(10)) / (2 * 360)  # two students
            assert right == pytest.approx(cell["results"][protocol]["mean"], abs=1e-6)
    kip = json.loads((folder / "metrics/benchmark/digits/kip_fc-convnet3.json").read_text())
    test = load_split(folder / "data/benchmark/digits/prepared", "test", "cpu", 1000)
    native = []
    for number in (0, 1):
        made = load_images(folder / f"data/benchmark/digits/sets/kip_fc-ipc1-set{number}/images.safetensors")
        native.append(regression_accuracy(made.images, made.labels.double(), test, PARAMS["kip_fc"]["jitter"]))
    assert kip["fixed_ipc1"]["native"] == pytest.approx(np.mean(native), abs=1e-6)
    assert 0.3 < np.mean(native) <= 1


def test_the_report_shows_every_row_and_what_stands_beside(done):
    folder, _, output = done
    table = (folder / "data/benchmark/digits/report/table.md").read_text()
    for text in (
        "| Random |",
        "| DSA |",
        "KIP-FC is not the printed row KIP",
        "% of a generator's bytes) | fixed | 2 |",
        "| Ours (main pipeline)",
    ):
        assert text in table, text
    assert "as much as IPC" in table
    assert "kernel regression" in table
    assert "| DSA |" in output
    with Image.open(folder / "data/benchmark/digits/report/benchmark.png") as picture:
        picture.verify()


@pytest.mark.parametrize("stage", ["prepare", "distil", "evaluate", "report"])
def test_a_stage_reads_what_it_tracks(stage, done, monkeypatch):
    folder, reads, _ = done
    monkeypatch.chdir(folder)
    item = {"data": "digits", "method": "dsa", "network": "convnet3", "ipc": 1, "set": 0}
    keys = set(tracked(stage, item, Path("benchmark/dvc.yaml")).params)
    # the command line says them, and DVC tracks the command
    said = {"data.name", "evaluate.networks"}
    missing = {key for key in reads[stage] - said if not {key, key.split(".")[0]} & keys}
    assert not missing, f"benchmark/dvc.yaml, stage {stage}, params: add these"


def test_the_same_run_again_gives_the_same_bytes_also_stopped_and_streamed(done, run_stage, tmp_path):
    folder, _, _ = done
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
def test_what_the_parameters_do_not_name_is_refused(stage, options, message, done, run_stage):
    result = run_stage(done[0], f"benchmark.{stage}", *options)
    assert result.exit_code == 2
    assert result.stderr.startswith(message)


def test_missing_files_are_named_with_the_command(done, make, run_stage, tmp_path):
    folder = make(tmp_path)
    assert "run `dvc repro benchmark/dvc.yaml` first" in run_stage(folder, "benchmark.distil").stderr
    shutil.copytree(done[0] / "data/benchmark/digits/prepared", folder / "data/benchmark/digits/prepared")
    result = run_stage(folder, "benchmark.report")
    assert result.exit_code == 2
    assert "missing random-convnet3-ipc1-set0.json, random-convnet3-ipc1-set1.json" in result.stderr
    result = run_stage(folder, "benchmark.evaluate")
    assert result.exit_code == 2
    assert "sets/random-ipc1-set0/images.safetensors does not exist" in result.stderr
    path = folder / "benchmark/params.yaml"
    path.write_text(replace_values(path.read_text(), {"beside": "nothing"}, "params"))
    shutil.copytree(done[0] / "data/benchmark/digits/cells", folder / "data/benchmark/digits/cells")
    result = run_stage(folder, "benchmark.report")
    assert result.exit_code == 2
    assert "beside: no results in results/accuracy/nothing; write '' or one of: digits" in result.stderr
    assert not (folder / "metrics").exists()


def test_a_broken_main_file_is_told_as_such(done, run_stage, make, tmp_path):
    folder = make(tmp_path)
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("seed: 0 ", "seed: -1 ", 1))
    result = run_stage(folder, "benchmark.prepare")
    assert result.exit_code == 2
    assert result.stderr.startswith("params.yaml has 1 problem:\n  seed: must be >= 0")
    assert parse_params(load_yaml(ROOT / "params.yaml"), "x").seed == 0


def test_a_dry_run_says_what_it_would_use(done, run_stage):
    result = run_stage(done[0], "benchmark.distil", "--method", "dsa", "--dry-run")
    shown = json.loads(result.stdout)
    assert shown["stage"] == "benchmark-distil@digits-dsa-1-0"
    assert shown["params"]["dsa"]["iterations"] == 3
    assert "data/benchmark/digits/prepared" in shown["deps"]


# --- publishing


@pytest.fixture
def copied(done, tmp_path) -> Path:
    """The finished benchmark, to be changed."""
    folder = tmp_path / "copied"
    shutil.copytree(done[0], folder)
    return folder


def test_publishing_copies_the_numbers_and_says_where_they_come_from(copied, run_stage):
    result = run_stage(copied, "benchmark.publish")
    assert result.exit_code == 0, result.output
    published = copied / "results/accuracy/digits-benchmark"
    for path in (copied / "metrics/benchmark/digits").iterdir():
        assert (published / path.name).read_text() == path.read_text()
    table = (copied / "results/benchmark/digits-benchmark.md").read_text()
    assert "| Random | fixed | 1 |" in table
    assert "benchmark.png" not in table
    origin = load_yaml(copied / "results/origin/digits-benchmark.yaml")
    assert origin["sets"] == 2
    assert origin["stages_without_cost_record"] == []
    assert origin["seconds"]["distil@digits-dsa-1-0"] > 0
    assert origin["params"]["dsa"]["iterations"] == 3
    shutil.rmtree(copied / ".cache")
    assert "No cost record for 17 stages" in run_stage(copied, "benchmark.publish").output


def test_nothing_is_published_that_was_run_with_other_parameters(copied, run_stage):
    entry = {"params": {"benchmark/params.yaml": {"dsa": PARAMS["dsa"]}}}
    lock = json.dumps({"schema": "2.0", "stages": {"distil@digits-dsa-1-0": entry}})
    (copied / "benchmark/dvc.lock").write_text(lock)
    result = run_stage(copied, "benchmark.publish")
    assert result.exit_code == 2
    assert "benchmark/params.yaml changed after the run: dsa (ran with" in result.stderr
    assert not (copied / "results/origin").exists()
    path = copied / "benchmark/params.yaml"
    path.write_text(replace_values(path.read_text(), {"sets": [0, 1, 2]}, "params"))
    (copied / "benchmark/dvc.lock").unlink()
    result = run_stage(copied, "benchmark.publish")
    assert result.exit_code == 2
    assert "missing random-convnet3-ipc1-set2.json" in result.stderr


def test_presets_of_the_benchmark_are_written_and_printed(copied, run_stage):
    said = run_stage(copied, "preset", "--benchmark", "mnist-benchmark", "--options").stdout
    assert "-S benchmark/params.yaml:data.name=mnist" in said
    assert "mnist-benchmark-paper" in run_stage(copied, "preset", "--benchmark", "--list").stdout
    result = run_stage(copied, "preset", "--benchmark", "mnist-benchmark")
    assert "benchmark/params.yaml holds mnist-benchmark now; run `dvc repro benchmark/dvc.yaml`" in result.stdout
    assert load_benchmark(copied / "benchmark/params.yaml").data.name == "mnist"
    assert run_stage(copied, "preset", "--benchmark", "mnist-quick").exit_code == 2
