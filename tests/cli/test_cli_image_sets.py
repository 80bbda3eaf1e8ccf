"""Commands on artifacts of images: what the benchmark made and measured, used outside of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

import gendistill
from gendistill.artifact.file import load_artifact, save_artifact
from gendistill.config.edit import replace_values

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "methods": ["random", "dsa", "kip_fc"],
    "ipc": [1],
    "sets": [0, 1],
    "matched.methods": ["random"],
    "matched.ipc": [2],
    "dsa.width": 0.0625,
    "dsa.iterations": 2,
    "dsa.outer_steps": 1,
    "dsa.inner_epochs": 1,
    "dsa.real_batch": 4,
    "kip_fc.steps": 3,
    "kip_fc.target_batch": 40,
    "kip_fc.learn_labels": True,
    "evaluate.width": 0.0625,
    "evaluate.students": 2,
    "evaluate.fixed_epochs": 3,
    "evaluate.plain_epochs": 3,
    "evaluate.test_points": 2,
}
SAME = ("--precision", "fp32", "--threads", "1")  # as the tiny project's
SETS = {"dsa": (1, 1), "kip_fc": (1, 0), "random": (2, 1)}  # method -> images per class, seed
DATA = "data/benchmark/digits"


def place(method):
    ipc, number = SETS[method]
    return f"{DATA}/sets/{method}-ipc{ipc}-set{number}/images.safetensors"


def cell(method):
    ipc, number = SETS[method]
    return f"{DATA}/cells/{method}-convnet3-ipc{ipc}-set{number}.json"


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory, new_project, run_stage):
    """A project with a few evaluated sets; change nothing in it."""
    folder = new_project(tmp_path_factory.mktemp("sets") / "project")
    shutil.copytree(ROOT / "benchmark", folder / "benchmark", ignore=shutil.ignore_patterns("dvc.lock"))
    path = folder / "benchmark/params.yaml"
    path.write_text(replace_values(path.read_text(), TINY, "params"))
    words = [("prepare",)]
    for method, (ipc, number) in SETS.items():
        item = ("--method", method, "--ipc", str(ipc), "--set", str(number), *(["--matched"] if ipc == 2 else []))
        words += [("distil", *item), ("evaluate", "--network", "convnet3", *item)]
    for stage, *options in words:
        result = run_stage(folder, f"benchmark.{stage}", *options)
        assert result.exit_code == 0, (stage, options, result.output, result.exception)
    return folder


@pytest.fixture
def project(benchmark, tmp_path):
    """A copy of it."""
    left_out = shutil.ignore_patterns("src", "stages", "presets")  # no command reads them
    return Path(shutil.copytree(benchmark, tmp_path / "project", ignore=left_out))


@pytest.fixture
def exported(project, command):
    """``exported(method)``: the artifact with its accuracies, in a file of its own."""

    def make(method):
        done = command(project, "export", place(method), "--out", f"{method}.safetensors", "--accuracy", cell(method))
        assert done.exit_code == 0, (done.output, done.exception)
        return f"{method}.safetensors"

    return make


# --- train, verify


@pytest.mark.parametrize("method", SETS)
@pytest.mark.parametrize("protocol", ["fixed", "fixed_plain"])
def test_the_students_are_those_of_the_benchmark(benchmark, command, tmp_path, method, protocol):
    """Same set, budget and seed, by another way: the very same accuracies, of soft labels, too."""
    words = ("--data", f"{DATA}/prepared", "--protocol", protocol, "--epochs", "3", "--width", "0.0625", "-n", "2")
    done = command(benchmark, "train", place(method), *words, *SAME, "--out", tmp_path / "found.json")
    assert done.exit_code == 0, (done.output, done.exception)
    found = json.loads((tmp_path / "found.json").read_text())
    measured = json.loads((benchmark / cell(method)).read_text())["results"][protocol]
    for key in ("accuracies", "confusion", "steps", "batch", "augment", "distinct_images", "bytes", "channels"):
        assert found[key] == measured[key], key
    assert f"{protocol}, IPC {SETS[method][0]}, 3 epochs" in done.output


def test_what_was_told_is_found_again(project, command, exported):
    name = exported("random")
    done = command(project, "verify", name, "--data", "digits", *SAME)
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.output.count("difference +0.0000") == done.output.count(": holds") == 2
    trained = command(project, "train", name, "--data", "digits", *SAME)  # epochs and width are the card's now
    assert trained.exit_code == 0, (trained.output, trained.exception)
    assert "convnet3 (width 0.0625), fixed, IPC 2, 3 epochs" in trained.output


def test_what_is_not_true_does_not_hold(project, command, exported):
    tensors, card = load_artifact(project / exported("dsa"))
    for entry in card["accuracies"]:
        entry.update(mean=0.99, std=0.001, max=1.0)
    save_artifact(project / "lie.safetensors", tensors, card)
    done = command(project, "verify", "lie.safetensors", "--data", "digits", "--protocol", "fixed", *SAME)
    assert done.exit_code == 1
    assert "DOES NOT HOLD" in done.output


# --- export


def test_an_export_tells_what_was_measured_on_this_set_and_changes_no_image(project, exported):
    for method, (ipc, number) in SETS.items():
        (before, first), (after, card) = (
            load_artifact(project / place(method)),
            load_artifact(project / exported(method)),
        )
        assert all(np.array_equal(before[name], after[name]) for name in before)
        changed = ("accuracies", "provenance", "sha256")
        assert {k: card[k] for k in card if k not in changed} == {k: first[k] for k in first if k not in changed}
        results = json.loads((project / cell(method)).read_text())["results"]
        assert {entry["protocol"] for entry in card["accuracies"]} == set(results) == {"fixed", "fixed_plain"}
        for entry in card["accuracies"]:
            found, way = results[entry["protocol"]], entry["training"]
            assert (entry["ipc"], entry["network"]) == (ipc, "convnet3")
            assert all(entry[key] == found[key] for key in ("mean", "std", "min", "max", "n", "width"))
            assert all(way[key] == found[key] for key in ("epochs", "steps", "batch", "augment"))
            assert (way["lr"], way["schedule"], way["semantics"]) == (0.01, "half", "dsa")
        origin = card["provenance"]
        assert (origin["seed"], origin["preset"], origin["sets"]) == (number, "digits-benchmark", 1)
        assert [machine["device"] for machine in origin["hardware"]] == ["cpu"]
        assert origin["data"]["counts"]["test"] == 360
        assert str(project) not in json.dumps(origin)


def test_an_export_tells_commit_and_changed_files(project, command, committed):
    commit = committed(project, "benchmark/params.yaml")
    done = command(project, "export", place("dsa"), "--out", "b.safetensors", "--accuracy", cell("dsa"))
    assert done.exit_code == 0, (done.output, done.exception)
    origin = load_artifact(project / "b.safetensors")[1]["provenance"]
    assert (origin["commit"], origin["modified_files"], origin["sets"]) == (commit, ["benchmark/params.yaml"], 1)
    assert set(origin["data"]) == {"checksum", "counts", "source"}
    keys = "seed preset commit modified_files sets hardware versions date data measured_in"
    assert list(origin) == keys.split()


def test_what_is_exported_is_told(project, command, exported):
    said = command(project, "info", exported("kip_fc")).output
    assert "n students of one set" in said
    assert "n 2  convnet3 (width 0.0625), fixed, IPC 1: 3 epochs, 3 steps of 10, half rate" in said
    assert "labels: soft, centred (the largest entry is the class), in float32" in said
    assert "preset digits-benchmark, seed 0" in said
    plain = command(project, "export", "kip_fc.safetensors", "--out", "copy.safetensors")
    assert plain.exit_code == 0, plain.output
    assert (project / "copy.safetensors").read_bytes() == (project / "kip_fc.safetensors").read_bytes()
    assert "in float32, 2 accuracies" in plain.output


@pytest.mark.parametrize(
    ("change", "words", "text"),
    [
        (None, ("--accuracy", cell("kip_fc")), "kip_fc-convnet3-ipc1-set0.json is of the set with sha256"),
        (None, ("--accuracy", "params.yaml"), "is not an evaluated set (JSONDecodeError"),
        (None, ("--accuracy", "none.json"), "is not an evaluated set (FileNotFoundError"),
        (None, ("--dtype", "fp16"), "holds images, which stay in float32; only weights are told a precision"),
        ((cell("dsa"), '"artifact"', '"artefact"'), None, "is not an evaluated set (KeyError: 'artifact')"),
        (
            (cell("dsa"), '"batch": 10', '"batch": 9'),
            None,
            "fixed has batch 9, benchmark/params.yaml and the card give",
        ),
        ((cell("dsa"), '"results"', '"result"'), None, "metrics/benchmark holds means over several sets"),
        (("benchmark/params.yaml", "fixed_epochs: 3", "fixed_epochs: 4"), None, "has epochs 3, benchmark/params.yaml"),
        (("benchmark/params.yaml", "  lr: 0.1\n", "  lr: 0.2\n"), None, "was not made with the parameters and data"),
        (
            ("benchmark/params.yaml", "weight_decay: 0.0005\n  batch", "weight_decay: 0.1\n  batch"),
            None,
            "was not made",
        ),
        ((f"{DATA}/prepared/info.json", '"checksum": "', '"checksum": "0'), None, "was not made with the parameters"),
    ],
)
def test_accuracies_of_something_else_are_not_exported(project, command, change, words, text):
    if change is not None:
        path, old, new = change
        content = (project / path).read_text()
        assert old in content
        (project / path).write_text(content.replace(old, new))
    done = command(project, "export", place("dsa"), "--out", "b.safetensors", *(words or ("--accuracy", cell("dsa"))))
    assert done.exit_code == 2, (done.output, done.exception)
    assert text in " ".join(done.output.split())
    assert not (project / "b.safetensors").exists()


# --- sample


def test_learned_images_are_exact_as_tensors_and_clamped_as_pictures(benchmark, command, tmp_path):
    stored, card = load_artifact(benchmark / place("dsa"))
    for form in ("pt", "png", "npz", "grid"):
        done = command(benchmark, "sample", place("dsa"), "--out", tmp_path / form, "--format", form)
        assert done.exit_code == 0, (done.output, done.exception)
        assert "10 images of 10 classes" in done.output
    images = torch.load(tmp_path / "pt/images.pt", weights_only=True)
    assert torch.equal(images, torch.from_numpy(stored["images"]))
    mean, std = card["normalisation"]["mean"][0], card["normalisation"]["std"][0]
    expected = np.rint(np.clip(stored["images"] * np.float32(std) + np.float32(mean), 0, 1) * 255)
    found = ImageFolder(tmp_path / "png")
    assert [label for _, label in found.samples] == list(range(10))
    for (path, label), want in zip(found.samples, expected, strict=True):
        assert np.abs(np.asarray(Image.open(path)).astype(int) - want[0]).max() <= 1  # of an order of adding
        assert label == int(stored["labels"][label])
    with np.load(tmp_path / "npz/images.npz") as arrays:
        assert np.abs(arrays["train_images"].astype(int) - expected[:, 0]).max() <= 1
    assert (tmp_path / "grid/grid.png").read_bytes() == (benchmark / place("dsa")).with_name("images.png").read_bytes()
    origin = json.loads((tmp_path / "pt/origin.json").read_text())
    assert (origin["ipc"], origin["seed"]) == (1, 1)


def test_chosen_images_are_real_ones(benchmark, command, tmp_path):
    done = command(benchmark, "sample", place("random"), "--ipc", "2", "--out", tmp_path / "x", "--format", "npz")
    assert done.exit_code == 0, (done.output, done.exception)
    stored, _ = load_artifact(benchmark / place("random"))
    with np.load(tmp_path / "x/images.npz") as arrays:
        assert np.array_equal(arrays["train_images"], stored["images"][:, 0])
        assert np.array_equal(arrays["train_labels"][:, 0], stored["labels"])


# --- what a set of images cannot do


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ("sample", "--out", "x", "--ipc", "5"),
            "holds 2 images per class and no generator, so it cannot give 5 (IPC)",
        ),
        (("sample", "--out", "x", "--seed", "9"), "holds the images of seed 1 and draws none for seed 9"),
        (("train", "--data", "digits", "--ipc", "10"), "cannot give 10 (IPC); ask for 2, or leave the number out"),
        (("train", "--data", "digits", "--protocol", "fresh"), "no new ones for the protocol fresh; take fixed or"),
        (
            ("train", "--data", "digits"),
            "has no accuracy under fixed in its card, and so no number of epochs: give --epochs",
        ),
        (
            ("verify", "--data", "digits"),
            "has no accuracy in its card, so none to repeat: `gendistill export --accuracy`",
        ),
    ],
)
def test_what_needs_a_generator_is_refused_in_one_message(benchmark, command, words, text):
    before = sorted(benchmark.rglob("*"))
    name, *options = words
    done = command(benchmark, name, place("random"), *options)
    assert done.exit_code == 2, (done.output, done.exception)
    assert text in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(benchmark.rglob("*")) == before


def test_the_python_way_gives_the_same(benchmark):
    for method, (ipc, _) in SETS.items():
        loaded = gendistill.load(benchmark / place(method))
        assert isinstance(loaded, gendistill.ImageArtifact)
        data, seen = loaded.dataset(), loaded.stored.on("cpu")
        images, labels = seen.batch(torch.arange(10 * ipc))
        assert torch.equal(torch.stack([image for image, _ in data]), images)
        assert [label for _, label in data] == labels.tolist()
