"""Every stage, end to end on digits with tiny settings: what it writes, that it reads no more than dvc.yaml says it
tracks, and that doing it again gives the same bytes.
"""

import csv
import dataclasses
import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gendistill.artifact.file import load_artifact
from gendistill.artifact.fixed import load_fixed_set
from gendistill.artifact.sampling import load_generator, sample
from gendistill.config.checks import annotations
from gendistill.config.params import load_params
from gendistill.config.schema import Params
from gendistill.gan.train import TERMS as GAN_TERMS
from gendistill.runtime.tracked import tracked

NewProject = Callable[..., Path]
RunStage = Callable[..., Any]
PROTOCOLS = ("fresh", "fixed", "fixed_plain")
OUTPUTS = {
    "data/prepared/train.safetensors", "data/prepared/held_out.safetensors", "data/prepared/test.safetensors",
    "data/prepared/info.json", "metrics/data.json",
    "data/gan/state.safetensors", "metrics/gan_losses.csv",
    "data/distilled/ours/step3.safetensors", "metrics/distill_losses/ours.csv",
    "data/artifacts/ours.safetensors",
    "data/synthetic/ours/ipc1.safetensors", "data/synthetic/ours/ipc1.png",
    "data/cells/ours-convnet3-ipc1.json", "data/cells/real-convnet3-ipc1.json",
    "data/cells/random-convnet3-ipc1.json", "data/cells/whole-convnet3.json",
    "metrics/accuracy/ours-convnet3.json", "metrics/accuracy/real-convnet3.json",
    "metrics/accuracy/random-convnet3.json", "metrics/accuracy/whole-convnet3.json",
    "data/quality/nearest.safetensors", "metrics/quality.json",
    "metrics/accuracy.csv", "data/report/table.md", "data/report/samples.png", "data/report/losses.png",
    "data/report/accuracy.png", "data/report/index.html", "data/report/class_accuracy.csv",
    "data/report/confusion.csv",
}  # fmt: skip
CELLS = {
    "ours-convnet3-ipc1": PROTOCOLS,
    "real-convnet3-ipc1": ("fresh",),
    "random-convnet3-ipc1": ("fixed", "fixed_plain"),
    "whole-convnet3": ("whole",),
}
STATISTICS = {
    "mean", "std", "min", "max", "n", "held_out_mean", "width", "channels", "epochs", "steps", "batch", "augment",
    "distinct_images", "bytes",
}  # fmt: skip


