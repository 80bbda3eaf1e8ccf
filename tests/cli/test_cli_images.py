"""`gendistill sample`: other tools read what it writes, and it destroys nothing."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

import gendistill
from gendistill.artifact.fixed import load_fixed_set
from gendistill.artifact.writing import class_folders
from gendistill.config.params import load_params
from gendistill.data.load import load_split
from gendistill.data.prepare import prepare


def sampled(command, project, form, *words):
    done = command(project, "sample", "a.safetensors", "--ipc", "2", "--out", "out", "--format", form, *words)
    assert done.exit_code == 0, (done.output, done.exception)
    return project / "out", gendistill.load(project / "a.safetensors").dataset(2)


def test_pictures_are_read_by_image_folder_with_their_labels(project, command):
    out, data = sampled(command, project, "png")
    found = ImageFolder(out)
    assert found.classes == [str(k) for k in range(10)]
    assert [label for _, label in found.samples] == data.labels.tolist()
    for (path, _), image in zip(found.samples, data.images, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), image[0].numpy())


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (("airplane", "automobile", "bird"), ["airplane", "automobile", "bird"]),
        (("cat", "ant"), ["0_cat", "1_ant"]),  # their order is not that of the labels
        (("a", "../../b", "/etc"), ["0_a", "1_b", "2_etc"]),
        (("A", "a"), ["0_A", "1_a"]),  # one folder on some file systems
        (("é", "", "..", *"xxxxxxxxx"), [f"{k:02d}{name}" for k, name in enumerate(["", "", ""] + ["_x"] * 9)]),
    ],
)
def test_class_folders_sort_as_the_labels_do_and_stay_inside(classes, expected):
    assert class_folders(classes) == expected == sorted(expected)


def test_hostile_class_names_write_nothing_outside(project, command, rewritten):
    rewritten(lambda card: card.update(classes=["../../x", "/tmp/x", "..", ".", "a/b", "CON", "x", "y", "z", "w"]))
    before = set(project.parent.rglob("*"))
    done = command(project, "sample", "b.safetensors", "--ipc", "1", "--out", "out")
    assert done.exit_code == 0, done.output
    new = set(project.parent.rglob("*")) - before
    assert all(path.is_relative_to(project / "out") for path in new)
    assert len(list((project / "out").glob("*/*.png"))) == 10


def test_an_npz_file_has_the_keys_of_medmnist(project, command):
    out, data = sampled(command, project, "npz")
    with np.load(out / "images.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"train_images", "train_labels"}
        assert np.array_equal(arrays["train_images"], data.images[:, 0].numpy())
        assert np.array_equal(arrays["train_labels"], data.labels[:, None].numpy())


def test_with_real_test_images_prepare_reads_it(project, command):
    from dataclasses import replace

    out, data = sampled(command, project, "npz", "--data", "data/prepared")
    params = load_params(project / "params.yaml").data
    params = replace(params, name="npz", path="images.npz", held_out=0)
    prepare(params, out, project / "again")
    train, test = (load_split(project / "again", split, "cpu", 10) for split in ("train", "test"))
    assert torch.equal(train.gather(torch.arange(20)), data.images)
    real = load_split(project / "data/prepared", "test", "cpu", 10)
    assert torch.equal(test.gather(torch.arange(360)), real.gather(torch.arange(360)))
    assert torch.equal(test.labels, real.labels)


def test_tensors_are_standardised_and_class_after_class(project, command):
    out, data = sampled(command, project, "pt")
    images, labels = (torch.load(out / f"{name}.pt", weights_only=True) for name in ("images", "labels"))
    assert (images.shape, images.dtype, labels.dtype) == ((20, 1, 16, 16), torch.float32, torch.int64)
    assert torch.equal(images[7], data[7][0])
    assert labels.tolist() == [k for k in range(10) for _ in range(2)]


def test_the_grid_is_that_of_the_generate_stage(project, command):
    done = command(project, "sample", "a.safetensors", "--ipc", "1", "--out", "out", "--format", "grid")
    assert done.exit_code == 0
    assert (project / "out/grid.png").read_bytes() == (project / "data/synthetic/ours/ipc1.png").read_bytes()
    images, _ = load_fixed_set(project / "data/synthetic/ours/ipc1.safetensors")
    assert torch.equal(gendistill.load(project / "a.safetensors").dataset(1).images, images)


def test_the_origin_is_written_beside_it(project, command):
    out, _ = sampled(command, project, "png", "--seed", "5")
    origin = json.loads((out / "origin.json").read_text())
    assert (origin["artifact"], origin["ipc"], origin["seed"]) == ("a.safetensors", 2, 5)
    assert origin["sha256"] == gendistill.load(project / "a.safetensors").card["sha256"]


def test_only_what_sample_wrote_is_replaced_and_only_by_force(project, command, monkeypatch):
    def run(*words):
        done = command(project, "sample", "a.safetensors", "--ipc", "1", "--out", *words)
        return done.exit_code, done.output

    assert run("out")[0] == 0
    code, said = run("out", "--format", "pt")
    assert code == 2
    assert "out is not empty; give another folder, or --force to replace it" in said
    assert run("out", "--format", "pt", "--force")[0] == 0
    assert sorted(path.name for path in (project / "out").iterdir()) == ["images.pt", "labels.pt", "origin.json"]
    with monkeypatch.context() as patch:
        patch.setattr("gendistill.artifact.loading.load", None)  # told before anything is opened or drawn
        for place, text in (("data", "`gendistill sample` did not write it"), ("params.yaml", "is a file")):
            code, said = run(place, "--force")
            assert code == 2
            assert text in said
    (project / "empty").mkdir()
    assert run("empty")[0] == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--data", "digits"), "--data is for --format npz; png holds no test images"),
        (("--ipc", "0"), "--ipc"),
        (("--seed", "-1"), "--seed"),
        (("--format", "gif"), "--format"),
        (("--device", "tpu"), "device 'tpu' cannot be used here"),
        (("--format", "npz", "--data", "nowhere"), "--data nowhere is neither a data set"),
    ],
)
def test_mistakes_write_nothing(project, command, words, text):
    done = command(project, "sample", "a.safetensors", "--out", "out", *words)
    assert done.exit_code == 2, done.output
    assert text in " ".join(done.output.split())
    assert not (project / "out").exists()
