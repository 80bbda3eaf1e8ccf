"""How many images go through a network at a time: on a CPU as many as its cache holds, elsewhere all of them.

A mean over images is a weighted sum over parts of them, so the numbers do not depend on the parts but for rounding. On
a CPU, normalisation, ReLU and pooling of a map that has left the cache wait for memory; docs/performance.md has the
measurements.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gendistill.networks.base import Network

MAP_BYTES = {"cpu": 16 * 2**20}  # of the largest map of the images that go through a network together
MAP_BYTES_ELSEWHERE = 2**31  # a bound on memory: 4,096 images of 32 x 32 through ConvNet3 of 128 channels


def images_at_once(network: nn.Module, images: Tensor) -> int:
    """How many of the images (n, c, h, w) to take at a time; >= 1."""
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    map_bytes = first.out_channels * images.shape[-2] * images.shape[-1] * images.element_size()
    return max(1, MAP_BYTES.get(images.device.type, MAP_BYTES_ELSEWHERE) // map_bytes)


def losses_of_parts(network: nn.Module, images: Tensor, labels: Tensor) -> Iterator[Tensor]:
    """Terms of the mean cross-entropy of images (n, c, h, w) with labels (n,), part by part; their sum is the mean."""
    size = images_at_once(network, images)
    for part, wanted in zip(images.split(size), labels.split(size), strict=True):
        yield F.cross_entropy(network(part), wanted) * (len(part) / len(images))


def loss_gradients(
    network: Network, weights: Sequence[Tensor], images: Tensor, labels: Tensor, *, create_graph: bool
) -> list[Tensor]:
    """Gradients of the mean cross-entropy.

    Args:
        network: without batch normalisation.
        weights: of it, that the gradients are of.
        images: (n, c, h, w) standardised.
        labels: (n,) int64.
        create_graph: gradients flow from the result to the images and weights.

    Returns:
        One tensor for each weight, in its shape.
    """
    found = [
        torch.autograd.grad(loss, weights, create_graph=create_graph)
        for loss in losses_of_parts(network, images, labels)
    ]
    return [torch.stack(parts).sum(0) if len(parts) > 1 else parts[0] for parts in zip(*found, strict=True)]
