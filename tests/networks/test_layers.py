"""Each architecture written out a second time with functional calls on its own weights."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gendistill.networks.discriminator import Discriminator, strides
from gendistill.networks.registry import fresh_network, initialised


def network_and_images(name: str) -> tuple[torch.nn.Module, Tensor]:
    network = fresh_network(name, channels=3, image_size=32, num_classes=5, width=0.0625, device="cpu", seed=0)
    for parameter in network.parameters():  # scales of 1 and biases of 0 would hide mistakes
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network, torch.randn(2, 3, 32, 32)


def instance_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    mean = x.mean(dim=(2, 3), keepdim=True)
    variance = (x - mean).square().mean(dim=(2, 3), keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt() * weight[:, None, None] + bias[:, None, None]


@pytest.mark.parametrize(
    ("name", "pool", "pooled"),
    [
        ("convnet3", F.avg_pool2d, [(True,)] * 3),
        ("alexnet", F.max_pool2d, [(True,), (True,), (False,), (False,), (True,)]),
        ("vgg11", F.max_pool2d, [(True,), (True,), (False, True), (False, True), (False, True)]),
    ],
)
def test_convnets(name: str, pool, pooled: list[tuple[bool, ...]]) -> None:
    network, images = network_and_images(name)
    weights = iter(network.parameters())
    x = images
    for convolution_pooled in (flag for block in pooled for flag in block):
        weight, bias = next(weights), next(weights)
        x = F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
        if name != "alexnet":
            x = instance_norm(x, next(weights), next(weights))
        x = x.clamp(min=0)
        if convolution_pooled:
            x = pool(x, 2)
    expected = x.reshape(2, -1) @ next(weights).T + next(weights)
    torch.testing.assert_close(network(images), expected, atol=1e-4, rtol=1e-4)
    assert next(weights, None) is None


def test_resnet10() -> None:
    network, images = network_and_images("resnet10")
    state = network.state_dict()

    def layer(x: Tensor, path: str, convolution: int, stride: int = 1) -> Tensor:
        weight = state[f"stages.{path}.{convolution}.weight"]
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        norm = f"stages.{path}.{convolution + 1}"
        return instance_norm(x, state[f"{norm}.weight"], state[f"{norm}.bias"])

    x = layer(images, "stem", 0).relu()
    for stage, stride in ((1, 1), (2, 2), (3, 2), (4, 2)):
        inner = layer(x, f"stage{stage}.0.body", 0, stride).relu()
        shortcut = x if stage == 1 else layer(x, f"stage{stage}.0.shortcut", 0, stride)
        x = (layer(inner, f"stage{stage}.0.body", 3) + shortcut).relu()
    expected = x.mean(dim=(2, 3)) @ state["classifier.weight"].T + state["classifier.bias"]
    torch.testing.assert_close(network(images), expected, atol=1e-4, rtol=1e-4)


def test_discriminator() -> None:
    discriminator = initialised(lambda: Discriminator(channels=3, image_size=32, num_classes=5, width=4), 0)
    images = torch.randn(2, 3, 32, 32)
    weights = iter(discriminator.body.parameters())
    x = images
    for stride in strides(32):
        x = F.conv2d(x, next(weights), next(weights), stride=stride, padding=1)
        mean = x.mean(dim=(1, 2, 3), keepdim=True)
        variance = (x - mean).square().mean(dim=(1, 2, 3), keepdim=True)
        x = (x - mean) / (variance + 1e-5).sqrt() * next(weights) + next(weights)
        x = torch.where(x > 0, x, 0.01 * x)
    expected = discriminator.critic(x.flatten(2).max(dim=2).values)[:, 0]
    torch.testing.assert_close(discriminator(images)[0], expected, atol=1e-5, rtol=1e-4)
