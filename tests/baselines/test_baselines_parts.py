"""Images that go through a network in parts: how many at a time, and sums that are those of the whole."""

import pytest
import torch
import torch.nn.functional as F

from gendistill.baselines import parts
from gendistill.baselines.parts import images_at_once, loss_gradients, losses_of_parts
from gendistill.networks.registry import fresh_network


def network(width: float = 0.0625):
    return fresh_network("convnet3", channels=3, image_size=16, num_classes=3, width=width, device="cpu", seed=0)


def test_the_largest_map_fits_the_cache():
    # 32 channels of 16 x 16 float32 are 32 KiB
    images = torch.zeros(1, 3, 16, 16)
    assert images_at_once(network(0.25), images) == parts.MAP_BYTES["cpu"] // 2**15
    assert images_at_once(network(0.25), images.double()) == parts.MAP_BYTES["cpu"] // 2**16
    assert images_at_once(network(0.25), images.to("meta")) == parts.MAP_BYTES_ELSEWHERE // 2**15


def test_at_least_one_image_is_taken(monkeypatch):
    monkeypatch.setattr(parts, "MAP_BYTES", {"cpu": 1})
    assert images_at_once(network(), torch.zeros(2, 3, 16, 16)) == 1


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_parts_sum_to_the_whole(size, monkeypatch):
    """Loss and gradients, and the gradient that flows on to the images; 7 images, so that the last part is short."""
    monkeypatch.setattr(parts, "images_at_once", lambda network, images: size)
    net, labels = network().double(), torch.tensor([0, 1, 2, 0, 0, 1, 2])
    images = torch.randn(7, 3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    images.requires_grad_(True)
    weights = list(net.parameters())
    whole = F.cross_entropy(net(images), labels)
    terms = list(losses_of_parts(net, images, labels))
    assert len(terms) == -(-7 // size)
    torch.testing.assert_close(torch.stack(terms).sum(), whole)
    expected = torch.autograd.grad(whole, weights, create_graph=True)
    found = loss_gradients(net, weights, images, labels, create_graph=True)
    torch.testing.assert_close(found, list(expected))
    slopes = [torch.autograd.grad(sum(g.square().sum() for g in each), images)[0] for each in (found, expected)]
    torch.testing.assert_close(slopes[0], slopes[1])
    assert slopes[0].abs().sum() > 0
