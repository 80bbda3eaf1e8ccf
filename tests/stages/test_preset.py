import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gendistill.config.params import load_params
from stages.preset import main

ROOT = Path(__file__).resolve().parents[2]
RUNNER = CliRunner()
APP = typer.Typer()
APP.command()(main)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_preset_is_written_and_taken_back(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    result = RUNNER.invoke(APP, ["cifar10-paper-table2"])
    assert result.exit_code == 0, result.output
    assert "params.yaml holds cifar10-paper-table2 now" in result.output
    assert "  name: cifar10             # digits | mnist" in (project / "params.yaml").read_text()
    assert sorted(path.name for path in project.iterdir()) == ["params.yaml", "presets"]
    assert RUNNER.invoke(APP, ["digits"]).exit_code == 0
    assert (project / "params.yaml").read_text() == before
    assert "holds digits already" in RUNNER.invoke(APP, ["digits"]).output


def test_the_runtime_section_is_left_alone(project: Path) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("device: auto", "device: cuda:1"))
    assert RUNNER.invoke(APP, ["mnist-quick"]).exit_code == 0
    assert "device: cuda:1" in path.read_text()


def test_options_are_printed_and_nothing_is_written(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    result = RUNNER.invoke(APP, ["mnist-paper", "--options"])
    assert result.exit_code == 0
    assert result.stdout.startswith("-S preset=mnist-paper -S seed=0 -S sources=[cgan,dim,ours] -S data.name=mnist ")
    assert result.stdout.count("\n") == 1
    assert (project / "params.yaml").read_text() == before


@pytest.mark.usefixtures("project")
def test_presets_are_listed() -> None:
    lines = RUNNER.invoke(APP, ["--list"]).stdout.splitlines()
    assert len(lines) == len(list((ROOT / "presets").glob("*.yaml")))
    assert any(line.startswith("digits ") and "CPU" in line for line in lines)


@pytest.mark.usefixtures("project")
def test_a_preset_without_the_data_says_what_is_missing() -> None:
    said = RUNNER.invoke(APP, ["folder-quick"]).stdout
    assert "holds folder-quick now; set data.path in it to your folder or .npz file (or give --path)" in said


@pytest.mark.parametrize("name", ["my pictures", "mine.npz"])
def test_own_data_are_named_by_their_absolute_path(project: Path, name: str) -> None:
    path = project / name
    path.touch() if path.suffix else path.mkdir()
    result = RUNNER.invoke(APP, ["folder-quick", "--path", name])
    assert result.exit_code == 0, result.output
    params = load_params(project / "params.yaml")
    assert (params.data.name, params.data.path) == ("npz" if path.suffix else "folder", str(path))
    printed = RUNNER.invoke(APP, ["folder-gpu", "--path", name, "--options"])
    assert str(path) in printed.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["folder-quick", "--path", "nowhere"], "--path: nowhere does not exist"),
        (["folder-quick", "--path", "params.yaml"], "--path: params.yaml is neither a folder nor an .npz file"),
        (["mnist-quick", "--path", "presets"], "--path: mnist-quick is for mnist; choose a preset whose name begins"),
        (["mnist"], "unknown preset 'mnist' (did you mean 'mnist-"),
        ([], "name a preset; known are cifar10-paper, "),
    ],
)
@pytest.mark.usefixtures("project")
def test_user_mistakes_end_with_status_2_and_one_message(arguments: list[str], message: str) -> None:
    result = RUNNER.invoke(APP, arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("\n") == 1


def test_an_illegal_result_is_not_written(project: Path) -> None:
    path = project / "params.yaml"
    broken = path.read_text().replace("  threads: 0", "  threads: -1")
    path.write_text(broken)
    result = RUNNER.invoke(APP, ["mnist-quick"])
    assert result.exit_code == 2
    assert "params.yaml with preset mnist-quick has 1 problem:\n  runtime.threads: must be >= 0" in result.output
    assert path.read_text() == broken


def test_torch_is_not_imported() -> None:
    heavy = ("torch", "numpy", "dvc", "ruamel.yaml")
    code = f"import sys, stages.preset\nprint([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
