"""Commands that read and write cards."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import typer

from gendistill.artifact.export import converted
from gendistill.artifact.file import load_artifact
from gendistill.artifact.images import save_images
from gendistill.baselines.card import write_card
from gendistill.baselines.task import DistilledSet
from gendistill.cli.app import app
from gendistill.config.benchmark import load_benchmark
from gendistill.data.info import DataInfo
from gendistill.runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
OURS = "data/artifacts/ours.safetensors"
METRICS = "metrics/accuracy/ours-convnet3.json"


def card_of(path):
    return load_artifact(path)[1]


# --- export


def test_an_export_tells_what_the_pipeline_measured(project):
    card = card_of(project / "a.safetensors")
    metrics = json.loads((project / METRICS).read_text())
    assert {f"{entry['protocol']}_ipc{entry['ipc']}" for entry in card["accuracies"]} == set(metrics)
    for entry in card["accuracies"]:
        measured = metrics[f"{entry['protocol']}_ipc{entry['ipc']}"]
        assert entry["network"] == "convnet3"
        assert all(entry[key] == measured[key] for key in ("mean", "std", "min", "max", "n", "width"))
        assert all(entry["training"][key] == measured[key] for key in ("epochs", "steps", "batch", "augment"))
    fresh = next(entry["training"] for entry in card["accuracies"] if entry["protocol"] == "fresh")
    assert (fresh["lr"], fresh["schedule"], fresh["semantics"]) == (0.1, "constant", "diffaug")  # the tiny project's


def test_an_export_tells_where_it_comes_from(project):
    origin = card_of(project / "a.safetensors")["provenance"]
    assert (origin["seed"], origin["preset"], origin["measured_in"]) == (0, "digits", "float32")
    assert origin["data"]["counts"]["test"] == 360
    assert {machine.get("device") for machine in origin["hardware"]} == {None, "cpu"}  # prepare computes nothing
    assert origin["commit"] is None or len(origin["commit"]) == 40
    assert str(project) not in json.dumps(origin)


def test_an_export_tells_commit_and_changed_files(project, command, committed):
    commit = committed(project, "params.yaml")
    done = command(project, "export", OURS, "--out", "b.safetensors", "--accuracy", METRICS)
    assert done.exit_code == 0, done.output
    origin = card_of(project / "b.safetensors")["provenance"]
    assert (origin["commit"], origin["modified_files"], origin["generators"]) == (commit, ["params.yaml"], 1)
    assert origin["data"] == json.loads((project / "metrics/data.json").read_text())
    keys = "seed preset commit modified_files generators hardware versions date data measured_in"
    assert list(origin) == keys.split()


def test_half_precision_halves_the_weights_and_keeps_the_rest(project, command):
    done = command(project, "export", "a.safetensors", "--out", "half.safetensors")
    assert done.exit_code == 0, done.output
    whole, half = load_artifact(project / "a.safetensors"), load_artifact(project / "half.safetensors")
    assert half[1]["dtype"] == "float16"
    assert {k: v for k, v in half[1].items() if k not in ("dtype", "sha256")} == {
        k: v for k, v in whole[1].items() if k not in ("dtype", "sha256")
    }
    for name, value in whole[0].items():
        kind = np.float16 if value.ndim > 1 else value.dtype
        assert half[0][name].dtype == kind
        assert np.array_equal(half[0][name], value.astype(kind))
    assert hashlib.sha256((project / "half.safetensors").read_bytes()).hexdigest() in done.output


def test_what_was_measured_in_single_precision_says_so(project, command):
    done = command(project, "export", OURS, "--out", "half.safetensors", "--accuracy", METRICS)
    assert done.exit_code == 0, done.output
    card = card_of(project / "half.safetensors")
    assert (card["dtype"], card["provenance"]["measured_in"]) == ("float16", "float32")


def test_a_weight_beyond_half_precision_is_named(tmp_path):
    with pytest.raises(UserError, match=r"x holds 70000, which float16 cannot hold \(65504\); export float32"):
        converted(tmp_path, {"x": np.full((2, 2), 7e4, np.float32)}, "float16")
    assert converted(tmp_path, {"x": np.full(2, 7e4, np.float32)}, "float16")["x"].dtype == np.float32


@pytest.mark.parametrize(
    ("prepare", "words", "text"),
    [
        (None, ("--out", "a.safetensors"), "a.safetensors is there already; give another file, or --force"),
        (None, ("--out", "b.pt"), "b.pt must end in .safetensors"),
        (None, ("--out", "b.safetensors", "--accuracy", "metrics/data.json"), "is not named ours-<network>.json"),
        (None, ("--out", "b.safetensors", "--accuracy", "metrics/accuracy/ours-vgg11.json"), "is not a metrics file"),
        (("params.yaml", "seed: 0", "seed: 1"), None, "params.yaml changed after the run|not made with the parameters"),
        (("metrics/accuracy/ours-convnet3.json", '"batch": 10', '"batch": 9'), None, "not measured with the recipe"),
        (("metrics/accuracy/ours-convnet3.json", "{", "["), None, "is not a metrics file"),
    ],
)
def test_accuracies_of_something_else_are_not_exported(project, command, prepare, words, text):
    words = words or ("--out", "b.safetensors", "--accuracy", METRICS)
    if prepare is not None:
        path, old, new = prepare
        content = (project / path).read_text()
        assert old in content
        (project / path).write_text(content.replace(old, new))
    done = command(project, "export", OURS, *words)
    assert done.exit_code == 2, (done.output, done.exception)
    assert re.search(text, done.output), done.output
    assert not (project / "b.safetensors").exists()
    assert not (project / "b.pt").exists()


# --- info, compare, table


def test_info_tells_the_card(project, command):
    said = command(project, "info", "a.safetensors").output
    card = card_of(project / "a.safetensors")
    for text in (
        "a.safetensors: digits, 1 x 16 x 16 images of 10 classes", card["sha256"], "preset digits, seed 0",
        f"mean {card['normalisation']['mean'][0]:.4f}", "SGD, lr 0.1", "n 2  convnet3 (width 0.0625), fixed, IPC 1",
    ):  # fmt: skip
        assert text in said
    assert json.loads(command(project, "info", "a.safetensors", "--json").output) == card
    assert "not in the card" in command(project, "info", OURS).output


def test_compare_tells_what_differs_and_nothing_else(project, command, rewritten):
    rewritten(lambda card: card["accuracies"][0].update(mean=0.123, min=0.1, max=0.2))
    rewritten(lambda card: (card["parameters"]["loss"].update(omega_l=0.5), card["accuracies"][0].update(mean=0.123)))
    said = command(project, "compare", "a.safetensors", "b.safetensors").output.splitlines()
    assert "fixed, IPC 1" in said[1]  # accuracies first, then bytes, then how it was made
    assert said[-2].split()[:4] == ["size", "of", "the", "file"]
    assert said[-1].split() == ["parameters.loss.omega_l", "0.01", "0.5"]
    assert sum("0.123 ±" in line for line in said) == 1
    assert len(said) == 3 + len(card_of(project / "a.safetensors")["accuracies"])
    rewritten(lambda card: card["accuracies"][0]["training"].update(epochs=77))
    said = command(project, "compare", "a.safetensors", "b.safetensors").output.splitlines()
    first = next(number for number, line in enumerate(said) if "fixed, IPC 1" in line)
    assert (said[first + 1].split()[0], said[first + 1].split()[2]) == ("epochs", "77")  # other budgets do not compare
    assert command(project, "compare", OURS, OURS).output == f"{OURS} and {OURS} say the same\n"


def test_the_table_has_a_row_a_file(project, command):
    zoo = project / "zoo"
    zoo.mkdir()
    (project / "a.safetensors").rename(zoo / "a.safetensors")
    row = command(project, "table", "zoo").output.splitlines()[2]
    digest = hashlib.sha256((zoo / "a.safetensors").read_bytes()).hexdigest()
    assert f"`{digest}`" in row
    assert "| a.safetensors | digits, 10 classes, 1 x 16 x 16 |" in row
    (zoo / "README.md").write_text("before\n<!-- table -->\nold\n<!-- table -->\nafter\n")
    assert command(project, "table", "zoo", "--into", "zoo/README.md").exit_code == 0
    text = (zoo / "README.md").read_text()
    assert row in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("info", "none.safetensors"), "none.safetensors does not exist"),
        (("info", "params.yaml"), "params.yaml is not a readable safetensors file"),
        (("compare", "a.safetensors", "data"), "data is a folder; expected an artifact"),
        (("info", "/dev/null"), "/dev/null is no file; expected an artifact"),
        (("info", "x" * 300), ": the name is too long; give a shorter one"),
        (("sample", "a.safetensors", "--out", "x" * 300), ": the name is too long; give a shorter one"),
        (("table", "metrics"), "metrics holds no .safetensors file"),
        (("table", ".", "--into", "params.yaml"), "params.yaml must be a file with two lines"),
        (("verify", "params.yaml"), "is not a readable safetensors file"),
        (("verify", "a.safetensors", "--seed", "0"), "--seed are of what is trained again; give --data, too"),
        (("export", "none", "--out", "x.safetensors"), "none does not exist"),
        (("info",), "Missing argument"),
        (("nonsense",), "No such command"),
        (("info", "a.safetensors", "--nonsense"), "No such option"),
    ],
)
def test_mistakes_end_with_one_message(project, command, words, text):
    before = sorted(project.rglob("*"))
    done = command(project, *words)
    assert done.exit_code == 2, done.output
    assert text in done.output
    assert "Traceback" not in done.output
    assert sorted(project.rglob("*")) == before


# --- the process


def gendistill(*words, **variables):
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "gendistill", *words],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **variables},
    )  # fmt: skip


@pytest.mark.parametrize(
    "words", [("--help",), ("train", "--help"), ("info", "zoo/digits.safetensors"), ("--version",)]
)
def test_answers_that_need_no_torch_do_not_import_it(words):
    done = gendistill(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "dvc", "matplotlib", "scipy"}
    assert ("numpy" in imported) == (words[0] == "info")


def test_completion_works_in_bash():
    script = gendistill("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").stdout
    assert "complete -o default -F" in script
    assert "_GENDISTILL_COMPLETE=complete_bash" in script
    for words, expected in (
        ("gendistill ver", {"verify"}),
        ("gendistill sample --fo", {"--format", "--force"}),
        ("gendistill train x --protocol fi", {"fixed", "fixed_plain"}),
        ("gendistill train x --data fa", {"fashion_mnist"}),
        ("gendistill sample x --data fa", {"fashion_mnist"}),
        ("gendistill verify x --arch conv", {"convnet3"}),
        ("gendistill verify x --data ./my", set()),  # the shell's own files
    ):
        number = str(len(words.split()) - 1)
        done = gendistill(_GENDISTILL_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=number)
        assert set(done.stdout.split()) == expected


def test_every_option_has_help():
    for name, one in typer.main.get_command(app).commands.items():
        assert one.help, name
        for option in one.params:
            assert option.help, f"{name} {option.name}"


# --- artifacts of images


@pytest.fixture
def images(tmp_path):
    """A file of two images, made by DM."""
    info = DataInfo("coded", ("no", "yes"), 1, 16, {"train": 2}, (0.25,), (0.5,), {"file": "md5"}, "abc", ())
    made = DistilledSet(images=torch.zeros(2, 1, 16, 16), labels=torch.arange(2), rows=[], steps=7)
    card = write_card(load_benchmark(ROOT / "benchmark/params.yaml"), info, "dm", 1, 0, made)
    save_images(tmp_path / "images.safetensors", made.images, made.labels, card)
    return tmp_path / "images.safetensors"


def test_cards_of_images_are_told(images, command):
    folder = images.parent
    told = command(folder, "info", images.name)
    assert told.exit_code == 0, told.output
    assert "DM: class means" in told.stdout
    assert "1 images per class, labels: class numbers, in float32" in told.stdout
    assert json.loads(command(folder, "info", "--json", images.name).stdout)["images"]["ipc"] == 1
    assert "sum and card are in order" in command(folder, "verify", images.name).stdout
    assert "not in the card (`gendistill export --accuracy` adds" in told.stdout
    assert "say the same" in command(folder, "compare", images.name, images.name).stdout
    assert "| coded, 2 classes, 1 x 16 x 16 | not in the card |" in command(folder, "table", ".").stdout