def outputs(folder: Path) -> dict[str, bytes]:
    """Everything under data/ and metrics/."""
    files = (path for name in ("data", "metrics") for path in (folder / name).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def results_of(folder: Path, cell: str) -> dict[str, dict[str, Any]]:
    results: dict[str, dict[str, Any]] = json.loads((folder / f"data/cells/{cell}.json").read_text())["results"]
    return results


# --- what is there after a run


def test_every_output_is_there_and_nothing_else(finished: Path) -> None:
    assert set(outputs(finished)) == OUTPUTS
    assert not list(finished.rglob("*.tmp"))
    assert not list((finished / ".cache/checkpoints").rglob("*.pt"))


@pytest.mark.parametrize("cell", CELLS)
def test_cells_hold_fractions_and_their_budget(finished: Path, cell: str) -> None:
    content = json.loads((finished / f"data/cells/{cell}.json").read_text())
    assert content["source"] == cell.split("-")[0]
    assert content["network"] == "convnet3"
    assert content.get("ipc") == (None if cell.startswith("whole") else 1)
    assert tuple(content["results"]) == CELLS[cell]
    for result in content["results"].values():
        assert set(result) == STATISTICS | {"accuracies", "confusion", "held_out_curve"}
        assert len(result["accuracies"]) == result["n"] == 2
        assert all(0 <= value <= 1 for value in result["accuracies"])
        assert result["min"] <= result["mean"] <= result["max"]
        assert result["std"] == pytest.approx(abs(result["max"] - result["min"]) / math.sqrt(2), abs=1e-5)
        assert 0 <= result["held_out_mean"] <= 1
        assert result["channels"] == 8  # 128 x 0.0625
        # accuracies are counts of the 360 test images
        assert all(abs(value * 360 - round(value * 360)) < 1e-3 for value in result["accuracies"])


def test_budgets_are_those_of_the_parameters(finished: Path) -> None:
    own = results_of(finished, "ours-convnet3-ipc1")
    assert [own[protocol]["distinct_images"] for protocol in PROTOCOLS] == [60, 10, 10]
    assert own["fresh"]["bytes"] == (finished / "data/artifacts/ours.safetensors").stat().st_size
    assert own["fixed"]["bytes"] == 10 * 16 * 16
    whole = results_of(finished, "whole-convnet3")["whole"]
    assert (whole["distinct_images"], whole["steps"]) == (1293, math.ceil(1293 / 128))  # 1797 - 360 - 144 images
    assert 11 <= results_of(finished, "real-convnet3-ipc1")["fresh"]["distinct_images"] <= 60


def test_metrics_are_the_cells(finished: Path) -> None:
    for cell, protocols in CELLS.items():
        name, _, ipc = cell.partition("-ipc")
        metrics = json.loads((finished / f"metrics/accuracy/{name}.json").read_text())
        assert set(metrics) == {f"{protocol}_ipc{ipc}" if ipc else protocol for protocol in protocols}
        for protocol, result in results_of(finished, cell).items():
            assert metrics[f"{protocol}_ipc{ipc}" if ipc else protocol] == {key: result[key] for key in STATISTICS}
    rows = list(csv.DictReader((finished / "metrics/accuracy.csv").read_text().splitlines()))
    assert len(rows) == sum(map(len, CELLS.values()))
    assert len({row["cell"] for row in rows}) == len(rows)
    assert all(0 <= float(row["accuracy"]) <= 1 for row in rows)


def test_curves_have_a_row_a_tick_and_finite_numbers(finished: Path) -> None:
    for name, steps, column in (("gan_losses", 4, GAN_TERMS[0]), ("distill_losses/ours", 3, "local_gradient_ratio")):
        rows = list(csv.DictReader((finished / f"metrics/{name}.csv").read_text().splitlines()))
        assert [row["step"] for row in rows] == [str(step + 1) for step in range(steps)]
        assert column in rows[0]
        assert all(math.isfinite(float(value)) for row in rows for value in row.values())


def test_the_artifact_can_be_used(finished: Path) -> None:
    path = finished / "data/artifacts/ours.safetensors"
    _, card = load_artifact(path)
    assert (card["dataset"], card["image_shape"], card["step"]) == ("digits", [1, 16, 16], 3)
    assert card["data"]["checksum"] == json.loads((finished / "metrics/data.json").read_text())["checksum"]
    images = sample(load_generator(path, "cpu"), torch.tensor([0, 9, 9]), torch.Generator().manual_seed(0))
    assert images.shape == (3, 1, 16, 16)
    assert images.abs().max() <= 1


def test_the_fixed_set_is_balanced_and_pictured(finished: Path) -> None:
    images, labels = load_fixed_set(finished / "data/synthetic/ours/ipc1.safetensors")
    assert (images.dtype, tuple(images.shape)) == (torch.uint8, (10, 1, 16, 16))
    assert labels.tolist() == list(range(10))
    with Image.open(finished / "data/synthetic/ours/ipc1.png") as picture:
        assert picture.size == (16, 10 * 16 + 9 * 2)
    with Image.open(finished / "data/report/samples.png") as picture:
        picture.verify()


def test_the_table_names_every_source(finished: Path) -> None:
    table = (finished / "data/report/table.md").read_text()
    for source in ("ours", "real", "random", "whole"):
        assert source in table


def test_every_stage_left_a_cost_record(finished: Path) -> None:
    records = [json.loads(path.read_text()) for path in (finished / ".cache/costs").rglob("*.json")]
    assert sorted(record["stage"] for record in records) == [
        "distill@ours", "evaluate@ours-convnet3-1", "evaluate_random@convnet3-1", "evaluate_real@convnet3-1",
        "evaluate_whole@convnet3", "generate@ours-1", "package@ours", "prepare", "quality", "report", "train_gan",
    ]  # fmt: skip


# --- which parameters are read

# `check_items` reads the lists of the matrix, `check_data` what later stages would stumble over, `tracked_params` what
# goes into records and fingerprints, and `terminal_text` what is printed and not kept.
NOT_NOTED = ("check_items", "check_data", "tracked_params", "terminal_text")


@contextmanager
def noting_reads(reads: set[str]) -> Iterator[None]:
    """Add the dotted key of every parameter that is read inside the block."""

    def watch(patch: pytest.MonkeyPatch, cls: type, prefix: str) -> None:
        fields = set(annotations(cls))

        def read(self: object, name: str) -> object:
            value = object.__getattribute__(self, name)
            if name in fields and not dataclasses.is_dataclass(value) and not called_from(NOT_NOTED):
                reads.add(prefix + name)
            return value

        patch.setattr(cls, "__getattribute__", read)

    with pytest.MonkeyPatch.context() as patch:
        watch(patch, Params, "")
        for name, kind in annotations(Params).items():
            if dataclasses.is_dataclass(kind) and isinstance(kind, type):
                watch(patch, kind, f"{name}.")
        yield


def called_from(functions: tuple[str, ...]) -> bool:
    frame = sys._getframe(2)
    for _ in range(20):  # asdict copies nested values by recursion
        if frame.f_code.co_name in functions:
            return True
        if frame.f_back is None:
            break
        frame = frame.f_back
    return False


def untracked(reads: set[str], keys: tuple[str, ...]) -> set[str]:
    """Reads that no tracked key covers; `runtime` changes no result."""
    return {key for key in reads if not {key, key.split(".")[0]} & {*keys, "runtime"}}


@pytest.fixture(scope="module")
def second(
    tmp_path_factory: pytest.TempPathFactory, new_project: NewProject, run_stage: RunStage, pipeline: Any
) -> tuple[Path, dict[str, set[str]]]:
    """The whole pipeline once more in another folder, its images streamed, and what each stage read."""
    folder = new_project(tmp_path_factory.mktemp("second"), {"runtime.resident_limit_mib": 0})
    reads: dict[str, set[str]] = {}
    for stage, *options in pipeline:
        name = f"evaluate_{options[1]}" if stage == "evaluate_control" else stage
        with noting_reads(reads.setdefault(name, set())):
            result = run_stage(folder, stage, *options)
        assert result.exit_code == 0, (stage, result.output)
    return folder, reads


def test_equal_runs_give_equal_bytes_also_streamed(finished: Path, second: tuple[Path, dict[str, set[str]]]) -> None:
    first, again = outputs(finished), outputs(second[0])
    assert [name for name in OUTPUTS if first[name] != again[name]] == []


ITEMS: dict[str, dict[str, str | int]] = {
    "prepare": {},
    "train_gan": {},
    "distill": {"source": "ours"},
    "package": {"source": "ours"},
    "generate": {"source": "ours", "ipc": 1},
    "evaluate": {"source": "ours", "network": "convnet3", "ipc": 1},
    "evaluate_real": {"network": "convnet3", "ipc": 1},
    "evaluate_random": {"network": "convnet3", "ipc": 1},
    "evaluate_whole": {"network": "convnet3"},
    "quality": {},
    "report": {},
}


REDUNDANT: dict[str, set[str]] = {}


@pytest.mark.parametrize("stage", ITEMS)
def test_a_stage_reads_what_it_tracks_and_tracks_what_it_reads(
    stage: str, second: tuple[Path, dict[str, set[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, reads = second
    monkeypatch.chdir(folder)
    keys = tracked(stage, ITEMS[stage]).params
    assert not untracked(reads[stage], keys), f"dvc.yaml, stage {stage}, params: add these"
    idle = [key for key in keys if not any(read == key or read.startswith(f"{key}.") for read in reads[stage])]
    assert set(idle) <= REDUNDANT.get(stage, set()), f"dvc.yaml, stage {stage}, params: these are never read"


def test_the_recorder_sees_a_read() -> None:
    params = load_params(Path(__file__).parents[2] / "params.yaml")
    reads: set[str] = set()
    with noting_reads(reads):
        dataclasses.asdict(params.generate)
        _ = params.seed, params.gan.lr, params.runtime.threads
    _ = params.preset
    generate = {f"generate.{field.name}" for field in dataclasses.fields(params.generate)}
    assert reads == generate | {"seed", "gan.lr", "runtime.threads"}
    assert untracked(reads, ("seed", "gan")) == generate


def test_choosing_a_snapshot_reads_what_package_tracks(
    tmp_path: Path, new_project: NewProject, run_stage: RunStage, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `generate.select: held_out`, package trains students."""
    folder = new_project(tmp_path, {"distill.snapshots": 3, "generate.select": "held_out"})
    for name in ("prepared", "gan"):
        shutil.copytree(finished / "data" / name, folder / "data" / name)
    assert run_stage(folder, "distill", "--source", "ours").exit_code == 0
    assert len(list((folder / "data/distilled/ours").iterdir())) == 3
    reads: set[str] = set()
    with noting_reads(reads):
        result = run_stage(folder, "package", "--source", "ours")
    assert result.exit_code == 0, result.output
    _, card = load_artifact(folder / "data/artifacts/ours.safetensors")
    assert card["step"] in (1, 2, 3)
    monkeypatch.chdir(folder)
    assert untracked(reads, tracked("package", {"source": "ours"}).params) == set()
