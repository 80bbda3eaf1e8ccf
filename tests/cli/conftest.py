"""The command as users have it: in the folder of a finished tiny project, and what it leaves there."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gendistill.artifact.file import load_artifact, save_artifact
from gendistill.cli.app import app

Command = Callable[..., Result]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """``command(folder, "info", "a.safetensors")``: run it from that folder, in this process."""
    for name in ("DVC_ROOT", "GENDISTILL_DATA"):
        monkeypatch.delenv(name, raising=False)

    def run(folder: Path, *words: str) -> Result:
        with contextlib.chdir(folder):
            return CliRunner().invoke(app, [str(word) for word in words], prog_name="gendistill")

    return run


@pytest.fixture(scope="session")
def whole_project(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished project with `a.safetensors`: exported in float32 with its accuracies. Change nothing in it."""
    folder = tmp_path_factory.mktemp("whole") / "project"
    shutil.copytree(finished, folder)
    with contextlib.chdir(folder):
        words = ["export", "data/artifacts/ours.safetensors", "--out", "a.safetensors", "--dtype", "fp32"]
        done = CliRunner().invoke(app, [*words, "--accuracy", "metrics/accuracy/ours-convnet3.json"])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def project(tmp_path: Path, whole_project: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole_project, tmp_path / "project"))


@pytest.fixture
def rewritten(project: Path) -> Callable[[Callable[[dict[str, Any]], Any]], Path]:
    """`a.safetensors` with a change to its card, its sum in order."""

    def make(change: Callable[[dict[str, Any]], Any]) -> Path:
        tensors, card = load_artifact(project / "a.safetensors")
        change(card)
        save_artifact(project / "b.safetensors", tensors, card)
        return project / "b.safetensors"

    return make


@pytest.fixture
def committed() -> Callable[[Path, str], str]:
    """``committed(folder, "params.yaml")``: put it into a new Git repository, change it; the hash of the commit."""

    def commit(folder: Path, file: str) -> str:
        name = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")
        for words in (("init", "-q"), ("add", file), (*name, "commit", "-q", "-m", "a run"), ("rev-parse", "HEAD")):
            done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
        path = folder / file
        path.write_text(path.read_text() + "# a remark\n")
        return done.stdout.strip()

    return commit
