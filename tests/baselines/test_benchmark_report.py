"""What the tiny benchmark's numbers become: metrics, the report, what is published; and its presets."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_pipeline import ROOT

from gendistill.artifact.images import load_images
from gendistill.baselines.kernel import regression_accuracy
from gendistill.config.benchmark import load_benchmark
from gendistill.config.edit import replace_values
from gendistill.config.yaml12 import load_yaml
from gendistill.data.info import load_info
from gendistill.data.load import load_split
from gendistill.reporting.benchmark_table import Benchmark, markdown

PARAMS = load_yaml(ROOT / "benchmark/params.yaml")


def test_cells_and_metrics_agree(finished_benchmark):
    folder, _, _ = finished_benchmark
    cells = [
        json.loads((folder / f"data/benchmark/digits/cells/dsa-convnet3-ipc1-set{s}.json").read_text()) for s in (0, 1)
    ]
    metrics = json.loads((folder / "metrics/benchmark/digits/dsa-convnet3.json").read_text())
    assert set(metrics) == {"fixed_ipc1", "fixed_plain_ipc1"}
    for protocol, augment in (("fixed", PARAMS["recipe"]["augment"]), ("fixed_plain", "none")):
        found = metrics[f"{protocol}_ipc1"]
        means = [cell["results"][protocol]["mean"] for cell in cells]
        assert found["mean"] == pytest.approx(np.mean(means), abs=1e-6)
        assert found["std_sets"] == pytest.approx(np.std(means, ddof=1), abs=1e-6)
        everyone = [value for cell in cells for value in cell["results"][protocol]["accuracies"]]
        assert found["std"] == pytest.approx(np.std(everyone, ddof=1), abs=1e-5)
        variances = [np.var(cell["results"][protocol]["accuracies"], ddof=1) for cell in cells]
        assert found["std_students"] == pytest.approx(np.sqrt(np.mean(variances)), abs=1e-5)
        assert (found["n"], found["sets"], found["updates"], found["augment"]) == (4, 2, 6, augment)
        assert (found["bytes"], found["distinct_images"], found["steps"]) == (10 * 256 * 4, 10, 3)
        for cell in cells:
            counts = cell["results"][protocol]["confusion"]
            right = sum(counts[k][k] for k in range(10)) / (2 * 360)  # two students
            assert right == pytest.approx(cell["results"][protocol]["mean"], abs=1e-6)
    kip = json.loads((folder / "metrics/benchmark/digits/kip_fc-convnet3.json").read_text())
    test = load_split(folder / "data/benchmark/digits/prepared", "test", "cpu", 1000)
    native = []
    for number in (0, 1):
        made = load_images(folder / f"data/benchmark/digits/sets/kip_fc-ipc1-set{number}/images.safetensors")
        native.append(regression_accuracy(made.images, made.labels.double(), test, PARAMS["kip_fc"]["jitter"]))
    assert kip["fixed_ipc1"]["native"] == pytest.approx(np.mean(native), abs=1e-6)
    assert 0.3 < np.mean(native) <= 1


def test_the_report_shows_every_row_and_what_stands_beside(finished_benchmark):
    folder, _, output = finished_benchmark
    table = (folder / "data/benchmark/digits/report/table.md").read_text()
    for text in (
        "| Random |",
        "| DSA |",
        "KIP-FC is not the printed row KIP",
        "% of a generator's bytes) | fixed | 2 |",
        "| Ours (main pipeline)",
    ):
        assert text in table, text
    assert "as much as IPC" in table
    assert "kernel regression" in table
    assert "| DSA |" in output
    with Image.open(folder / "data/benchmark/digits/report/benchmark.png") as picture:
        picture.verify()


def test_the_report_names_the_folder_of_ones_own_images(finished_benchmark):
    folder, _, _ = finished_benchmark
    params = load_benchmark(folder / "benchmark/params.yaml")
    own = dataclasses.replace(params, data=dataclasses.replace(params.data, name="folder", path="my/pictures"))
    info = load_info(folder / "data/benchmark/digits/prepared")
    for of, title in ((params, "Digits"), (own, "pictures (image folder)")):
        text = markdown(Benchmark(params=of, info=info, rows=(), seconds={}))
        assert text.startswith(f"# Benchmark: {title}\n")


# --- publishing


@pytest.fixture
def copied(finished_benchmark, tmp_path) -> Path:
    """The finished benchmark, to be changed."""
    folder = tmp_path / "copied"
    shutil.copytree(finished_benchmark[0], folder)
    return folder


def test_publishing_copies_the_numbers_and_says_where_they_come_from(copied, run_stage):
    result = run_stage(copied, "benchmark.publish")
    assert result.exit_code == 0, result.output
    published = copied / "results/accuracy/digits-benchmark"
    for path in (copied / "metrics/benchmark/digits").iterdir():
        assert (published / path.name).read_text() == path.read_text()
    table = (copied / "results/benchmark/digits-benchmark.md").read_text()
    assert "| Random | fixed | 1 |" in table
    assert "benchmark.png" not in table
    origin = load_yaml(copied / "results/origin/digits-benchmark.yaml")
    assert origin["sets"] == 2
    assert origin["stages_without_cost_record"] == []
    assert origin["seconds"]["distil@digits-dsa-1-0"] > 0
    assert origin["params"]["dsa"]["iterations"] == 3
    shutil.rmtree(copied / ".cache")
    assert "No cost record for 17 stages" in run_stage(copied, "benchmark.publish").output


def test_nothing_is_published_that_was_run_with_other_parameters(copied, run_stage):
    entry = {"params": {"benchmark/params.yaml": {"dsa": PARAMS["dsa"]}}}
    lock = json.dumps({"schema": "2.0", "stages": {"distil@digits-dsa-1-0": entry}})
    (copied / "benchmark/dvc.lock").write_text(lock)
    result = run_stage(copied, "benchmark.publish")
    assert result.exit_code == 2
    assert "benchmark/params.yaml changed after the run: dsa (ran with" in result.stderr
    assert not (copied / "results/origin").exists()
    path = copied / "benchmark/params.yaml"
    path.write_text(replace_values(path.read_text(), {"sets": [0, 1, 2]}, "params"))
    (copied / "benchmark/dvc.lock").unlink()
    result = run_stage(copied, "benchmark.publish")
    assert result.exit_code == 2
    assert "missing random-convnet3-ipc1-set2.json" in result.stderr


def test_presets_of_the_benchmark_are_written_and_printed(copied, run_stage):
    said = run_stage(copied, "preset", "--benchmark", "mnist-benchmark", "--options").stdout
    assert "-S benchmark/params.yaml:data.name=mnist" in said
    assert "mnist-benchmark-paper" in run_stage(copied, "preset", "--benchmark", "--list").stdout
    result = run_stage(copied, "preset", "--benchmark", "mnist-benchmark")
    assert "benchmark/params.yaml holds mnist-benchmark now; run `dvc repro benchmark/dvc.yaml`" in result.stdout
    assert load_benchmark(copied / "benchmark/params.yaml").data.name == "mnist"
    assert run_stage(copied, "preset", "--benchmark", "mnist-quick").exit_code == 2
