"""Fixtures of a tiny GAN."""

from collections.abc import Callable

import pytest
import torch
from tiny_inputs import *  # noqa: F403

from gendistill.config.schema import GanParams
from gendistill.gan.train import GanState, build_gan


@pytest.fixture
def make_gan(compute) -> Callable[..., GanState]:
    """A fresh GAN for the tiny images."""

    def make(params: GanParams, seed: int = 0) -> GanState:
        return build_gan(params, channels=1, image_size=16, num_classes=4, seed=seed, device=compute.device)

    return make


@pytest.fixture
def same_weights() -> Callable[[dict[str, torch.Tensor], dict[str, torch.Tensor]], bool]:
    """Whether two dicts of tensors are bitwise equal."""

    def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
        return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)

    return same
