"""A fixed set as an artifact: round trips, ranges, and files that are something else."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import save

import gendistill
from gendistill.artifact.describe import comparison, description, table
from gendistill.artifact.export import export_artifact
from gendistill.artifact.file import FORMAT, checksum, load_artifact, save_artifact
from gendistill.artifact.images import StandardisedImages, load_images, pixels, save_images
from gendistill.artifact.legal import images_problems
from gendistill.artifact.sampling import load_generator
from gendistill.artifact.schema import IMAGE_PIXELS
from gendistill.config.methods import METHODS
from gendistill.data.resident import ResidentImages, standardise
from gendistill.runtime.errors import UserError


def test_learned_images_come_back_as_they_were(tmp_path, image_card, learned):
    path = tmp_path / "images.safetensors"
    labels = torch.arange(4)
    written = save_images(path, learned.requires_grad_(True).detach(), labels, image_card)
    artifact = load_images(path)
    assert artifact.card["sha256"] == written["sha256"]
    data = artifact.on("cpu")
    assert isinstance(data, StandardisedImages)
    index = torch.tensor([2, 0])
    assert torch.equal(data.batch(index)[0], learned[index])  # beyond the range of pixels, and not standardised again
    assert data.batch(index)[1].tolist() == [2, 0]
    assert data.image_bytes == artifact.stored_bytes == 4 * 4 * 256
    assert data.shape == (4, 1, 16, 16)
    before = path.read_bytes()
    save_images(path, learned.detach(), labels, image_card)
    assert path.read_bytes() == before


def test_chosen_images_are_standardised_at_use(tmp_path, image_card):
    images = torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(4, 1, 16, 16)
    path = tmp_path / "images.safetensors"
    image_card |= {"dtype": "uint8"}
    image_card["normalisation"]["pixels"] = IMAGE_PIXELS["uint8"]
    save_images(path, images, torch.arange(4), image_card)
    artifact = load_images(path)
    data = artifact.on("cpu")
    assert isinstance(data, ResidentImages)
    assert artifact.stored_bytes == 4 * 256
    mean, std = torch.tensor(image_card["normalisation"]["mean"]), torch.tensor(image_card["normalisation"]["std"])
    assert torch.equal(data.batch(torch.tensor([3]))[0], standardise(images[3:], mean, std))
    assert data.labels.tolist() == [0, 1, 2, 3]


def test_soft_labels_count_and_give_a_class(tmp_path, image_card, learned):
    soft = torch.tensor([[0.1, 0.9, -0.2, 0.0], [0.0, 0.1, 0.2, 0.3], [1.0, 0, 0, 0], [0, 0, 0.5, 0.1]])
    image_card["images"]["labels"] = "soft, centred"
    save_images(tmp_path / "x", learned, soft, image_card)
    artifact = load_images(tmp_path / "x")
    assert artifact.classes.tolist() == [1, 3, 0, 2]
    assert torch.equal(artifact.labels, soft)
    assert artifact.stored_bytes == 4 * 4 * 256 + 4 * 4 * 4


def test_each_kind_refuses_the_other(image_artifact, artifact):
    with pytest.raises(UserError, match="holds images, expected generator; name an artifact of that kind"):
        load_generator(image_artifact, "cpu")
    with pytest.raises(UserError, match=r"holds generator, expected images; .*gendistill\.load reads both"):
        load_images(artifact)


def test_a_copy_has_the_same_images(image_artifact):
    copy = image_artifact.parent / "b"
    export_artifact(image_artifact, copy)
    assert copy.read_bytes() == image_artifact.read_bytes()
    with pytest.raises(UserError, match="holds images, which stay in float32; only weights are told a precision"):
        export_artifact(image_artifact, image_artifact.parent / "c", dtype="float32")
    assert not (image_artifact.parent / "c").exists()


# --- in Python


def test_learned_images_are_given_as_they_were(image_artifact, learned, image_card):
    loaded = gendistill.load(image_artifact)
    assert isinstance(loaded, gendistill.ImageArtifact)
    assert isinstance(loaded, gendistill.Artifact)
    assert (loaded.classes, loaded.image_shape) == (("null", "één", "two", "three"), (1, 16, 16))
    assert loaded.card["source"] == "dm"
    data = loaded.dataset()
    assert len(data) == 4
    assert learned.abs().max() > 2  # beyond the range of pixels: (1 - 0.25) / 0.5 = 1.5
    for number, (image, label) in enumerate(data):
        assert torch.equal(image, learned[number])
        assert label == number
    shown = loaded.dataset(ipc=1, seed=0, transform=lambda image: image)
    image, label = shown[2]
    assert (image.dtype, label) == (torch.uint8, 2)
    expected = ((learned[2] * 0.5 + 0.25).clamp(0, 1) * 255).round()  # mean 0.25 and std 0.5 in the card
    assert torch.equal(image.float(), expected)
    assert {0, 255} <= set(image.flatten().tolist())


def test_chosen_images_are_given_standardised_and_as_pixels(tmp_path, image_card):
    images = torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(4, 1, 16, 16).contiguous()
    image_card |= {"dtype": "uint8"}
    image_card["normalisation"]["pixels"] = IMAGE_PIXELS["uint8"]
    save_images(tmp_path / "x", images, torch.arange(4), image_card)
    loaded = gendistill.load(tmp_path / "x")
    image, label = loaded.dataset()[3]
    assert label == 3
    torch.testing.assert_close(image, torch.full((1, 16, 16), (3 / 255 - 0.25) / 0.5))
    assert torch.equal(loaded.dataset(transform=lambda pixels: pixels)[3][0], images[3])
    assert torch.equal(loaded.normalise(images)[3], image)
    assert torch.equal(loaded.transform(np.full((16, 16), 3, np.uint8)), image)  # a real image, standardised alike


def test_soft_labels_are_given_as_classes(tmp_path, image_card, learned):
    image_card["images"]["labels"] = "soft, centred"
    soft = torch.tensor([[0.1, 0.9, -0.2, 0.0], [0.0, 0.1, 0.2, 0.3], [1.0, 0, 0, 0], [0, 0, 0.5, 0.1]])
    save_images(tmp_path / "x", learned, soft, image_card)
    data = gendistill.load(tmp_path / "x").dataset()
    assert [data[k][1] for k in range(4)] == data.labels.tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"ipc": 2}, r"holds 1 images per class and no generator, so it cannot give 2 \(IPC\); ask for 1, or leave"),
        ({"ipc": 0}, r"so it cannot give 0"),
        ({"seed": 5}, "holds the images of seed 0 and draws none for seed 5"),
    ],
)
def test_what_is_not_stored_is_not_given(image_artifact, arguments, text):
    loaded = gendistill.load(image_artifact)
    with pytest.raises(UserError, match=text):
        loaded.dataset(**arguments)
    assert not hasattr(loaded, "sample")
    assert not hasattr(loaded, "fresh")
    for name in ("fresh", "sample"):
        with pytest.raises(
            AttributeError, match=f"{name}': it holds images and no generator, so nothing new can be drawn"
        ):
            getattr(loaded, name)
    with pytest.raises(AttributeError, match=r"has no attribute 'nonsense'$"):
        _ = loaded.nonsense


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_stored_images_stay_on_the_cpu(image_artifact):
    loaded = gendistill.load(image_artifact, device="cuda")
    assert loaded.device.type == loaded.mean.device.type == "cuda"
    assert not loaded.dataset()[0][0].is_cuda
    assert loaded.stored.on(loaded.device).batch(torch.tensor([0], device=loaded.device))[0].is_cuda


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.pop("labels"), r"fit the images its card describes: 'labels' is none, expected I64 \[4\]"),
        (lambda t: t.update(labels=np.arange(3)), r"'labels' is I64 \[3\], expected I64 \[4\]"),
        (lambda t: t.update(images=t["images"][:, :, :8]), r"is F32 \[4, 1, 8, 16\], expected F32 \[4, 1, 16, 16\]"),
        (lambda t: t.update(images=t["images"].astype(np.uint8)), r"is U8 \[4, 1, 16, 16\], expected F32"),
        (lambda t: t["images"].__setitem__(0, np.nan), r"images holds values that are no images \(infinite, or NaN\)"),
        (lambda t: t.update(labels=np.array([1, 0, 2, 3])), "labels are not those of 1 images a class, class after"),
        (lambda t: t.update(labels=np.array([0, 1, 2, 2**40])), "labels are not those of 1 images a class"),
    ],
)
def test_tensors_that_do_not_fit_the_card_are_refused(tmp_path, image_card, learned, change, text):
    tensors = {"images": learned.numpy(), "labels": np.arange(4)}
    change(tensors)
    card = {**image_card, "format": FORMAT}
    card["sha256"] = checksum(tensors, card)
    (tmp_path / "a").write_bytes(save(tensors, metadata={"card": json.dumps(card)}))
    with pytest.raises(UserError, match=text):
        load_images(tmp_path / "a")
    with pytest.raises(UserError, match=text):
        save_artifact(tmp_path / "b", tensors, image_card)
    assert not (tmp_path / "b").exists()


def test_an_altered_file_is_refused(image_artifact):
    content = bytearray(image_artifact.read_bytes())
    content[-1] ^= 1
    image_artifact.write_bytes(bytes(content))
    with pytest.raises(UserError, match="the checksum in its card does not fit"):
        load_images(image_artifact)


@pytest.mark.parametrize("method", METHODS)
def test_the_card_of_every_method_is_legal(method, image_card):
    dtype = "uint8" if METHODS[method].kind == "selection" else "float32"
    image_card |= {"source": method, "dtype": dtype, "format": FORMAT, "sha256": "0" * 64}
    image_card["normalisation"]["pixels"] = IMAGE_PIXELS[dtype]
    assert images_problems(json.loads(json.dumps(image_card))) == []


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("kind", "generator", "must be one of images"),
        ("source", "ours", "must be one of random"),
        ("dtype", "float16", "must be one of uint8, float32"),
        ("dtype", "uint8", "does not fit dtype"),
        ("images.ipc", 0, "must be between 1"),
        ("images.ipc", 10**9, "must be between 1"),
        ("images.labels", "any", "must be one of class numbers, soft, centred"),
        ("images.exec", "x", "unknown key"),
        ("image_shape", [1, 16], "must be channels"),
        ("image_shape", [2, 16, 16], "must be channels"),
        ("image_shape", [1, 17, 17], "must be channels"),
        ("image_shape", [3, 16, 16], "does not fit image_shape"),
        ("normalisation.std", [0.0], "must be > 0"),
        ("normalisation.pixels", "as they are", "must be one of"),
        ("classes", [], "must have at least one item"),
        ("recipe.schedule", "cosine", "must be one of half"),
        ("recipe.augment", "os", "must be none, or groups"),
        ("data.fit", "stretch", "must be one of"),
        ("parameters", {}, "must hold keys"),
        ("accuracies", None, "must be a list"),
        ("generator", {}, "unknown key"),
    ],
)
def test_a_wrong_field_of_a_card_is_named(image_card, key, value, text):
    card = json.loads(json.dumps(image_card | {"format": FORMAT, "sha256": "0" * 64}))
    *path, last = key.split(".")
    place = card
    for part in path:
        place = place[part]
    place[last] = value
    problems = images_problems(card)
    assert any(text in said for _, said in problems), problems


def test_cards_of_images_are_described(image_artifact, artifact):
    card, other = load_images(image_artifact).card, load_artifact(artifact)[1]
    said = description(image_artifact, card)
    assert "1 images per class, labels: class numbers, in float32" in said
    assert "accuracy    not in the card (`gendistill export" in said
    assert "images.ipc" in comparison((image_artifact, artifact), (card, other))
    assert "| images.safetensors | coded, 4 classes, 1 x 16 x 16 | not in the card |" in table(
        [("images.safetensors", card, 1, "abc")]
    )


@pytest.mark.parametrize(("key", "value"), [("protocol", "fresh"), ("ipc", 2)])
def test_a_card_of_images_tells_no_accuracy_of_other_images(image_card, key, value):
    training = {"epochs": 1, "steps": 1, "batch": 4, "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0}
    entry = {"protocol": "fixed", "ipc": 1, "network": "convnet3", "width": 1.0, "n": 2, "mean": 0.5, "std": 0.1}
    entry |= {
        "min": 0.4,
        "max": 0.6,
        "training": training | {"schedule": "half", "augment": "none", "semantics": "dsa"},
    }
    origin = {"seed": 0, "preset": "x", "commit": None, "hardware": []}
    card = image_card | {"format": FORMAT, "sha256": "0" * 64, "accuracies": [entry], "provenance": origin}
    assert images_problems(json.loads(json.dumps(card))) == []
    entry[key] = value
    told = ("accuracies.0", "must be of fixed or fixed_plain, and of the 1 images per class")
    assert images_problems(json.loads(json.dumps(card))) == [told]


def test_pictures_are_clamped():
    mean, std = torch.tensor([0.5]), torch.tensor([0.25])
    shown = pixels(torch.tensor([-9.0, 0.0, 1.0, 9.0]).view(4, 1, 1, 1), mean, std)
    assert shown.flatten().tolist() == [0, 128, 191, 255]
    chosen = torch.tensor([7], dtype=torch.uint8).view(1, 1, 1, 1)
    assert pixels(chosen, mean, std).item() == 7
