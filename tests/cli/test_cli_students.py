"""`gendistill train` and `verify`: the pipeline's students, outside the pipeline."""

import json
import math
import random
import statistics

import pytest
import torch

from gendistill.artifact.file import load_artifact
from gendistill.data.load import load_split
from gendistill.evaluation.artifacts import allowed_difference
from gendistill.evaluation.kept import load_student, save_student
from gendistill.evaluation.student import accuracy
from gendistill.networks.registry import build_network
from gendistill.runtime.device import Compute
from gendistill.runtime.errors import UserError
from gendistill.runtime.stopping import StopRequest

SAME = ("--precision", "fp32", "--threads", "1")  # as the tiny project's
TINY = ("--arch", "convnet3", "--ipc", "1", *SAME)


@pytest.mark.parametrize("protocol", ["fresh", "fixed", "fixed_plain"])
def test_the_students_are_those_of_the_pipeline(project, command, protocol):
    """Same artifact, budget and seed, by another way: the very same accuracies."""
    words = ("--data", "data/prepared", "--protocol", protocol, "-n", "2", "--out", "found.json", *TINY)
    done = command(project, "train", "a.safetensors", *words)
    assert done.exit_code == 0, (done.output, done.exception)
    found = json.loads((project / "found.json").read_text())
    measured = json.loads((project / "metrics/accuracy/ours-convnet3.json").read_text())[f"{protocol}_ipc1"]
    for key in ("mean", "std", "n", "steps", "batch", "augment", "distinct_images", "width"):
        assert found[key] == measured[key], key
    assert f"accuracy {measured['mean']:.4f} ± {measured['std']:.4f} on 360 real test images" in done.output


def test_options_replace_what_the_card_says(project, command):
    (project / "found.json").write_text("of another run")
    own = ("--epochs", "2", "--width", "0.125", "--seed", "9", "--out", "found.json", "--force")
    words = ("--data", "digits", *own, *TINY)
    done = command(project, "train", "data/artifacts/ours.safetensors", *words)  # which tells no accuracies
    assert done.exit_code == 0, (done.output, done.exception)
    found = json.loads((project / "found.json").read_text())
    assert (found["steps"], found["width"], found["n"], found["channels"]) == (2, 0.125, 1, 16)


def test_the_trained_network_comes_back_as_it_was(project, command):
    words = ("--data", "data/prepared", "--arch", "resnet18", "--epochs", "3", "--width", "0.0625", "--ipc", "1", *SAME)
    done = command(project, "train", "a.safetensors", *words, "--out", "student.safetensors")
    assert done.exit_code == 0, (done.output, done.exception)
    network, card = load_student(project / "student.safetensors")
    assert (card["network"], card["classes"]) == ("resnet18", [str(digit) for digit in range(10)])
    test = load_split(project / "data/prepared", "test", "cpu", 100)
    found = accuracy(network, test, Compute(torch.device("cpu"), "fp32", 1))
    assert found == pytest.approx(card["statistics"]["mean"], abs=1e-6)  # rounded to six digits
    assert f"accuracy {found:.4f} on 360 real test images" in done.output
    assert card["normalisation"]["mean"] == pytest.approx(test.mean.tolist())


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "does not exist"),
        (b"no header", "is not a student"),
        ("a.safetensors", "is not a student"),
        (7, "damaged"),
    ],
)
def test_what_is_no_student_is_refused(project, content, text):
    path = project / "student.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_bytes((project / content).read_bytes())
    elif content is not None:  # a network of another width than its card says
        record = {"network": "convnet3", "width": 0.125}
        network = build_network("convnet3", channels=1, image_size=16, num_classes=10, width=0.0625)
        save_student(path, network, load_artifact(project / "a.safetensors")[1], record)
    with pytest.raises(UserError, match=text):
        load_student(path)


def test_a_loss_that_is_not_finite_keeps_nothing_and_says_so(project, command, monkeypatch):
    monkeypatch.setattr("gendistill.evaluation.apart.train_step", bad_step)
    done = command(project, "train", "a.safetensors", "--data", "digits", "--out", "student.safetensors", *TINY)
    assert done.exit_code == 2
    assert "the loss is not finite at step 1 (terms: student 1); nothing is kept. Another --seed, --arch" in done.output
    assert "checkpoint" not in done.output
    assert not (project / "student.safetensors").exists()


def bad_step(student, *_):
    student.step += 1
    return torch.tensor(math.nan)


def test_what_was_told_is_found_again(project, command):
    done = command(project, "verify", "a.safetensors", "--data", "data/prepared", *SAME)
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.output.count("difference +0.0000") == done.output.count(": holds") == 3
    assert "to repeat: 3 accuracies, 36 steps of students in all\n" in done.output


