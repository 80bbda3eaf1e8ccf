"""The frame of a stage command: how it begins, what it leaves, and how it ends."""

import json
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from gendistill.config.edit import replace_values
from gendistill.config.params import load_params
from gendistill.runtime.errors import Stopped, UserError
from gendistill.runtime.loop import Loop
from gendistill.runtime.stage import DryRun, StageRun, TimeLimit, check_items, open_stage, peak_memory
from gendistill.runtime.tracked import tracked

ROOT = Path(__file__).resolve().parents[2]
Body = Callable[[StageRun], object]
CELL: dict[str, str | int] = {"source": "ours", "network": "convnet3", "ipc": 1}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """dvc.yaml and params.yaml, and the current folder there."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    values = {
        "runtime.device": "cpu",
        "runtime.precision": "fp32",
        "runtime.threads": 1,
        "runtime.log_seconds": 0,
    }
    edit(tmp_path, values)
    return tmp_path


def edit(project: Path, values: dict[str, Any]) -> None:
    path = project / "params.yaml"
    path.write_text(replace_values(path.read_text(), values, "params.yaml"))


def invoke(body: Body, *options: str, name: str = "train_gan", item: dict[str, str | int] | None = None) -> Result:
    """Run a stage with the given body as a command."""
    app = typer.Typer()

    @app.command()
    def main(time_limit: TimeLimit = 0, dry_run: DryRun = False) -> None:
        with open_stage(name, item, time_limit=time_limit, dry_run=dry_run) as run:
            body(run)

    return CliRunner().invoke(app, list(options))


def raising(error: BaseException) -> Body:
    def body(run: StageRun) -> None:
        raise error

    return body


def left_behind(project: Path) -> list[str]:
    """Files beside the two that were there."""
    found = (path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file())
    return sorted(set(found) - {"dvc.yaml", "params.yaml"})


def record_of(project: Path) -> dict[str, Any]:
    (path,) = (project / ".cache/costs").rglob("*.json")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


# --- how it ends


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (UserError("mend this"), 2, "mend this\n"),
        (Stopped("stopped, continue", 143), 143, "stopped, continue\n"),
        (Stopped("time is over", 75), 75, "time is over\n"),
        (KeyboardInterrupt(), 130, "train_gan: interrupted\n"),
    ],
)
def test_an_end_on_purpose_has_a_message_and_a_status(
    project: Path, error: BaseException, status: int, said: str
) -> None:
    result = invoke(raising(error))
    assert (result.exit_code, result.stderr, result.stdout) == (status, said, "")
    assert left_behind(project) == []


def test_a_bug_keeps_its_traceback(project: Path) -> None:
    error = ZeroDivisionError("a bug")
    result = invoke(raising(error))
    assert result.exit_code == 1
    assert result.exception is error
    assert left_behind(project) == []


def test_a_good_end_says_nothing(project: Path) -> None:
    result = invoke(lambda run: None)
    assert (result.exit_code, result.output) == (0, "")


def test_broken_params_come_before_the_body(project: Path) -> None:
    edit(project, {"gan.steps": 0, "seed": -1})
    result = invoke(raising(AssertionError("the body ran")))
    assert result.exit_code == 2
    assert result.stderr.startswith("params.yaml has 2 problems:\n  seed: ")
    (project / "params.yaml").unlink()
    result = invoke(raising(AssertionError("the body ran")))
    assert (result.exit_code, result.stderr) == (
        2,
        "params.yaml does not exist; run the command in the project's root folder\n",
    )


def test_a_missing_pipeline_is_told(project: Path) -> None:
    (project / "dvc.yaml").unlink()
    result = invoke(raising(AssertionError("the body ran")))
    assert (result.exit_code, result.stderr) == (
        2,
        f"dvc.yaml is not in {project}; run stages from the root of the project\n",
    )


# --- the cost record


def test_a_light_stage_leaves_a_record_without_device(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (platform, socket):
        monkeypatch.setattr(module, "node" if module is platform else "gethostname", lambda: "name-of-this-machine")
    assert invoke(lambda run: None, name="report").exit_code == 0
    record = record_of(project)
    assert set(record) == {"stage", "params", "seconds", "peak_memory_bytes", "host", "finished"}
    assert record["stage"] == "report"
    assert set(record["params"]) == set(tracked("report").params)
    assert record["params"]["evaluate"]["ipc"] == list(load_params().evaluate.ipc)
    assert 0 <= record["seconds"] < 60
    assert 1e7 < record["peak_memory_bytes"] < 1e12  # bytes, not kilobytes
    assert set(record["host"]) == {"cpu", "cores", "machine", "system", "python"}
    assert record["finished"].endswith("+00:00")
    assert "name-of-this-machine" not in json.dumps(record)


def test_a_computing_stage_records_device_and_cell(project: Path) -> None:
    result = invoke(lambda run: run.compute, name="evaluate", item=CELL)
    assert result.exit_code == 0, result.output
    record = record_of(project)
    assert record["stage"] == "evaluate@ours-convnet3-1"
    assert (project / ".cache/costs/evaluate@ours-convnet3-1").is_dir()
    assert record["device"] == "cpu"
    assert record["precision"] == "fp32"
    assert record["threads"] == torch.get_num_threads()
    assert record["torch"] == torch.__version__
    assert not [key for key in record["params"] if key.startswith("runtime")]


def test_records_go_to_the_checkout_of_the_user(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to the temporary copy that DVC runs an experiment in."""
    checkout = project / "checkout"
    monkeypatch.setenv("DVC_ROOT", str(checkout))
    stores = []
    assert invoke(lambda run: stores.append(run.session.store)).exit_code == 0
    assert len(list((checkout / ".cache/costs/train_gan").iterdir())) == 1
    assert stores[0] is not None
    assert stores[0].folder.parent == checkout / ".cache/checkpoints/train_gan"
    assert not (project / ".cache").exists()


