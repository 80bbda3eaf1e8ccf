import json
import math
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gendistill.config.params import load_params
from gendistill.config.presets import preset_descriptions, read_preset
from gendistill.reporting.expected import (
    FOLDER,
    accuracy_range,
    hardware,
    least_reach,
    load_expected,
    matches,
    range_sentence,
    read_expected,
    verdicts,
    write_expected,
)
from gendistill.reporting.expected_printed import printed_ranges, write_printed
from gendistill.reporting.markdown import markdown
from gendistill.reporting.summary import gather
from gendistill.reporting.terminal import terminal_text
from gendistill.runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
DECLARED = sorted(path.stem for path in (ROOT / FOLDER).glob("*.yaml"))


def test_the_rule_by_hand():
    assert accuracy_range(0.9, 0.001, 0.01) == (0.89, 0.91)  # the least
    assert accuracy_range(0.9, 0.02, 0.04) == (0.84, 0.96)  # three deviations
    assert accuracy_range(0.99, 0.01, 0.02) == (0.96, 1.0)  # a fraction
    assert accuracy_range(0.8123, 0.0, 0.01) == (0.802, 0.823)  # outwards


@pytest.mark.parametrize(
    ("group", "key", "least"),
    [
        ("ours-convnet3", "fresh_ipc10", 0.04),
        ("cgan-resnet18_half", "fixed_ipc10", 0.06),
        ("random-convnet3", "fixed_plain_ipc1", 0.06),
        ("real-convnet3", "fresh_ipc1", 0.01),
        ("whole-convnet3", "whole", 0.01),
    ],
)
def test_what_another_seed_changes(group, key, least):
    assert least_reach(group, key) == least


@given(st.floats(0, 1), st.floats(0, 0.5), st.sampled_from([0.01, 0.04, 0.06]))
def test_a_mean_is_inside_its_own_range(mean, std, least):
    low, high = accuracy_range(mean, std, least)
    assert 0 <= low <= mean <= high <= 1
    assert math.isclose(1000 * low, round(1000 * low))


@pytest.mark.parametrize("preset", DECLARED)
def test_declarations_are_of_the_published_runs_or_of_the_paper(preset, tmp_path):
    """By the rule; publish the preset again (`python -m stages.publish`, or with `--printed`) when this fails."""
    if (folder := ROOT / "results/accuracy" / preset).is_dir():
        origin = yaml.safe_load((ROOT / f"results/origin/{preset}.yaml").read_text())
        accuracy = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
        written = write_expected(accuracy, origin, tmp_path)
        declared = load_expected(written)
        assert (declared.generators, declared.students) == (origin["generators"], origin["students_of_each"])
    else:
        shutil.copytree(ROOT / "presets", tmp_path / "presets", ignore=shutil.ignore_patterns("expected"))
        (written,) = (path for path in write_printed(tmp_path) if path.stem == preset)
        assert load_expected(written).basis == "paper"
    assert written.read_text() == (ROOT / FOLDER / f"{preset}.yaml").read_text()


def test_every_preset_of_known_images_declares():
    assert set(DECLARED) == {name for name in preset_descriptions(ROOT / "presets") if not name.startswith("folder-")}


def test_printed_ranges_by_hand():
    """Table 1, ours and the whole set: 66.7 ± 0.3 at IPC 10, 84.8; nothing of `fixed`, which it does not have."""
    ranges = printed_ranges(read_preset("cifar10-paper", ROOT / "presets"))
    assert ranges["ours-convnet3"] == {
        "fresh_ipc1": [0.483, 0.563],
        "fresh_ipc10": [0.627, 0.707],
        "fresh_ipc50": [0.691, 0.771],
    }
    assert ranges["whole-convnet3"] == {"whole": [0.808, 0.888]}
    assert "random-convnet3" not in ranges
    table2 = printed_ranges(read_preset("cifar10-paper-table2", ROOT / "presets"))
    assert table2["dim-vgg11"] == {"fresh_ipc10": [0.628, 0.708]}


