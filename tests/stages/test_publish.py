import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from gendistill.config.edit import replace_values
from gendistill.config.params import load_params
from gendistill.reporting.cells import named_cells, result_key
from gendistill.reporting.publish import publish
from gendistill.reporting.runs import git
from gendistill.runtime.errors import UserError
from stages.publish import main

ROOT = Path(__file__).resolve().parents[2]
MEANS = {0: 0.90, 1: 0.94}  # of every result, by seed


def write_run(root: Path, seed: int, **changes: object) -> None:
    """params.yaml, metrics and dvc.lock of a finished run."""
    pinned = {"gan.steps": 900, "loss.omega_l": 0.01}  # named below, whatever the default run is tuned to
    values = {"seed": seed, "sources": ["ours"], "evaluate.ipc": [1], "evaluate.students": 2, **pinned, **changes}
    text = replace_values((ROOT / "params.yaml").read_text(), values, "params.yaml")
    (root / "params.yaml").write_text(text)
    params = load_params(root / "params.yaml")
    groups: dict[str, dict[str, object]] = {}
    for cell in named_cells(params):
        for protocol in cell.protocols:
            groups.setdefault(cell.group, {})[result_key(protocol, cell.ipc)] = {
                "mean": MEANS[seed], "std": 0.01, "min": 0.8, "max": 1.0, "n": 2, "held_out_mean": None,
                "width": 0.25, "channels": 32, "epochs": 300, "steps": 300, "batch": 10, "augment": "crop",
                "distinct_images": 10, "bytes": 100,
            }  # fmt: skip
    folder = root / "metrics/accuracy"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in groups.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    data = {
        "counts": {"train": 5},
        "checksum": "abc",
        "notes": ["not the official test images"],
        "source": {},
    }
    (root / "metrics/data.json").write_text(json.dumps(data))
    tracked = {"params.yaml": {"seed": seed, "gan.steps": params.gan.steps}}
    old = {"params.yaml": {"seed": 99}}  # of a cell that is no longer named
    stages = {"train_gan": {"params": tracked}, "evaluate@ours-convnet3-1": {"params": tracked}}
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": {**stages, "evaluate@dim-vgg11-50": {"params": old}}}))


