"""A fixed set as an artifact: round trips, ranges, and files that are something else."""

import pytest
import torch

from gendistill.artifact.file import save_artifact
from gendistill.artifact.images import StandardisedImages, load_images, pixels, save_images
from gendistill.artifact.sampling import load_generator
from gendistill.data.resident import ResidentImages, standardise
from gendistill.runtime.errors import UserError


@pytest.fixture
def image_card(card):
    """The card of a set of the coded images."""
    return {key: value for key, value in card.items() if key != "generator"} | {"kind": "images", "images": {"ipc": 1}}


@pytest.fixture
def learned():
    return 3 * torch.randn(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))


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
    save_images(path, images, torch.tensor([1, 1, 0, 3]), image_card)
    artifact = load_images(path)
    data = artifact.on("cpu")
    assert isinstance(data, ResidentImages)
    assert artifact.stored_bytes == 4 * 256
    mean, std = torch.tensor(image_card["normalisation"]["mean"]), torch.tensor(image_card["normalisation"]["std"])
    assert torch.equal(data.batch(torch.tensor([3]))[0], standardise(images[3:], mean, std))
    assert data.labels.tolist() == [1, 1, 0, 3]


def test_soft_labels_count_and_give_a_class(tmp_path, image_card, learned):
    soft = torch.tensor([[0.1, 0.9, -0.2, 0.0], [0.0, 0.1, 0.2, 0.3], [1.0, 0, 0, 0], [0, 0, 0.5, 0.1]])
    save_images(tmp_path / "x", learned, soft, image_card)
    artifact = load_images(tmp_path / "x")
    assert artifact.classes.tolist() == [1, 3, 0, 2]
    assert torch.equal(artifact.labels, soft)
    assert artifact.stored_bytes == 4 * 4 * 256 + 4 * 4 * 4


def test_each_kind_refuses_the_other(tmp_path, image_card, learned, artifact):
    path = tmp_path / "images.safetensors"
    save_images(path, learned, torch.arange(4), image_card)
    with pytest.raises(UserError, match="holds images, expected generator; name an artifact of that kind"):
        load_generator(path, "cpu")
    with pytest.raises(UserError, match="holds generator, expected images; name an artifact of that kind"):
        load_images(artifact)


def test_an_altered_or_unfitting_file_is_refused(tmp_path, image_card, learned):
    path = tmp_path / "images.safetensors"
    save_images(path, learned, torch.arange(3), image_card)
    with pytest.raises(UserError, match=r"images \(4, 1, 16, 16\) and labels \(3,\), but its card promises images of"):
        load_images(path)
    save_artifact(path, {"images": learned.numpy()}, image_card)
    with pytest.raises(UserError, match="holds images, expected images and labels"):
        load_images(path)
    save_images(path, learned, torch.arange(4), {key: v for key, v in image_card.items() if key != "images"})
    with pytest.raises(UserError, match="the card lacks images;"):
        load_images(path)
    save_images(path, learned, torch.arange(4), image_card)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(UserError, match="the checksum in its card does not fit"):
        load_images(path)


def test_pictures_are_clamped():
    mean, std = torch.tensor([0.5]), torch.tensor([0.25])
    shown = pixels(torch.tensor([-9.0, 0.0, 1.0, 9.0]).view(4, 1, 1, 1), mean, std)
    assert shown.flatten().tolist() == [0, 128, 191, 255]
    chosen = torch.tensor([7], dtype=torch.uint8).view(1, 1, 1, 1)
    assert pixels(chosen, mean, std).item() == 7
