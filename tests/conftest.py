"""A tiny project: a copy of this one whose whole pipeline runs in seconds. Shared by the tests of stages and DVC."""

import contextlib
import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if "PYTEST_XDIST_WORKER" in os.environ:  # `pytest -n 2`: a core each, before torch counts them
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import typer
from typer.testing import CliRunner, Result

from gendistill.config.edit import replace_values

ROOT = Path(__file__).resolve().parents[1]
# what a terminal, a CI service or a Git hook sets would colour the output, or lead Git to another repository
for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
    os.environ.pop(name, None)
# processes that tests start import the code under test, installed or not
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
COPIED = (".dvcignore", ".gitignore", ".dvc/config", "dvc.yaml", "params.yaml", "presets", "src", "stages")
# every value that a test names is here, so that another preset in params.yaml changes no test
TINY: dict[str, Any] = {
    "seed": 0,
    "sources": ["ours"],
    "data.name": "digits",
    "data.path": "",
    "data.image_size": 16,
    "data.fit": "resize",
    "data.channels": "auto",
    "data.balanced": True,
    "data.held_out": 144,
    "gan.width": 8,
    "gan.latent": 16,
    "gan.steps": 4,
    "gan.batch_size": 16,
    "gan.lr": 0.0005,
    "gan.ema": 0.99,
    "distill.steps": 3,
    "distill.batch_size": 16,
    "distill.lr": 0.0001,
    "distill.pool": ["convnet3", "resnet10_half"],
    "distill.pool_kind": "drawn",
    "distill.pool_size": 2,
    "distill.pool_width": 0.0625,
    "distill.redraw_steps": 2,
    "distill.inner_steps": 1,
    "distill.snapshots": 1,
    "loss.omega_g": 0.01,
    "loss.omega_l": 0.01,
    "loss.local_layer": "second",
    "generate.select": "last",
    "generate.select_students": 1,
    "generate.select_width": 0.0625,
    "generate.select_epochs": 2,
    "recipe.lr": 0.1,
    "evaluate.networks": ["convnet3"],
    "evaluate.control_networks": ["convnet3"],
    "evaluate.ipc": [1],
    "evaluate.protocols": ["fresh", "fixed", "fixed_plain"],
    "evaluate.students": 2,
    "evaluate.width": 0.0625,
    "evaluate.fresh_epochs": 6,
    "evaluate.fixed_epochs": 6,
    "evaluate.plain_epochs": 6,
    "evaluate.whole_epochs": 1,
    "evaluate.test_points": 1,
    "quality.network": "convnet3",
    "quality.width": 0.0625,
    "quality.epochs": 1,
    "quality.images": 60,
    "quality.neighbours": 3,
    "runtime.device": "cpu",
    "runtime.precision": "fp32",
    "runtime.threads": 1,
    "runtime.students": "auto",
    "runtime.deterministic": False,
    "runtime.compile": False,
    "runtime.resident_limit_mib": 16384,
    "runtime.checkpoint_seconds": 60,
    "runtime.log_seconds": 0,
    "runtime.time_limit_minutes": 0.0,
}
# in the order of the pipeline, with the options of the only matrix cell that TINY leaves
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("prepare",),
    ("train_gan",),
    ("distill", "--source", "ours"),
    ("package", "--source", "ours"),
    ("generate", "--source", "ours", "--ipc", "1"),
    ("evaluate", "--source", "ours", "--network", "convnet3", "--ipc", "1"),
    ("evaluate_control", "--control", "real", "--network", "convnet3", "--ipc", "1"),
    ("evaluate_control", "--control", "random", "--network", "convnet3", "--ipc", "1"),
    ("evaluate_control", "--control", "whole", "--network", "convnet3"),
    ("quality",),
    ("report",),
)
SetParams = Callable[..., None]
NewProject = Callable[..., Path]
RunStage = Callable[..., Result]


def write_params(folder: Path, values: dict[str, Any]) -> None:
    """Change values of the project's params.yaml, by dotted key."""
    path = folder / "params.yaml"
    path.write_text(replace_values(path.read_text(), values, "params.yaml"))


@pytest.fixture(scope="session")
def set_params() -> SetParams:
    """``set_params(folder, {key: value})``."""
    return write_params


@pytest.fixture(scope="session")
def new_project() -> NewProject:
    """``new_project(folder, {key: value})``: copy what Git holds of the project, with tiny settings."""

    def make(folder: Path, values: dict[str, Any] | None = None) -> Path:
        for name in COPIED:
            source, target = ROOT / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            else:
                shutil.copy(source, target)
        write_params(folder, TINY | (values or {}))
        return folder

    return make


@pytest.fixture(scope="session")
def run_stage() -> RunStage:
    """``run_stage(folder, "evaluate", "--ipc", "1")``: run a stage command in this process, as from that folder."""

    def run(folder: Path, stage: str, *options: str) -> Result:
        app = typer.Typer()
        app.command()(importlib.import_module(f"stages.{stage}").main)
        with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder), _torch_switches():
            for name in ("DVC_ROOT", "GENDISTILL_DATA"):
                patch.delenv(name, raising=False)
            return CliRunner().invoke(app, list(options))

    return run


@contextlib.contextmanager
def _torch_switches() -> Iterator[None]:
    """Put back what `resolve_compute` sets, for the tests that follow."""
    import torch

    threads, tf32 = torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32
    cudnn_tf32, benchmark = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
    deterministic = torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = cudnn_tf32, benchmark
        if deterministic != torch.are_deterministic_algorithms_enabled():
            torch.use_deterministic_algorithms(deterministic)


@pytest.fixture(autouse=True)
def torch_switches() -> Iterator[None]:
    """No test sees the threads or the switches that another one has set, whatever the order they run in."""
    with _torch_switches():
        yield


@pytest.fixture(scope="session")
def pipeline() -> tuple[tuple[str, ...], ...]:
    """The commands of the tiny project's stages with their options, in their order."""
    return COMMANDS


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, new_project: NewProject, run_stage: RunStage) -> Path:
    """A project in which every stage has run; copy it, do not change it."""
    folder = new_project(tmp_path_factory.mktemp("finished"))
    for stage, *options in COMMANDS:
        result = run_stage(folder, stage, *options)
        assert result.exit_code == 0, (stage, result.output, result.exception)
    return folder
