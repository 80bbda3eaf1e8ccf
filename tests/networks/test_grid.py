"""Generator, discriminator and every network take any size, channels and number of classes that data may bring."""

import pytest
import torch

from gendistill.config.catalogue.gan import CONDITIONINGS
from gendistill.config.catalogue.images import IMAGE_SIZES
from gendistill.config.catalogue.networks import NETWORKS
from gendistill.networks.discriminator import Discriminator
from gendistill.networks.generator import Generator
from gendistill.networks.latent import sample_latent
from gendistill.networks.registry import build_network


@pytest.mark.parametrize("size", IMAGE_SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
@torch.no_grad()
def test_every_network_adapts(size: int, channels: int, classes: int) -> None:
    shape = {"channels": channels, "image_size": size, "num_classes": classes}
    labels = torch.tensor([0, classes - 1])
    for conditioning in CONDITIONINGS:
        latent = classes + 4 if conditioning == "overwrite" else 8
        generator = Generator(width=4, latent=latent, conditioning=conditioning, **shape).eval()
        images = generator(sample_latent(2, latent, torch.device("cpu"), torch.Generator().manual_seed(0)), labels)
        assert images.shape == (2, channels, size, size)
        assert images.abs().max() <= 1
        assert images.isfinite().all()
    critic, logits = Discriminator(width=4, spectral_norm=False, **shape).eval()(images)
    assert (critic.shape, logits.shape) == ((2,), (2, classes))
    for name in NETWORKS:
        network = build_network(name, width=1 / 16, **shape).eval()
        assert network(images).shape == (2, classes)
        _, features = network.features(images, NETWORKS[name].second)
        assert features.shape[0] == 2