def test_what_is_not_true_does_not_hold(project, command, rewritten):
    def lie(card):
        for entry in card["accuracies"]:
            entry.update(mean=0.99, std=0.001, max=1.0)

    rewritten(lie)
    words = ("--data", "data/prepared", "--protocol", "fixed", *SAME)
    done = command(project, "verify", "b.safetensors", *words)
    assert done.exit_code == 1
    assert "DOES NOT HOLD" in done.output
    assert "fresh" not in done.output


def test_without_data_nothing_is_trained(project, command):
    done = command(project, "verify", "a.safetensors")
    assert (done.exit_code, done.output) == (0, "a.safetensors: sum and card are in order; 3 accuracies in the card\n")


def test_the_allowed_difference_is_a_prediction_interval():
    # t(0.995; 4) = 4.6041, sqrt(1/5 + 1/5) = 0.63246
    assert allowed_difference(0.01, 5, 5) == pytest.approx(0.01 * 4.6041 * 0.63246, rel=1e-4)
    # t(0.995; 1) = tan(pi / 2 * 0.99)
    assert allowed_difference(1.0, 2, 1) == pytest.approx(math.tan(math.pi / 2 * 0.99) * math.sqrt(1.5))
    draw, failed = random.Random(0), 0
    for _ in range(4000):
        told = [draw.gauss(0.9, 0.02) for _ in range(5)]
        again = statistics.fmean(draw.gauss(0.9, 0.02) for _ in range(3))
        failed += abs(statistics.fmean(told) - again) > allowed_difference(statistics.stdev(told), 5, 3)
    assert 20 < failed < 65  # 1 of 100


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("train", "a.safetensors"), "--data"),
        (("train", "a.safetensors", "--data", "mars"), "--data mars is neither a data set (digits, mnist"),
        (
            ("train", "a.safetensors", "--data", "metrics"),
            "metrics cannot be used as it is; nothing was written: class folders without an image",
        ),
        (("train", "a.safetensors", "--data", "digits", "--arch", "resnet81"), "(did you mean 'resnet18'?)"),
        (("train", "a.safetensors", "--data", "digits", "--width", "0"), "--width is 0; expected a fraction"),
        (("train", "a.safetensors", "--data", "digits", "--device", "tpu"), "--device tpu is unknown"),
        (("train", "a.safetensors", "--data", "digits", "--device", "cuda:77"), "--device: cuda:77 was asked for"),
        (("train", "data/artifacts/ours.safetensors", "--data", "digits"), "and so no number of epochs: give --epochs"),
        (("train", "a.safetensors", "--data", "digits", "--out", "metrics"), "--out metrics is a folder; give a file"),
        (
            ("train", "a.safetensors", "--data", "digits", "--out", "a.safetensors"),
            "a.safetensors is there already; give another file, or --force to replace it",
        ),
        (
            ("train", "a.safetensors", "--data", "digits", "--out", "params.yaml/found.json"),
            "params.yaml/found.json: cannot be written: a file stands where a folder is needed",
        ),
        (("train", "a.safetensors", "--data", "digits", "-n", "2", "--out", "s.safetensors"), "holds one network, but"),
        (("train", "a.safetensors", "--data", "digits", "--threads", "100000"), "less than or equal to 1024"),
        (("verify", "a.safetensors", "--ipc", "1"), "give --data, too"),
        (("verify", "a.safetensors", "--data", "digits", "--ipc", "7"), "has no such accuracy in its card"),
        (
            ("verify", "data/artifacts/ours.safetensors", "--data", "digits"),
            "has no accuracy in its card, so none to repeat",
        ),
    ],
)
def test_mistakes_train_nothing(project, command, words, text):
    done = command(project, *words)
    assert done.exit_code == 2, (done.output, done.exception)
    assert text in " ".join(done.output.replace("│", " ").split())
    assert "steps/s" not in done.output


def test_an_accuracy_of_one_student_cannot_be_repeated(project, command, rewritten):
    rewritten(lambda card: [entry.update(n=1, std=0.0) for entry in card["accuracies"]])
    done = command(project, "verify", "b.safetensors", "--data", "digits")
    assert done.exit_code == 2
    assert "tells an accuracy of one student, whose spread nobody knows" in done.output


def test_a_run_that_is_stopped_says_what_is_left(project, command, monkeypatch):
    monkeypatch.setattr(StopRequest, "reason", lambda self: ("stopped by SIGINT", 130))
    done = command(project, "train", "a.safetensors", "--data", "digits", "--out", "found.json", *TINY)
    assert done.exit_code == 130
    assert "stopped by SIGINT after step 1 of 6; nothing is kept, the same command starts anew\n" in done.output
    assert not (project / "found.json").exists()
