"""A tiny GAN ready for distillation, and the recipe of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_inputs import *  # noqa: F403

from gendistill.data.order import Shuffled
from gendistill.gan.train import GanState, build_gan, train_step
from gendistill.matching.distill import Recipe, prepare_state
from gendistill.matching.pool import Pool


@pytest.fixture
def make_recipe(distill_params, loss_params, gan_params) -> Callable[..., Recipe]:
    """Recipe with changed keys; those of section `distill` and `loss` by name, those of `gan` in a dict."""

    def make(gan: dict[str, Any] | None = None, **changes: Any) -> Recipe:
        of_loss = {key: value for key, value in changes.items() if hasattr(loss_params, key)}
        of_distill = {key: value for key, value in changes.items() if key not in of_loss}
        return Recipe(
            replace(distill_params, **of_distill), replace(loss_params, **of_loss), replace(gan_params, **(gan or {}))
        )

    return make


@pytest.fixture
def make_state(bars, compute) -> Callable[..., GanState]:
    """A GAN after two steps, its optimisers set up for distillation."""

    def make(recipe: Recipe, seed: int = 0) -> GanState:
        state = build_gan(recipe.gan, channels=1, image_size=16, num_classes=4, seed=seed, device=compute.device)
        order = Shuffled(len(bars), 8, seed, "gan", compute.device)
        for _ in range(2):
            train_step(state, bars, order, recipe.gan, seed, compute)
        return prepare_state(state, recipe.distill.lr)

    return make


@pytest.fixture
def make_pool(bars, compute) -> Callable[..., Pool]:
    def make(recipe: Recipe, seed: int = 0) -> Pool:
        return Pool(recipe.distill, bars, num_classes=4, seed=seed, compute=compute)

    return make


@pytest.fixture
def same_weights() -> Callable[[dict[str, torch.Tensor], dict[str, torch.Tensor]], bool]:
    """Whether two state dicts are bitwise equal."""

    def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
        return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)

    return same