def test_a_record_that_cannot_be_written_is_told(project: Path) -> None:
    (project / ".cache").write_text("")
    result = invoke(lambda run: None)
    assert result.exit_code == 2
    assert "cannot be written: a file stands where a folder is needed" in result.stderr


def test_memory_is_that_of_the_device_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 100 + device.index)
    assert peak_memory(torch.device("cuda:1")) == 101
    assert peak_memory(torch.device("cpu")) == pytest.approx(peak_memory(None), rel=0.1)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="elsewhere the system counts the parent's peak in")
def test_the_peak_of_a_process_is_its_own() -> None:
    """This process holds torch; one that it starts, and that imports none, must not inherit its peak."""
    code = "from gendistill.runtime.stage import peak_memory; print(peak_memory(None))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1e7 < int(done.stdout) < peak_memory(None) / 2


# --- checkpoints and time


def work(run: StageRun, steps: int = 5) -> list[dict[str, float]]:
    with Loop("work", steps, ("loss",), run.session) as loop:
        saved = loop.resume()
        step = saved["step"] if saved else 0
        while step < steps:
            step += 1
            loop.advance(step, torch.ones(1), lambda step=step: {"step": step})  # type: ignore[misc]
    return loop.rows


def test_a_time_limit_keeps_the_checkpoint_and_the_end_forgets_it(project: Path) -> None:
    result = invoke(work, "--time-limit", "1e-9")
    assert result.exit_code == 75
    assert "work: the time limit of 1e-09 minutes is reached after step 1 of 5; the state is saved" in result.stderr
    (file,) = left_behind(project)
    assert file.startswith(".cache/checkpoints/train_gan/")
    edit(project, {"runtime.time_limit_minutes": 1e-9, "runtime.checkpoint_seconds": 3600})  # change no fingerprint
    assert invoke(work).exit_code == 75
    assert invoke(work, "--time-limit", "60").exit_code == 0  # the option comes before params.yaml
    (file,) = left_behind(project)
    assert file.startswith(".cache/costs/train_gan/")
    assert not list((project / ".cache/checkpoints/train_gan").iterdir())


def test_a_continued_run_costs_what_all_of_it_took(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke(work, "--time-limit", "1e-9").exit_code == 75
    folder = project / ".cache/checkpoints/train_gan"
    (file,) = folder.rglob("last.pt")
    saved = torch.load(file, weights_only=True)
    torch.save(saved | {"seconds": 5000.0}, file)
    assert invoke(work).exit_code == 0
    assert 5000 <= record_of(project)["seconds"] < 5060


@pytest.mark.parametrize("values", [{"gan.lr": 0.1}, {"seed": 5}, {"runtime.threads": 2}], ids=str)
def test_another_run_does_not_find_the_checkpoint(project: Path, values: dict[str, Any]) -> None:
    assert invoke(work, "--time-limit", "1e-9").exit_code == 75
    edit(project, values)
    again = invoke(work, "--time-limit", "1e-9")
    assert "after step 1 of 5" in again.stderr
    assert "continuing" not in again.stderr


def test_what_changes_no_number_finds_it(project: Path) -> None:
    assert invoke(work, "--time-limit", "1e-9").exit_code == 75
    edit(project, {"preset": "other", "loss.omega_l": 0.5, "runtime.log_seconds": 1, "runtime.data_root": "x"})
    again = invoke(work, "--time-limit", "1e-9")
    assert "work: continuing at step 1 of 5" in again.stderr
    assert "after step 2 of 5" in again.stderr


# --- the dry run, and matrix values


def test_a_dry_run_prints_and_does_nothing(project: Path) -> None:
    result = invoke(raising(AssertionError("the body ran")), "--dry-run", name="evaluate", item=CELL)
    assert result.exit_code == 0
    shown = json.loads(result.stdout)
    assert shown["stage"] == "evaluate@ours-convnet3-1"
    assert shown["params"]["evaluate.students"] == load_params().evaluate.students
    assert "data/synthetic/ours/ipc1.safetensors" in shown["deps"]
    assert left_behind(project) == []


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"source": "dim"}, "--source dim is not in params.yaml, which names: ours"),
        ({"ipc": 3}, "--ipc 3 is not in params.yaml, which names: 1, 10"),
        (
            {"source": "ours", "network": "vgg11"},
            "--network vgg11 is not in params.yaml, which names: convnet3, alexnet",
        ),
        ({"control_network": "convnet3"}, "--network convnet3 is not in params.yaml, which names: none"),
    ],
)
def test_cells_that_params_do_not_name_are_refused(project: Path, chosen: dict[str, Any], message: str) -> None:
    values = {"sources": ["ours"], "evaluate.networks": ["convnet3", "alexnet"], "evaluate.control_networks": []}
    edit(project, {**values, "evaluate.ipc": [1, 10]})
    with pytest.raises(UserError) as caught:
        check_items(load_params(), **chosen)
    assert str(caught.value) == message
    check_items(load_params(), source="ours", network="alexnet", ipc=10)
