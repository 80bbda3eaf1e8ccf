"""The objectives by hand: real critic values (2, -1), generated ones (0.5, -3, 1) unless said otherwise."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gendistill.config.catalogue import gan as catalogue
from gendistill.gan.objectives import (
    OBJECTIVES,
    gradient_penalty,
    hinge_discriminator,
    minimax_discriminator,
    minimax_generator,
    wasserstein_discriminator,
    wasserstein_generator,
)

REAL = torch.tensor([2.0, -1.0])
FAKE = torch.tensor([0.5, -3.0, 1.0])


def test_wasserstein_by_hand():
    assert wasserstein_discriminator(REAL, FAKE).item() == pytest.approx(-1.5 / 3 - 0.5)  # mean fake - mean real
    assert wasserstein_generator(FAKE).item() == pytest.approx(0.5)


def test_hinge_by_hand():
    # real: max(0, 1 - 2) = 0 and max(0, 1 + 1) = 2, mean 1; generated: 1.5, 0, 2, mean 3.5 / 3
    assert hinge_discriminator(REAL, FAKE).item() == pytest.approx(1 + 3.5 / 3)


def test_minimax_is_written_with_sigmoids_and_logarithms():
    real = [1 / (1 + math.exp(-value)) for value in REAL.tolist()]
    fake = [1 / (1 + math.exp(-value)) for value in FAKE.tolist()]
    side_of_d = -sum(map(math.log, real)) / 2 - sum(math.log(1 - value) for value in fake) / 3
    side_of_g = sum(math.log(1 - value) for value in fake) / 3
    assert minimax_discriminator(REAL, FAKE).item() == pytest.approx(side_of_d, rel=1e-6)
    assert minimax_generator(FAKE).item() == pytest.approx(side_of_g, rel=1e-6)


def test_an_undecided_discriminator_loses_two_logarithms_of_two():
    assert minimax_discriminator(torch.zeros(3), torch.zeros(5)).item() == pytest.approx(2 * math.log(2))


def test_minimax_stands_extreme_values():
    assert minimax_discriminator(torch.tensor([1e4]), torch.tensor([-1e4])).item() == 0
    assert minimax_discriminator(torch.tensor([-1e4]), torch.tensor([1e4])).item() == 2e4


values = st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=6).map(torch.tensor)


@settings(max_examples=30, deadline=None)
@given(values, values)
def test_bounds_of_the_objectives(real, fake):
    assert hinge_discriminator(real, fake).item() >= 0
    assert minimax_discriminator(real, fake).item() >= 0
    assert minimax_generator(fake).item() <= 0
    torch.testing.assert_close(wasserstein_discriminator(real, fake), -wasserstein_discriminator(fake, real))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_either_side_gains_by_moving_its_way(name):
    """D wants real values up and generated ones down, G wants generated ones up."""
    objective = OBJECTIVES[name]
    real, fake = torch.tensor([0.3, -0.2], requires_grad=True), torch.tensor([0.1, -0.4], requires_grad=True)
    objective.discriminator(real, fake).backward()
    assert bool((real.grad < 0).all())
    assert bool((fake.grad > 0).all())
    fake.grad = None
    objective.generator(fake).backward()
    assert bool((fake.grad < 0).all())


def test_every_objective_of_the_catalogue_is_there():
    assert OBJECTIVES.keys() == catalogue.OBJECTIVES.keys()
    assert [name for name, objective in OBJECTIVES.items() if objective.penalised] == ["wgan_gp"]
    assert [name for name, objective in OBJECTIVES.items() if objective.spectral_norm] == ["hinge"]


def test_the_penalty_of_a_linear_critic_is_analytic():
    """The slope of x -> w.x is w everywhere: (|w| - 1)^2, here (13 - 1)^2, and its gradient 2 (|w| - 1) w / |w|."""
    weight = torch.tensor([3.0, 4.0, 12.0, 0.0], requires_grad=True)
    real, fake = torch.randn(2, 5, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    penalty = gradient_penalty(lambda x: x.flatten(1) @ weight, real, fake, torch.linspace(0, 1, 5))
    assert penalty.item() == pytest.approx(144)
    penalty.backward()
    torch.testing.assert_close(weight.grad, 24 * weight.detach() / 13)


def test_the_penalty_is_taken_between_the_images_and_averaged():
    """D(x) = |x|^2 / 2 has the slope x, so the penalty is the mean of (|point| - 1)^2.

    Real images have norm 4, generated ones 0: a share of 1 gives (4 - 1)^2 = 9, 0.5 gives 1, 0 gives 1.
    """
    real, fake = torch.full((3, 1, 2, 2), 2.0), torch.zeros(3, 1, 2, 2)
    mix = torch.tensor([1.0, 0.5, 0.0])
    penalty = gradient_penalty(lambda x: x.flatten(1).square().sum(1) / 2 + 1e-12 * x.sum(), real, fake, mix)
    assert penalty.item() == pytest.approx((9 + 1 + 1) / 3)


def test_images_are_constants_of_the_penalty():
    weight = torch.ones(4, requires_grad=True)
    real, fake = torch.ones(2, 1, 2, 2, requires_grad=True), torch.zeros(2, 1, 2, 2, requires_grad=True)
    gradient_penalty(lambda x: (x.flatten(1) ** 2) @ weight, real, fake, torch.tensor([0.2, 0.7])).backward()
    assert real.grad is None
    assert fake.grad is None
    assert bool(weight.grad.any())
