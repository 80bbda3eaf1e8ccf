"""The command on tiny sizes without a reference, and its mistakes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.names import BENCHMARKS, chosen
from gendistill.networks.generator import Generator
from gendistill.runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def command(tmp_path):
    app = typer.Typer()
    app.command()(main)
    options = ["--device", "cpu", "--precision", "fp32", "--threads", "1", "--repeats", "1", "--quick"]
    return lambda *more: CliRunner().invoke(app, [*options, "--results", str(tmp_path / "results"), *more])


def entries(folder):
    (path,) = (folder / "results").glob("*.json")
    assert path.name.startswith("cpu-")
    assert path.name.endswith("-quick.json")
    return {row["name"]: row for row in json.loads(path.read_text())}


def test_every_benchmark_runs_without_a_reference(command, tmp_path):
    result = command()
    assert result.exit_code == 0, (result.output, result.exception)
    found = entries(tmp_path)
    assert list(found) == list(BENCHMARKS)
    for name, row in found.items():
        assert row["device"].startswith("cpu ")
        assert row["n"] == len(row["ours_samples"]) == len(row["reference_samples"]) == 1
        assert row["floor_seconds"] > 0
        assert name in result.output
        if not name.startswith("input"):
            assert "plain twin" in row["reference"]
            assert row["ratio"] == pytest.approx(row["reference_seconds"] / row["ours_seconds"])


def test_only_refreshes_one_entry(command, tmp_path):
    command("--only", "gan_step", "--only", "input_overhead_gan_step")
    before = entries(tmp_path)
    assert list(before) == ["gan_step", "input_overhead_gan_step"]
    command("--only", "gan_step")
    after = entries(tmp_path)
    assert after["input_overhead_gan_step"] == before["input_overhead_gan_step"]
    assert after["gan_step"] != before["gan_step"]


def test_compiled_entries_have_a_file_of_their_own(command, tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr("gendistill.runtime.device.check_compiler", lambda device: None)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **options: compiled.append((type(self), options)))
    result = command("--only", "gan_step", "--compile")
    assert result.exit_code == 0, (result.output, result.exception)
    assert compiled == [(Generator, {"dynamic": False})]  # ours, not the plain twin's
    (path,) = (tmp_path / "results").glob("*.json")
    assert path.name.endswith("-compile-quick.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "gan_stp"], "--only gan_stp: no such benchmark"),
        (["--precision", "fp8"], "--precision fp8: expected one of auto, fp32, bf16"),
        (["--reference", "nowhere"], "expected a checkout of vimar-gu/DiM"),
        (["--reference-dc", "nowhere"], "expected a checkout of VICO-UoE/DatasetCondensation"),
        (["--device", "cuda:99"], "cuda:99 was asked for"),
    ],
)
def test_mistakes_are_told_in_one_message(command, options, message):
    result = command(*options)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_results_file_that_cannot_be_merged_with_is_told_of_first(command, tmp_path):
    command("--only", "gan_step")
    (path,) = (tmp_path / "results").glob("*.json")
    path.write_text("{}")
    path.write_text("[{}]")
    result = command("--only", "gan_step")
    assert result.exit_code == 2
    assert "is not a file of benchmark results" in result.output


def test_growth_is_measured_only_when_named():
    assert "growth" not in chosen([])
    assert chosen(["growth", "gan_step"]) == ["gan_step", "growth"]
    with pytest.raises(UserError, match=r"no such benchmark.*choose from gan_step, distill_step"):
        chosen(["all"])


def test_help_imports_no_torch():
    code = "import sys, runpy; sys.argv = ['benchmarks', '--help']\n" + (
        "try: runpy.run_module('benchmarks', run_name='__main__')\nfinally: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"