def test_a_published_preset_is_not_declared_by_the_paper(tmp_path):
    shutil.copytree(ROOT / "presets", tmp_path / "presets", ignore=shutil.ignore_patterns("expected"))
    (tmp_path / "results/accuracy/mnist-paper").mkdir(parents=True)
    assert "mnist-paper" not in [path.stem for path in write_printed(tmp_path)]


def test_a_preset_is_known_by_its_values_not_by_its_label(make_params):
    digits = read_preset("digits", ROOT / "presets")
    params = load_params(ROOT / "params.yaml")
    assert matches(params, digits)
    assert read_expected(params, ROOT).preset == "digits"
    assert matches(make_params(preset="mine", seed=7, runtime__threads=1), digits)
    changed = make_params(loss__omega_l=0.5)
    assert not matches(changed, digits)
    assert read_expected(changed, ROOT) is None


@pytest.fixture
def declared(project, make_params):
    """The fake project with declared ranges, and a changer of one of them."""
    params, root = project
    presets = root / "presets"
    presets.mkdir()
    (presets / "digits.yaml").write_text((ROOT / "presets/digits.yaml").read_text())
    means = {r.key: r.mean for r in gather(params, root).results if r.source == "ours"}

    def declare(low, high, basis="results"):
        folder = root / FOLDER
        folder.mkdir(exist_ok=True)
        mean = means["fresh_ipc10"]
        content = {
            "basis": basis, "generators": 1, "students": 5, "seconds": 365, "peak_memory_bytes": 936_308_736,
            "hardware": "a machine",
            "accuracy": {"ours-convnet3": {"fresh_ipc10": [mean + low, mean + high]}, "dim-convnet3": {"x": [0, 1]}},
        }  # fmt: skip
        (folder / "digits.yaml").write_text(yaml.safe_dump(content))
        return gather(params, root)

    return declare


def test_inside_and_outside_are_told(declared):
    for low, high, inside in ((-0.1, 0.1, True), (0.0, 0.1, True), (0.01, 0.1, False), (-0.1, -0.01, False)):
        summary = declared(low, high)
        assert summary.expected is not None
        assert [v.inside for v in verdicts(summary.results, summary.expected)] == [inside]
        assert summary.inside is inside
    sentence = "0 of 1 accuracies inside the ranges of preset digits, which come from 1 generator x 5 students"
    assert range_sentence(summary.results, summary.expected) == f"{sentence}; outside: ours-convnet3 fresh_ipc10"
    for text in (markdown(summary), " ".join(terminal_text(summary, "data/report").split())):
        assert f"{sentence}; outside: ours-convnet3 fresh_ipc10." in text
        assert "Cost to expect: 0:06:05 (h:mm:ss) and 936 MB of memory on a machine." in text


def test_ranges_of_the_paper_say_so(declared):
    summary = declared(-0.1, 0.1, "paper")
    assert range_sentence(summary.results, summary.expected) == (
        "1 of 1 accuracies inside the ranges of preset digits, which come from the paper (checkpoints picked on the "
        "test set; nobody has run this preset here), 1 generator x 5 students"
    )


def test_a_broken_declaration_is_told(declared, project):
    params, root = project
    with pytest.raises(UserError, match=r"digits\.yaml does not declare ranges.*basis 'hearsay'"):
        declared(0, 1, "hearsay")
    (root / FOLDER / "digits.yaml").write_text("accuracy: {ours-convnet3: {fresh_ipc10: 0.5}}\n")
    with pytest.raises(UserError, match=r"digits\.yaml does not declare ranges"):
        gather(params, root)


def test_the_machine_that_computed_is_named():
    host = {"cpu": "CPU", "cores": 2}
    machines = [{"host": host}, {"device": "cuda", "precision": "bf16", "host": {"cpu": "X", "cores": 8}}]
    assert hardware(machines) == "8 cores of X, cuda, bf16"
    assert hardware([{"host": host}]) == "2 cores of CPU"
    assert hardware([]) == "unknown"