def write_cost(root: Path, stage: str, name: str, seconds: float, **params: object) -> None:
    """One cost record."""
    path = root / ".cache/costs" / stage / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "stage": stage, "params": params, "seconds": seconds, "peak_memory_bytes": 1000, "device": "cpu",
        "precision": "fp32", "host": {"machine": "x86_64"}, "finished": f"2025-01-0{name}T00:00:00+00:00",
    }  # fmt: skip
    path.write_text(json.dumps(record))


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A Git repository with seed 0 in the tag `seed-0` and seed 1 in the DVC experiment `lucky-seed`."""
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    for key, value in {"NAME": "a", "EMAIL": "a@b.c"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{key}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{key}", value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.delenv("DVC_ROOT", raising=False)

    def command(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    command("init", "-q")
    (tmp_path / ".gitignore").write_text("/.cache/\n")
    write_run(tmp_path, 0)
    command("add", "-A")
    command("commit", "-qm", "seed 0")
    command("tag", "seed-0")
    write_run(tmp_path, 1)
    command("commit", "-qam", "seed 1")
    command("update-ref", "refs/exps/ab/cdef01/lucky-seed", "HEAD")
    command("reset", "-q", "--hard", "seed-0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def published(root: Path, file: str = "ours-convnet3") -> dict:
    return json.loads((root / f"results/accuracy/digits/{file}.json").read_text())


def origin(root: Path) -> dict:
    return yaml.safe_load((root / "results/origin/digits.yaml").read_text())


def test_the_workspace_is_published_with_its_origin(repository):
    write_cost(repository, "train_gan", "1", 11.0, seed=0)
    write_cost(repository, "train_gan", "3", 13.0, seed=0, **{"gan.steps": 900})  # the newest of seed 0
    write_cost(repository, "train_gan", "4", 14.0, seed=1)
    write_cost(repository, "train_gan", "5", 15.0, no_such_key=1)
    write_cost(repository, "evaluate@dim-vgg11-50", "1", 99.0, seed=0)
    (repository / "metrics/data.json").write_text((repository / "metrics/data.json").read_text() + "\n")
    message = publish(repository, [], repository / ".cache/costs")
    found = published(repository)
    assert list(found) == ["fixed_ipc1", "fresh_ipc1"]
    assert found["fresh_ipc1"]["mean"] == 0.9
    assert found["fresh_ipc1"]["std"] == 0.01
    assert found["fresh_ipc1"]["generators"] == 1
    assert found["fresh_ipc1"]["std_generators"] is None
    assert set(published(repository, "whole-convnet3")) == {"whole"}
    content = origin(repository)
    (run,) = content["runs"]
    assert run["commit"] == git(repository, "rev-parse", "HEAD")
    assert run["modified_files"] == ["metrics/data.json"]
    assert run["seconds"] == {"train_gan": 13.0}
    assert run["stages_without_cost_record"] == ["evaluate@ours-convnet3-1"]
    assert content["hardware"] == [{"device": "cpu", "precision": "fp32", "host": {"machine": "x86_64"}}]
    assert content["seeds"] == [0]
    assert content["params"]["evaluate"]["ipc"] == [1]
    assert content["data"]["notes"] == ["not the official test images"]
    assert {"python", "numpy"} <= set(content["versions_when_published"])
    assert "No cost record of workspace for evaluate@ours-convnet3-1" in message
    assert "metrics/data.json; the origin says so" in message
    assert "replaced" not in message


def test_two_seeds_are_merged(repository):
    result = CliRunner().invoke(_app(), ["seed-0", "lucky-seed"])
    assert result.exit_code == 0, result.output
    assert "2 generators x 2 students" in result.output
    found = published(repository)["fresh_ipc1"]
    # means 0.90 and 0.94: std_generators 0.04 / sqrt(2); std^2 = (2 * 0.01^2 + 4 * 0.02^2) / 3 = 0.0006
    assert (found["mean"], found["std"], found["std_generators"]) == (0.92, 0.024495, 0.028284)
    assert (found["n"], found["generators"]) == (4, 2)
    content = origin(repository)
    assert content["seeds"] == [0, 1]
    assert content["command"] == "python -m stages.publish seed-0 lucky-seed"
    assert [run["modified_files"] for run in content["runs"]] == [[], []]
    assert content["runs"][1]["started_from"] == git(repository, "rev-parse", "seed-0")


def test_presets_that_nobody_has_run_declare_what_is_printed(repository):
    shutil.copytree(ROOT / "presets", repository / "presets", ignore=shutil.ignore_patterns("expected"))
    result = CliRunner().invoke(_app(), ["--printed", "seed-0"])
    assert result.exit_code == 2
    assert "--printed takes no revisions, found seed-0" in result.output
    assert not (repository / "presets/expected").exists()
    result = CliRunner().invoke(_app(), ["--printed"])
    assert result.exit_code == 0, result.output
    assert "presets/expected/mnist-paper.yaml" in result.output
    assert not (repository / "results").exists()


def test_what_is_there_is_replaced_whole(repository):
    old = repository / "results/accuracy/digits/dim-convnet3.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    assert "what was there is replaced" in publish(repository, [], repository / ".cache/costs")
    assert not old.exists()


def test_outside_git_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write_run(tmp_path, 0)
    publish(tmp_path, [], tmp_path / ".cache/costs")
    (run,) = origin(tmp_path)["runs"]
    assert run["commit"] is None
    assert run["modified_files"] is None


def refused(root: Path, revisions: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        publish(root, revisions, root / ".cache/costs")
    assert not (root / "results").exists()


def test_refuses_when_there_is_nothing(tmp_path):
    refused(tmp_path, [], "no params.yaml")
    write_run(tmp_path, 0)
    for path in (tmp_path / "metrics/accuracy").iterdir():
        path.unlink()
    refused(tmp_path, [], "nothing to publish in metrics/accuracy; run `dvc repro` first")


def test_refuses_results_that_params_do_not_name(repository):
    (repository / "metrics/accuracy/whole-convnet3.json").unlink()
    refused(repository, [], "are missing: whole-convnet3 whole; run `dvc repro` first")
    write_run(repository, 0)
    (repository / "metrics/accuracy/dim-convnet3.json").write_text('{"fresh_ipc1": {}}')
    refused(repository, [], r"not named by params\.yaml: dim-convnet3 fresh_ipc1")


def test_refuses_params_edited_after_the_run(repository):
    params = repository / "params.yaml"
    params.write_text(replace_values(params.read_text(), {"gan.steps": 901}, "params.yaml"))
    refused(repository, [], r"changed after the run: gan\.steps \(ran with 900, now 901\)")
    params.write_text(replace_values(params.read_text(), {"evaluate.students": 5}, "params.yaml"))
    refused(repository, [], "has n 2, params.yaml says 5")


def test_refuses_runs_that_differ_in_more_than_the_seed(repository):
    write_run(repository, 1, **{"loss.omega_l": 0.5, "runtime.threads": 1})
    subprocess.run(["git", "commit", "-qam", "other weight"], cwd=repository, check=True)
    refused(
        repository,
        ["seed-0", "HEAD"],
        r"differ in more than the seed: loss\.omega_l \(0\.01 and 0\.5\); publish",
    )


def test_refuses_the_same_seed_twice(repository):
    refused(repository, ["seed-0", "HEAD"], "a seed occurs twice")


def test_refuses_unknown_and_ambiguous_names(repository):
    refused(repository, ["nonsense"], "neither a Git revision nor a DVC experiment")
    refused(repository, ["--all"], "neither a Git revision")
    subprocess.run(["git", "update-ref", "refs/exps/12/3456/lucky-seed", "seed-0"], cwd=repository, check=True)
    refused(repository, ["lucky-seed"], "2 experiments have this name")


def test_a_broken_cost_record_is_told(repository):
    path = repository / ".cache/costs/train_gan/1.json"
    path.parent.mkdir(parents=True)
    for text in ("half a fi", '{"seconds": 1}'):
        path.write_text(text)
        refused(repository, [], r"1\.json is not a cost record")


def test_a_mistake_ends_with_status_2_and_no_traceback(repository):
    result = CliRunner().invoke(_app(), ["nonsense"])
    assert result.exit_code == 2
    assert "neither a Git revision" in result.output


def _app() -> typer.Typer:
    app = typer.Typer()
    app.command()(main)
    return app
