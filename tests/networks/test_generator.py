"""The conditional generator."""

import pytest
import torch

from gendistill.config.catalogue.gan import CONDITIONINGS
from gendistill.config.catalogue.images import IMAGE_SIZES
from gendistill.networks.generator import Generator
from gendistill.networks.registry import initialised
from gendistill.runtime.errors import UserError


def small(image_size: int = 16, conditioning: str = "overwrite", channels: int = 1) -> Generator:
    def build() -> Generator:
        return Generator(
            channels=channels,
            image_size=image_size,
            num_classes=3,
            width=8,
            latent=6,
            conditioning=conditioning,
        )

    return initialised(build, 0)


def test_the_published_generator_has_the_published_parameters() -> None:
    with torch.device("meta"):
        generator = Generator(channels=3, image_size=32, num_classes=10)
    assert sum(parameter.numel() for parameter in generator.parameters()) == 3_559_363


@pytest.mark.parametrize(("image_size", "ups", "convolutions"), [(16, 2, 4), (32, 3, 5), (64, 4, 6), (128, 5, 7)])
def test_layers_by_size(image_size: int, ups: int, convolutions: int) -> None:
    modules = list(small(image_size).modules())
    assert sum(isinstance(module, torch.nn.ConvTranspose2d) for module in modules) == ups
    assert sum(isinstance(module, torch.nn.Conv2d) for module in modules) == convolutions


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
@pytest.mark.parametrize("conditioning", sorted(CONDITIONINGS))
def test_images_have_their_size_and_range(image_size: int, conditioning: str) -> None:
    for channels in (1, 3):
        generator = small(image_size, conditioning, channels)
        images = generator(torch.randn(4, 6) * 10, torch.tensor([0, 1, 2, 0]))
        assert images.shape == (4, channels, image_size, image_size)
        assert images.abs().max() <= 1


@pytest.mark.parametrize("conditioning", sorted(CONDITIONINGS))
def test_label_and_noise_both_change_the_image(conditioning: str) -> None:
    generator = small(conditioning=conditioning).eval()
    z = torch.randn(1, 6).repeat(3, 1)
    by_label = generator(z, torch.tensor([0, 1, 1]))
    assert not torch.allclose(by_label[0], by_label[1])
    torch.testing.assert_close(by_label[1], by_label[2])
    z[2, -1] += 1
    by_noise = generator(z, torch.tensor([1, 1, 1]))
    assert not torch.allclose(by_noise[1], by_noise[2])


def test_overwritten_noise_does_not_count() -> None:
    generator = small().eval()
    z = torch.randn(2, 6)
    z[1, 3:] = z[0, 3:]
    images = generator(z, torch.tensor([1, 1]))
    torch.testing.assert_close(images[0], images[1])


def test_the_layout_of_the_condition() -> None:
    z, labels = torch.arange(6.0)[None], torch.tensor([1])
    assert small(conditioning="overwrite").condition(z, labels).tolist() == [[0, 1, 0, 3, 4, 5]]
    assert small(conditioning="concat").condition(z, labels).tolist() == [[0, 1, 2, 3, 4, 5, 0, 1, 0]]
    embedding = small(conditioning="embed")
    joined = embedding.condition(z, labels)
    assert embedding.embedding is not None
    assert torch.equal(joined[:, :6], z)
    assert torch.equal(joined[0, 6:], embedding.embedding.weight[1])


def test_evaluation_mode_treats_images_one_by_one() -> None:
    generator = small()
    z, labels = torch.randn(4, 6), torch.tensor([0, 1, 2, 0])
    together = generator.train()(z, labels)
    generator.eval()
    assert not torch.allclose(together, generator(z, labels))
    torch.testing.assert_close(generator(z, labels)[:1], generator(z[:1], labels[:1]))


@pytest.mark.parametrize("conditioning", sorted(CONDITIONINGS))
def test_gradients_reach_every_parameter(conditioning: str) -> None:
    generator = small(conditioning=conditioning)
    generator(torch.randn(4, 6), torch.tensor([0, 1, 2, 0])).square().sum().backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(UserError, match="latent is 10 with 10 classes: conditioning overwrite leaves no"):
        Generator(channels=1, image_size=16, num_classes=10, latent=10)
    with pytest.raises(UserError, match="conditioning 'film' is unknown; use overwrite, concat, embed"):
        Generator(channels=1, image_size=16, num_classes=10, conditioning="film")
    with pytest.raises(ValueError, match="image_size is 28"):
        Generator(channels=1, image_size=28, num_classes=10)
