"""DVC itself on a clone with a finished run: what runs again after which change, and that a repeat changes nothing.

What would run is asked of `dvc status`, which names the stages that a change touches directly; few things really run.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gendistill.artifact.file import load_artifact

pytestmark = [
    pytest.mark.dvc,
    pytest.mark.skipif(shutil.which("git") is None, reason="needs git"),
]
pytest.importorskip("dvc", reason="needs DVC")

SetParams = Callable[..., None]
RunStage = Callable[..., Any]
CONTROLS = {"evaluate_real@convnet3-1", "evaluate_random@convnet3-1", "evaluate_whole@convnet3"}
EVALUATIONS = {"evaluate@ours-convnet3-1", *CONTROLS}


class Clone:
    """A Git and DVC repository with a finished, committed run."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "DVC_", "GENDISTILL_"))}
        names = {f"GIT_{role}_{key}": "nobody" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        self.env = {
            **kept,
            **names,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "HOME": str(home),
            "DVC_SITE_CACHE_DIR": str(home / "site"),
            "DVC_NO_ANALYTICS": "1",
            # the commands of dvc.yaml say `python`
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }

    def run(self, *command: str, status: int = 0) -> str:
        """What the command prints."""
        done = subprocess.run(command, cwd=self.root, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == status, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr if status else done.stdout

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments)

    def dvc(self, *arguments: str, status: int = 0) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments, status=status)

    def changed(self) -> set[str]:
        """Stages that DVC would run because of a change to what they depend on themselves."""
        return set(json.loads(self.dvc("status", "--json")))

    def dirty(self) -> list[str]:
        """Files that differ from the last commit."""
        return self.git("status", "--porcelain").splitlines()

    def reset(self) -> None:
        """Back to the committed run."""
        self.git("reset", "-q", "--hard")
        self.dvc("checkout", "-q", "--force")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, finished: Path) -> Clone:
    """The finished project as a repository: its outputs are committed to DVC, not made again."""
    root = shutil.copytree(finished, tmp_path_factory.mktemp("clone") / "project")
    shutil.rmtree(root / ".cache")
    made = Clone(root, tmp_path_factory.mktemp("home"))
    made.git("init", "-q")
    made.dvc("commit", "-q", "--force")
    made.git("add", "--all")
    made.git("commit", "-q", "-m", "a finished run")
    return made


def ran(output: str) -> set[str]:
    """Stages that a `dvc repro` or `dvc exp run` really ran."""
    lines = output.splitlines()
    return {line.split("'")[1] for line in lines if line.startswith("Running stage ")}


def test_git_holds_small_text_only(clone: Clone) -> None:
    files = clone.git("ls-files").splitlines()
    assert {"dvc.lock", "metrics/accuracy.csv", "metrics/data.json"} <= set(files)
    assert not [name for name in files if name.startswith(("data/", ".cache/")) or "__pycache__" in name]
    assert all((clone.root / name).stat().st_size < 100_000 for name in files)


def test_nothing_runs_when_nothing_changed(clone: Clone) -> None:
    assert "Data and pipelines are up to date." in clone.dvc("repro")
    assert clone.dirty() == []


