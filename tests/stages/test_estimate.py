"""``python -m stages.estimate`` and ``--estimate``: what they print, and that nothing is written."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NewProject = Callable[..., Path]
RunStage = Callable[..., Any]
LINE = r"about \d+\.\d s \(start-up \d+\.\d s\), peak memory \d{2,4} MB on cpu \(fp32, threads: 1\)\n"


@pytest.fixture
def project(tmp_path: Path, new_project: NewProject) -> Path:
    """A tiny project in which nothing has run."""
    return new_project(tmp_path / "project")


def contents(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a stage command as a user does; it may write nothing."""
    before = contents(folder)
    environment = {key: value for key, value in os.environ.items() if key not in ("DVC_ROOT", "GENDISTILL_DATA")}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert contents(folder) == before
    return done


def test_a_stage_tells_what_it_will_take_before_anything_has_run(project: Path) -> None:
    done = command(project, "stages.evaluate", "--source", "ours", "--network", "convnet3", "--ipc", "1", "--estimate")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(f"evaluate@ours-convnet3-1: {LINE}", done.stdout), done.stdout


def test_the_option_passes_on_why_there_is_no_estimate(project: Path) -> None:
    done = command(project, "stages.distill", "--source", "dim", "--estimate")
    assert done.returncode == 2
    assert done.stderr == "distill@dim is no stage item that params.yaml implies; it implies distill@ours\n"


@pytest.mark.parametrize(
    ("stage", "options", "name"),
    [
        ("train_gan", (), "train_gan"),
        ("distill", ("--source", "ours"), "distill@ours"),
        ("evaluate", ("--ipc", "1"), "evaluate@ours-convnet3-1"),
        ("evaluate_control", ("--control", "real", "--ipc", "1"), "evaluate_real@convnet3-1"),
        ("evaluate_control", ("--control", "whole"), "evaluate_whole@convnet3"),
    ],
)
def test_long_stages_have_the_option(
    stage: str, options: tuple[str, ...], name: str, project: Path, run_stage: RunStage, monkeypatch: Any
) -> None:
    asked = []

    def answer(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        asked.append(command[1:])
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr("gendistill.runtime.stage.subprocess.run", answer)
    before = contents(project)
    assert run_stage(project, stage, *options, "--estimate").exit_code == 3
    assert asked == [["-m", "stages.estimate", name]]
    assert contents(project) == before


def test_the_table_has_every_item_and_a_total(project: Path, run_stage: RunStage, monkeypatch: Any) -> None:
    from gendistill.estimate import estimates as module

    monkeypatch.setattr(module, "in_new_process", one_second_each)
    result = run_stage(project, "estimate")
    assert result.exit_code == 0, (result.output, result.exception)
    rows = [line.split()[0] for line in result.output.splitlines()[1:] if "MB" in line]
    assert rows == [
        "prepare", "train_gan", "distill@ours", "package@ours", "generate@ours-1", "evaluate@ours-convnet3-1",
        "evaluate_real@convnet3-1", "evaluate_random@convnet3-1", "evaluate_whole@convnet3", "quality", "report",
        "total",
    ]  # fmt: skip
    assert re.search(r"^train_gan +0:00:05 +0:00:01 ", result.output, re.M)  # 4 steps and a start-up of a second each
    assert "DVC has in its cache" in result.output


def test_a_preset_is_estimated_in_its_place(project: Path, run_stage: RunStage, monkeypatch: Any) -> None:
    from gendistill.estimate import estimates as module

    monkeypatch.setattr(module, "in_new_process", one_second_each)
    before = (project / "params.yaml").read_bytes()
    result = run_stage(project, "estimate", "train_gan", "--preset", "cifar10-paper")
    assert result.output == "train_gan: about 58501.0 s (start-up 1.0 s), peak memory 1 MB on x (fp32, threads: 1)\n"
    assert (project / "params.yaml").read_bytes() == before


def one_second_each(request: dict[str, Any]) -> Any:
    """A calibration in which every unit takes a second, and so does the start-up."""
    from gendistill.config.params import parse_params
    from gendistill.estimate.counts import work_of
    from gendistill.estimate.estimates import Reply
    from gendistill.estimate.items import DataShape, Item

    params = parse_params(request["params"], "x")
    work = work_of(Item(**request["item"]), params, DataShape(**request["shape"]))
    compute = {"device": "x", "precision": "fp32", "threads": 1} if work.counts else {}
    return Reply(1.0, 0.0, {repr(unit): 1.0 for unit, _ in work.counts}, 10**6, compute)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nonsense",), "nonsense is no stage item that params.yaml implies; it implies prepare, train_gan, distill"),
        (("--preset", "mnist"), "unknown preset 'mnist' (did you mean 'mnist-"),
    ],
)
def test_mistakes_end_with_one_message(
    arguments: tuple[str, ...], message: str, project: Path, run_stage: RunStage
) -> None:
    result = run_stage(project, "estimate", *arguments)
    assert result.exit_code == 2
    assert result.output.startswith(message)
    assert result.output.count("\n") == 1


def test_an_npz_file_must_be_prepared(project: Path, run_stage: RunStage, set_params: Callable[..., None]) -> None:
    set_params(project, {"data.name": "npz", "data.path": "mine.npz"})
    result = run_stage(project, "estimate")
    assert result.exit_code == 2
    assert result.output == "data/prepared/info.json does not exist: run `dvc repro prepare` first\n"


def test_a_missing_device_is_told(project: Path, set_params: Callable[..., None]) -> None:
    set_params(project, {"runtime.device": "cuda:99"})
    done = command(project, "stages.estimate", "train_gan")
    assert done.returncode == 2
    assert done.stderr.startswith("runtime.device: cuda:99 was asked for")
    assert done.stderr.count("\n") == 1
