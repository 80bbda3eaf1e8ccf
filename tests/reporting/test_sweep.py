import json
from dataclasses import asdict

import pytest
import yaml

from gendistill.reporting.full_page import write_page
from gendistill.reporting.metrics import grouped, write_groups
from gendistill.reporting.page_origin import sweep_section
from gendistill.reporting.summary import gather
from gendistill.reporting.sweep import SweepRun, collect, places, published_runs, read_sweeps, sweeps, write_sweeps
from gendistill.runtime.errors import UserError


def run(name, omega, mean=0.5, **changes):
    params = {"loss.omega_l": omega, "gan.width": 64, "seed": 0, "preset": name, "runtime.threads": 0, **changes}
    entry = {"mean": mean, "std": 0.01, "n": 5}
    accuracy = {"ours-convnet3": {"fresh_ipc1": entry}, "whole-convnet3": {"whole": entry}}
    return SweepRun(name=name, params=params, accuracy=accuracy)


def test_runs_that_differ_in_one_parameter_are_a_sweep():
    runs = [run("b", 0.1), run("a", 0.001, seed=1), run("other", 0.1, **{"gan.width": 32}), run("c", 1.0)]
    (found,) = sweeps(runs, "loss.omega_l")
    assert [one.name for one in found] == ["a", "b", "c"]


def test_a_sweep_holds_the_rows_that_the_parameter_reaches():
    found = collect([run("a", 0.001, 0.4), run("b", 0.1, 0.6)], "loss.omega_l")
    assert found == {
        "key": "loss.omega_l",
        "values": [0.001, 0.1],
        "runs": ["a", "b"],
        "results": {"ours-convnet3 fresh_ipc1": {"mean": [0.4, 0.6], "std": [0.01, 0.01], "n": [5, 5]}},
    }


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("loss.omega", "none of 2 runs has a parameter loss.omega"),
        ("omega_l", "did you mean loss.omega_l?"),
        ("preset", "preset is 'a', not a number"),
        ("gan.width", "no two of 2 runs differ in gan.width only"),
    ],
)
def test_what_is_no_sweep_is_told(key, told):
    with pytest.raises(UserError, match=told.replace("?", r"\?")):
        sweeps([run("a", 0.1), run("b", 0.2)], key)


def test_zero_has_a_place_on_a_logarithmic_axis():
    assert places([0, 0.0001, 0.01]) == ([0.00001, 0.0001, 0.01], True)
    assert places([1, 2, 3]) == ([1, 2, 3], False)
    assert places([-1, 0.1, 10]) == ([-1, 0.1, 10], False)


@pytest.fixture
def published(tmp_path):
    """Two published runs."""
    for one in (run("a", 0.0, 0.4), run("b", 0.1, 0.6)):
        write_groups(one.accuracy, tmp_path / "results/accuracy" / one.name)
        path = tmp_path / f"results/origin/{one.name}.yaml"
        path.parent.mkdir(exist_ok=True)
        nested = {"loss": {"omega_l": one.params["loss.omega_l"]}, "seed": 0, "preset": one.name}
        path.write_text(yaml.safe_dump({"params": nested}))
    return tmp_path


def test_a_sweep_of_published_runs_is_written(published):
    assert [one.params["loss.omega_l"] for one in published_runs(published)] == [0.0, 0.1]
    told = write_sweeps(published, "loss.omega_l", [])
    assert "loss.omega_l = 0, 0.1: a, b" in told
    assert (published / "data/sweep/loss.omega_l.png").stat().st_size > 5000
    section = sweep_section(read_sweeps(published))
    assert "Runs: a, b" in section.body
    assert "0.600" in section.body


def test_without_a_sweep_nothing_is_written(published):
    with pytest.raises(UserError):
        write_sweeps(published, "gan.width", [])
    assert not (published / "data").exists()
    assert "python -m stages.sweep" in sweep_section(read_sweeps(published)).missing[0]
    (published / "data/sweep").mkdir(parents=True)
    (published / "data/sweep/x.json").write_text("{")
    with pytest.raises(UserError, match=r"x\.json is not a sweep"):
        read_sweeps(published)


def test_the_whole_page_has_cost_and_origin(project, make_params):
    from test_page import Reader

    params, root = project
    (root / "metrics/data.json").write_text(json.dumps({"checksum": "0" * 64}))
    write_groups(grouped(gather(params, root).results), root / "metrics/accuracy")
    (root / "params.yaml").write_text(yaml.safe_dump(to_yaml(params)))
    record = {
        "params": {"seed": 0}, "seconds": 12.34, "peak_memory_bytes": 5_000_000,
        "finished": "2026-01-02T03:04:05+00:00", "host": {"cpu": "A CPU", "cores": 2},
    }  # fmt: skip
    (root / "costs/train_gan").mkdir(parents=True)
    (root / "costs/train_gan/x.json").write_text(json.dumps(record))
    path = write_page(params, root, root / "costs")
    text = " ".join(Reader(path.read_text()).text)
    assert "train_gan 12.3 5.0 MB 2026-01-02" in text
    assert "cpu A CPU, cores 2" in text
    assert "not in Git" in text
    assert "sweeps (Fig. 3 of the paper): none collected" in text


def to_yaml(params):
    """Parameters as params.yaml holds them."""
    return json.loads(json.dumps(asdict(params)))
