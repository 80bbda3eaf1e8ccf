"""Images from an artifact: which label gives which image, and that draws are reproducible."""

import pytest
import torch
from torch import nn

from gendistill.artifact import sampling as module
from gendistill.artifact.file import save_artifact
from gendistill.artifact.fixed import load_fixed_set, save_fixed_set
from gendistill.artifact.sampling import fixed_set, load_generator, sample
from gendistill.data.resident import to_uint8
from gendistill.networks.generator import Generator
from gendistill.networks.latent import sample_latent
from gendistill.networks.registry import initialised
from gendistill.runtime.streams import generator as stream


class Labelled(nn.Module):
    """Image of label k: k / 10 everywhere, but for one pixel that is the first entry of z, squashed."""

    def __init__(self) -> None:
        super().__init__()
        self.latent, self.num_classes = 3, 4
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, z, labels):
        images = (labels / self.scale)[:, None, None, None].expand(-1, 1, 16, 16).clone()
        images[:, 0, 0, 0] = z[:, 0].tanh()
        return images


def test_the_generator_of_an_artifact_is_the_one_that_was_saved(artifact, generator):
    loaded = load_generator(artifact, "cpu")
    assert not any(module.training for module in loaded.modules())
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    z, labels = torch.randn(8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 4
    torch.testing.assert_close(loaded(z, labels), generator(z, labels))
    torch.testing.assert_close(loaded(z, labels)[:3], loaded(z[:3], labels[:3]))  # train mode would couple the images


def test_loading_leaves_the_global_random_state_alone(artifact):
    before = torch.get_rng_state()
    load_generator(artifact, "cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_images_are_the_generators_on_one_draw_of_latents(generator):
    labels = torch.tensor([3, 0, 2])
    expected = generator(sample_latent(3, 8, "cpu", stream("cpu", 0, "test")), labels)
    assert torch.equal(sample(generator, labels, stream("cpu", 0, "test")), expected)


def test_colour_images_of_a_loaded_generator_can_be_stored(tmp_path, card):
    """A generator in channels-last layout gives colour images that a tensor file would refuse."""
    card["generator"] |= {"channels": 3}
    card["image_shape"] = [3, 16, 16]
    card["normalisation"] |= {"mean": [0.5] * 3, "std": [0.25] * 3}
    network = initialised(lambda: Generator(**card["generator"]), 0).eval()
    save_artifact(tmp_path / "a", {name: value.numpy() for name, value in network.state_dict().items()}, card)
    images, labels = fixed_set(load_generator(tmp_path / "a", "cpu"), 2, seed=0, source="ours")
    save_fixed_set(tmp_path / "set.safetensors", images, labels)
    assert torch.equal(load_fixed_set(tmp_path / "set.safetensors")[0], images)


@pytest.mark.parametrize("chunk", [1, 3, 10, 64])
def test_images_do_not_depend_on_the_chunks(generator, monkeypatch, chunk):
    labels = torch.arange(10) % 4
    whole = sample(generator, labels, stream("cpu", 0, "test"))
    monkeypatch.setattr(module, "CHUNK", chunk)
    torch.testing.assert_close(sample(generator, labels, stream("cpu", 0, "test")), whole, rtol=0, atol=1e-6)


def test_sampling_keeps_no_graph(generator):
    generator.requires_grad_(True)
    assert not sample(generator, torch.tensor([0, 1]), stream("cpu", 0, "test")).requires_grad


def test_the_fixed_set_is_class_major_and_every_label_has_its_image():
    images, labels = fixed_set(Labelled(), 3, seed=0, source="ours")
    assert labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert labels.dtype == torch.int64
    assert images.dtype == torch.uint8
    assert torch.equal(images[:, 0, 5, 5], to_uint8(labels / 10))  # image i is of label i
    assert len(images[:, 0, 0, 0].unique()) > 9  # from latents of their own


def test_image_i_is_what_the_generator_gives_for_label_i(generator):
    images, labels = fixed_set(generator, 2, seed=5, source="ours")
    latents = sample_latent(8, 8, "cpu", stream("cpu", 5, "generate", "ours", 2))
    for image, label, latent in zip(images, labels, latents, strict=True):
        alone = to_uint8(generator(latent[None], label[None]))[0]
        assert (alone.int() - image.int()).abs().max() <= 1  # rounding of a batch of one
    corners = fixed_set(Labelled(), 2, seed=5, source="ours")[0][:, 0, 0, 0]
    latents = sample_latent(8, 3, "cpu", stream("cpu", 5, "generate", "ours", 2))
    assert torch.equal(corners, to_uint8(latents[:, 0].tanh()))


def test_a_fixed_set_is_a_function_of_seed_source_and_ipc(generator):
    def of(ipc, seed=0, source="ours"):
        return fixed_set(generator, ipc, seed=seed, source=source)[0]

    small, large = of(1), of(3)
    assert torch.equal(of(3), large)  # in whatever order they are asked for
    assert torch.equal(of(1), small)
    assert not torch.equal(large[::3], small)
    assert not torch.equal(of(1, seed=1), small)
    assert not torch.equal(of(1, source="dim"), small)
