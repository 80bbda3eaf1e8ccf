"""The discriminator and its auxiliary classifier."""

import math

import pytest
import torch

from gendistill.config.catalogue.images import IMAGE_SIZES
from gendistill.networks.discriminator import Discriminator, strides
from gendistill.networks.registry import initialised


def small(image_size: int = 16, *, spectral_norm: bool = False, channels: int = 1) -> Discriminator:
    def build() -> Discriminator:
        return Discriminator(
            channels=channels, image_size=image_size, num_classes=3, width=4, spectral_norm=spectral_norm
        )

    return initialised(build, 0)


def test_the_published_discriminator_has_the_published_parameters() -> None:
    with torch.device("meta"):
        discriminator = Discriminator(channels=3, image_size=32, num_classes=10)
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == 3_137_971


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
def test_strides_end_at_a_map_of_four_by_four(image_size: int) -> None:
    assert image_size // math.prod(strides(image_size)) == 4
    assert len(strides(image_size)) == {16: 8, 32: 8, 64: 9, 128: 10}[image_size]


@pytest.mark.parametrize("spectral_norm", [False, True])
@pytest.mark.parametrize("image_size", IMAGE_SIZES)
def test_heads_have_their_shapes(image_size: int, spectral_norm: bool) -> None:
    for channels in (1, 3):
        discriminator = small(image_size, spectral_norm=spectral_norm, channels=channels)
        images = torch.rand(2, channels, image_size, image_size) * 2 - 1
        critic, logits = discriminator(images)
        assert critic.shape == (2,)
        assert logits.shape == (2, 3)
        assert discriminator.body(images).shape == (2, 4, 4, 4)


def test_images_are_judged_one_by_one() -> None:
    discriminator, images = small(), torch.randn(4, 1, 16, 16)
    torch.testing.assert_close(discriminator(images)[0][:1], discriminator(images[:1])[0])


def test_the_heads_read_the_maximum_of_the_last_map() -> None:
    discriminator, images = small(), torch.randn(2, 1, 16, 16)
    strongest = discriminator.body(images).amax(dim=(2, 3))
    critic, logits = discriminator(images)
    torch.testing.assert_close(critic, discriminator.critic(strongest)[:, 0])
    torch.testing.assert_close(logits, discriminator.classifier(strongest))


def test_mode_does_not_matter_without_spectral_norm() -> None:
    discriminator, images = small(), torch.randn(2, 1, 16, 16)
    assert torch.equal(discriminator.train()(images)[0], discriminator.eval()(images)[0])


@pytest.mark.parametrize("spectral_norm", [False, True])
def test_the_gradient_penalty_can_be_differentiated(spectral_norm: bool) -> None:
    # The penalty of WGAN-GP needs second derivatives; checked against differences in float64.
    discriminator = small(spectral_norm=spectral_norm).double().eval()
    images = torch.randn(1, 1, 16, 16, dtype=torch.float64, requires_grad=True)
    direction = torch.randn(1, 1, 16, 16, dtype=torch.float64)

    def penalty(step: torch.Tensor) -> torch.Tensor:
        critic, _ = discriminator(images + step * direction)
        (gradient,) = torch.autograd.grad(critic.sum(), images, create_graph=True)
        return (gradient.norm() * 100 - 1).square()

    step = torch.zeros((), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(penalty, (step,), eps=1e-7, atol=1e-5, rtol=1e-3)
    penalty(step).backward()
    first = next(parameter for parameter in discriminator.parameters() if parameter.ndim == 4)
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


def test_layer_norm_is_twice_differentiable_in_every_direction() -> None:
    norm = small().double().body[1]

    def reduced(x: torch.Tensor) -> torch.Tensor:
        return norm(x.expand(1, 4, 16, 16) * weight).square().sum()

    weight = torch.randn(1, 4, 16, 16, dtype=torch.float64)
    x = torch.randn(1, 1, 2, 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: reduced(x.repeat(1, 4, 8, 16)), (x,))


def test_spectral_norm_bounds_every_layer() -> None:
    discriminator, images = small(spectral_norm=True), torch.randn(8, 1, 16, 16)
    for _ in range(50):  # each pass in training mode refines the estimate
        discriminator(images)
    layers = [m for m in discriminator.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == 10
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2).item() == pytest.approx(1, abs=0.02)
    assert not any(isinstance(module, torch.nn.LayerNorm) for module in discriminator.modules())


def test_other_sizes_are_rejected() -> None:
    with pytest.raises(ValueError, match="image_size is 28"):
        small(28)
