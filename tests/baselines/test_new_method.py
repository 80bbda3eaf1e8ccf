"""A method of one's own: one file, one entry of the registry, and the whole benchmark runs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from gendistill.baselines import registry
from gendistill.config.methods import METHODS
from gendistill.config.yaml12 import load_yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = '''
"""Class means under noise."""

import torch

from gendistill.baselines.task import DistilledSet, Task
from gendistill.runtime.streams import generator


def distil(task: Task) -> DistilledSet:
    every = torch.arange(len(task.data.labels))
    means = torch.stack([task.data.batch(every[task.data.labels == label])[0].mean(0) for label in range(10)])
    images = means.repeat_interleave(task.ipc, 0)
    noise = torch.randn(images.shape, generator=generator(task.device, task.seed, "means"))
    return DistilledSet(images=images + task.params.noise * noise, labels=task.labels, rows=[], steps=0)
'''
ENTRY = """
    MethodInfo(
        name="means",
        title="Class means",
        kind="optimisation",
        source="nobody",
        description="the mean of every class, under noise",
        settings=keys(noise=float),
        function="gendistill.baselines.means:distil",
    ),
)
"""
RUN = """
import runpy, sys
for command in ("prepare", "distil --method means", "evaluate --method means --network convnet3", "report"):
    name, *options = command.split()
    sys.argv = [name, "--data", "digits", *options]
    try:
        runpy.run_module(f"stages.benchmark.{name}", run_name="__main__")
    except SystemExit as end:
        assert not end.code, (command, end.code)
"""


def test_every_entry_has_its_function():
    assert all(callable(registry.method(name)) for name in METHODS)


def test_a_file_and_an_entry_are_a_method(new_project, tmp_path):
    folder = new_project(tmp_path / "own")
    shutil.copytree(ROOT / "benchmark", folder / "benchmark", ignore=shutil.ignore_patterns("dvc.lock"))
    (folder / "results/accuracy").mkdir(parents=True)
    (folder / "src/gendistill/baselines/means.py").write_text(FILE)
    methods = folder / "src/gendistill/config/methods.py"
    methods.write_text(methods.read_text().rstrip().removesuffix(")") + ENTRY.lstrip("\n"))
    document = {key: value for key, value in load_yaml(folder / "benchmark/params.yaml").items() if key not in METHODS}
    document |= {"methods": ["means"], "ipc": [1], "sets": [0], "beside": "", "means": {"noise": 0.1}}
    document["matched"] = {"methods": [], "ipc": []}
    document["evaluate"] |= {"students": 2, "width": 0.0625, "fixed_epochs": 3, "plain_epochs": 3}
    (folder / "benchmark/params.yaml").write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| Class means |" in (folder / "data/benchmark/digits/report/table.md").read_text()
    metrics = json.loads((folder / "metrics/benchmark/digits/means-convnet3.json").read_text())
    assert 0 < metrics["fixed_ipc1"]["mean"] < 1
    assert metrics["fixed_ipc1"]["distinct_images"] == 10
