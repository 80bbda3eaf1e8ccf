"""Budgets, generators that need no training, and jobs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_inputs import *  # noqa: F403
from torch import nn

from gendistill.evaluation.inputs import Job, Splits
from gendistill.evaluation.protocols import Budget
from gendistill.evaluation.sources import Stored


@pytest.fixture
def make_budget() -> Callable[..., Budget]:
    """Budget(images per epoch, batch, changed fields)."""

    def make(epoch_images: int, batch: int, **changes: Any) -> Budget:
        plain = Budget("fresh", 3, epoch_images, batch, 0.01, 0.9, 0.0005, "constant", "none", "diffaug")
        return replace(plain, **changes)

    return make


class Painter(nn.Module):
    """A generator that knows the bars: class k is bright at the height of its bar, as far as `quality` goes.

    Three pixels in the corner are numbers from the latent alone, so that images can be told apart.
    """

    def __init__(self, *, channels: int = 1, image_size: int = 16, num_classes: int = 4, latent: int = 4) -> None:
        super().__init__()
        self.num_classes, self.latent = num_classes, latent
        self.register_buffer("quality", torch.ones(()))

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(16) // 3
        bar = (rows[None] == labels[:, None]).float()[:, None, :, None].expand(-1, 1, 16, 16)
        images = 0.2 * z[:, 3].tanh()[:, None, None, None] + 1.2 * self.quality * bar - 0.6
        images = images.clone()
        images[:, 0, 15, 13:] = z[:, :3].tanh()
        return images


@pytest.fixture
def painter() -> Painter:
    return Painter()


@pytest.fixture
def painter_class() -> type[Painter]:
    return Painter


@pytest.fixture
def make_splits(make_bars) -> Callable[..., Splits]:
    """Test and held-out images of the bars."""

    def make(test: int = 40, held_out: int = 20) -> Splits:
        return Splits(make_bars(test, seed=1), make_bars(held_out, seed=2), 4)

    return make


@pytest.fixture
def make_job(bars, make_budget) -> Callable[..., Job]:
    """Training on the 32 stored images of `bars`."""

    def make(batch: int = 8, **changes: Any) -> Job:
        plan = make_budget(32, batch, **changes)
        return Job(plan, Stored(bars, plan), stored_bytes=123)

    return make
