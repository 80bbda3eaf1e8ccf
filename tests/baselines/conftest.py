"""Tiny tasks for every method, and a tiny benchmark that has run."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_benchmark import TINY as TINY_BENCHMARK
from tiny_benchmark import commands, noting_reads
from tiny_inputs import *  # noqa: F403

from gendistill.baselines.task import Task
from gendistill.config.benchmark import BenchmarkParams, load_benchmark
from gendistill.config.edit import replace_values
from gendistill.runtime.loop import Session

ROOT = Path(__file__).resolve().parents[2]
TINY: dict[str, dict[str, Any]] = {
    "random": {},
    "herding": {"width": 0.0625, "epochs": 2, "batch_size": 12},
    "k_center": {"width": 0.0625, "epochs": 2, "batch_size": 12},
    "forgetting": {"width": 0.0625, "epochs": 2, "batch_size": 12},
    "dm": {"width": 0.0625, "steps": 5, "real_batch": 4},
    "dc": {"width": 0.0625, "iterations": 2, "outer_steps": 3, "inner_epochs": 2, "inner_batch": 5, "real_batch": 4},
    "dsa": {"width": 0.0625, "iterations": 2, "outer_steps": 3, "inner_epochs": 2, "inner_batch": 5, "real_batch": 4},
    "egm": {"width": 0.0625, "iterations": 2, "outer_steps": 3, "inner_batch": 5, "real_batch": 4, "inner_epochs": 1}
    | {"inner_schedule": "constant"},  # the decreasing one begins with 50 epochs
    "kip_fc": {"steps": 5, "target_batch": 16, "learn_labels": True},
}


@pytest.fixture(scope="session")
def benchmark_params() -> BenchmarkParams:
    """The project's own; what tests compare with is read from it."""
    return load_benchmark(ROOT / "benchmark/params.yaml")


@pytest.fixture
def make_task(bars, compute, benchmark_params) -> Callable[..., Task]:
    """Task(method, images per class, session, seed, data, changed keys of the section): 4 classes, 8 images each."""

    def make(method: str, ipc: int = 2, session: Session | None = None, seed: int = 0, data=None, **changes: Any):
        return Task(
            data=bars if data is None else data,
            num_classes=4,
            ipc=ipc,
            seed=seed,
            params=replace(getattr(benchmark_params, method), **(TINY[method] | changes)),
            compute=compute,
            session=session or Session(log_seconds=3600),
            title=method,
        )

    return make


@pytest.fixture(scope="session")
def new_benchmark(new_project) -> Callable[[Path], Path]:
    """``new_benchmark(folder)``: a tiny project with the benchmark, in which nothing has run."""

    def project(folder: Path) -> Path:
        new_project(folder)
        shutil.copytree(ROOT / "benchmark", folder / "benchmark", ignore=shutil.ignore_patterns("dvc.lock"))
        shutil.copytree(ROOT / "results/accuracy/digits", folder / "results/accuracy/digits")
        path = folder / "benchmark/params.yaml"
        path.write_text(replace_values(path.read_text(), TINY_BENCHMARK, "params"))
        return folder

    return project


@pytest.fixture(scope="session")
def finished_benchmark(tmp_path_factory, new_benchmark, run_stage) -> tuple[Path, dict[str, set[str]], str]:
    """A finished tiny benchmark, what each stage read, and what the report said; do not change it."""
    folder = new_benchmark(tmp_path_factory.mktemp("benchmark"))
    reads: dict[str, set[str]] = {}
    output = ""
    for stage, *options in commands(folder):
        with noting_reads(reads.setdefault(stage, set())):
            result = run_stage(folder, f"benchmark.{stage}", *options)
        assert result.exit_code == 0, (stage, options, result.output, result.exception)
        output = result.output
    return folder, reads, output