@pytest.mark.parametrize(
    ("values", "stages"),
    [
        ({"runtime.threads": 3, "runtime.device": "auto", "runtime.time_limit_minutes": 5, "preset": "other"}, set()),
        ({"evaluate.students": 1}, {*EVALUATIONS, "report"}),
        ({"evaluate.whole_epochs": 2}, {"evaluate_whole@convnet3", "report"}),
        ({"loss.omega_l": 0.5}, {"distill@ours", "report"}),
        ({"gan.lr": 0.001}, {"train_gan", "distill@ours", "report"}),
        ({"data.held_out": 100}, {"prepare", "report"}),
        ({"quality.images": 50}, {"quality", "report"}),
        (
            {"evaluate.ipc": [1, 2]},
            {"generate@ours-2", "evaluate@ours-convnet3-2", "evaluate_real@convnet3-2", "evaluate_random@convnet3-2"}
            | {"report"},
        ),
        (
            {"sources": ["cgan", "ours"]},
            {"distill@cgan", "generate@cgan-1", "evaluate@cgan-convnet3-1", "package@cgan", "quality", "report"},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_parameter_touches_its_stages(
    clone: Clone, set_params: SetParams, values: dict[str, Any], stages: set[str]
) -> None:
    set_params(clone.root, values)
    try:
        # the card holds every parameter that made the generator, so package follows them too; the page shows all
        assert clone.changed() - {"package@ours"} == stages
    finally:
        clone.git("checkout", "-q", "params.yaml")


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("src/gendistill/runtime/loop.py", set()),
        ("src/gendistill/config/schema.py", set()),
        ("src/gendistill/reporting/labels.py", {"report"}),
        ("src/gendistill/matching/losses.py", {"distill@ours"}),
        ("stages/evaluate_control.py", CONTROLS),
        ("params.yaml", set()),  # a comment
    ],
)
def test_a_line_of_code_touches_its_stages(clone: Clone, file: str, stages: set[str]) -> None:
    with (clone.root / file).open("a") as stream:
        stream.write("\n# another line\n")
    try:
        assert clone.changed() == stages
    finally:
        clone.git("checkout", "-q", file)


def test_a_forced_repeat_of_everything_changes_nothing(clone: Clone) -> None:
    """Each stage in a process of its own, against outputs that were made in one."""
    output = clone.dvc("repro", "--force")
    assert ran(output) == {
        "prepare", "train_gan", "distill@ours", "package@ours", "generate@ours-1", *EVALUATIONS, "quality", "report",
    }  # fmt: skip
    assert clone.dirty() == []
    assert json.loads(clone.dvc("metrics", "diff", "--json")) == {}
    assert len(list((clone.root / ".cache/costs").iterdir())) == 11
    assert not list((clone.root / ".cache/checkpoints").rglob("*.pt"))


def test_an_experiment_runs_what_depends_on_it(clone: Clone) -> None:
    """`5e-6` is written as 5e-06, which YAML 1.1 would read as text."""
    try:
        output = clone.dvc("exp", "run", "-S", "loss.omega_l=0.5", "-S", "distill.lr=5e-6", "-S", "distill.steps=5")
        assert ran(output) == {
            "distill@ours", "package@ours", "generate@ours-1", "evaluate@ours-convnet3-1", "quality", "report",
        }  # fmt: skip
        assert "  lr: 5e-06 " in (clone.root / "params.yaml").read_text()
        _, card = load_artifact(clone.root / "data/artifacts/ours.safetensors")
        assert card["parameters"]["distill"]["lr"] == 5e-6
        assert card["step"] == 5
        changes = json.loads(clone.dvc("metrics", "diff", "--json"))
        assert set(changes) == {"metrics/accuracy/ours-convnet3.json", "metrics/quality.json"}
        assert {"fresh_ipc1.mean", "fixed_ipc1.mean"} & set(changes["metrics/accuracy/ours-convnet3.json"])
    finally:
        clone.reset()
    assert clone.changed() == set()


def write_npz(path: Path) -> None:
    """A data set of 40 images and 10 classes."""
    images = (np.arange(40 * 8 * 8) % 251).astype(np.uint8).reshape(40, 8, 8)
    labels = np.tile(np.arange(10), 4)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, train_images=images, train_labels=labels, test_images=images, test_labels=labels)


def test_a_temporary_copy_uses_the_checkout_of_the_user(
    clone: Clone, run_stage: RunStage, set_params: SetParams
) -> None:
    """`--temp` runs elsewhere, but archives are found, costs recorded, and a stopped stage goes on in the checkout."""
    write_npz(clone.root / "data/raw/own.npz")
    own = {"data.name": "npz", "data.path": "own.npz", "data.held_out": 10, "gan.steps": 7}
    changes = {**own, "runtime.time_limit_minutes": 1e-9}
    options = [part for key, value in changes.items() for part in ("-S", f"{key}={value}")]
    said = clone.dvc("exp", "run", "--temp", *options, "train_gan", status=255)
    assert "train_gan: the time limit of 1e-09 minutes is reached after step 1 of 7; the state is saved" in said
    assert clone.dirty() == []  # the copy was worked in
    (record,) = (json.loads(path.read_text()) for path in newest(clone.root / ".cache/costs/prepare"))
    assert record["params"]["data"]["path"] == "own.npz"
    try:
        set_params(clone.root, own)
        assert run_stage(clone.root, "prepare").exit_code == 0
        continued = run_stage(clone.root, "train_gan")
        assert continued.exit_code == 0
        assert "train_gan: continuing at step 1 of 7" in continued.stderr
    finally:
        clone.reset()


def newest(folder: Path) -> list[Path]:
    """The last cost record of a stage."""
    return sorted(folder.iterdir())[-1:]
