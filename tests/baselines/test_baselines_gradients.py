"""The distance of DC and EGM by hand, and class gradients against plain autograd."""

import math

import pytest
import torch
import torch.nn.functional as F

from gendistill.baselines import gradients
from gendistill.baselines.gradients import (
    class_gradients,
    class_gradients_at_once,
    class_gradients_in_turn,
    gradient_matching,
    matched_weights,
)
from gendistill.config.catalogue.networks import MATCHED_NETWORKS
from gendistill.networks.registry import fresh_network


def network(name: str = "convnet3", image_size: int = 16, dtype: torch.dtype = torch.float64):
    built = fresh_network(name, channels=1, image_size=image_size, num_classes=3, width=0.0625, device="cpu", seed=0)
    return built.to(dtype)


def images(per_class: int, side: int = 16, seed: int = 0) -> torch.Tensor:
    stream = torch.Generator().manual_seed(seed)
    return torch.randn(3, per_class, 1, side, side, generator=stream, dtype=torch.float64)


def test_the_distance_by_hand():
    # one weight, one class, two output units: (3, 4) and (1, 0) against (4, 3) and (0, 2)
    # cosines 24 / 25 and 0; Euclidean distances sqrt(2) and sqrt(5)
    a, b = torch.tensor([[[3.0, 4.0], [1.0, 0.0]]]), torch.tensor([[[4.0, 3.0], [0.0, 2.0]]])
    assert gradient_matching([a], [b], "cosine", multi_level=False).item() == pytest.approx(1 / 25 + 1, abs=1e-6)
    euclidean = gradient_matching([a], [b], "cosine_euclidean", multi_level=False).item()
    assert euclidean == pytest.approx(1 / 25 + 1 + math.sqrt(2) + math.sqrt(5), abs=1e-5)


def test_the_multi_level_term_by_hand():
    # classes (1, 0) and (0, 1) against (1, 0) and (1, 0): 0 + 1; means (.5, .5) and (1, 0): 1 - 1/sqrt(2), times K = 2
    a, b = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]), torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    expected = 1 + 2 * (1 - 1 / math.sqrt(2))
    assert gradient_matching([a], [b], "cosine", multi_level=True).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["cosine", "cosine_euclidean"])
@pytest.mark.parametrize("multi_level", [False, True])
def test_against_a_plain_loop(kind, multi_level):
    """Units one by one, convolution kernels flattened, classes and weights summed."""
    stream = torch.Generator().manual_seed(1)
    shapes = [(3, 5, 2, 3, 3), (3, 4, 7)]
    own, target = ([torch.randn(shape, generator=stream, dtype=torch.float64) for shape in shapes] for _ in "ab")

    def between(a: torch.Tensor, b: torch.Tensor) -> float:
        total = 0.0
        for x, y in zip(a.reshape(len(a), -1), b.reshape(len(b), -1), strict=True):
            total += 1 - (x @ y / (x.norm() * y.norm() + 1e-6)).item()
            total += (x - y).norm().item() if kind == "cosine_euclidean" else 0.0
        return total

    expected = sum(between(a[c], b[c]) for a, b in zip(own, target, strict=True) for c in range(3))
    if multi_level:
        expected += 3 * sum(between(a.mean(0), b.mean(0)) for a, b in zip(own, target, strict=True))
    assert gradient_matching(own, target, kind, multi_level=multi_level).item() == pytest.approx(expected, rel=1e-9)


def test_it_vanishes_for_equal_gradients_and_scales_are_seen_by_egm_only():
    a = [torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)]
    twice = [2 * a[0]]
    assert gradient_matching(a, a, "cosine", multi_level=True).abs().item() < 1e-5
    assert gradient_matching(a, twice, "cosine", multi_level=True).abs().item() < 1e-5
    assert gradient_matching(a, twice, "cosine_euclidean", multi_level=False).item() == pytest.approx(
        a[0].norm(dim=-1).sum().item(), abs=1e-4
    )


def test_dead_units_give_no_nan():
    a = torch.zeros(1, 2, 3, requires_grad=True)
    loss = gradient_matching([a], [torch.zeros(1, 2, 3)], "cosine_euclidean", multi_level=True)
    loss.backward()
    assert loss.item() == pytest.approx(4.0)  # two units, and twice for the mean
    assert a.grad is not None
    assert bool(a.grad.isfinite().all())


@pytest.mark.parametrize("name", MATCHED_NETWORKS)
def test_at_once_is_in_turn(name):
    """Values, and the gradient of the loss with respect to the images (a second derivative)."""
    net, side = network(name, 32 if name == "vgg11" else 16), 32 if name == "vgg11" else 16
    target = [value.detach() for value in class_gradients_in_turn(net, images(3, side, seed=1))]
    found = []
    for form in (class_gradients_at_once, class_gradients_in_turn):
        synthetic = images(2, side).requires_grad_(True)
        loss = gradient_matching(form(net, synthetic), target, "cosine_euclidean", multi_level=True)
        found.append((loss, torch.autograd.grad(loss, synthetic)[0]))
    torch.testing.assert_close(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1])
    assert found[0][1].abs().sum() > 0


def test_gradients_are_those_of_the_mean_cross_entropy_of_a_class():
    net, batch = network(), images(4)
    names = list(matched_weights(net))
    assert names == [n for n, p in net.named_parameters() if p.dim() >= 2]
    assert not any("bias" in name for name in names)
    for form in (class_gradients_at_once, class_gradients_in_turn):
        found = form(net, batch)
        for label in range(3):
            net.zero_grad()
            F.cross_entropy(net(batch[label]), torch.full((4,), label)).backward()
            for name, value in zip(names, found, strict=True):
                torch.testing.assert_close(value[label], net.get_parameter(name).grad)


def test_the_image_gradient_is_right():
    """Against finite differences, in one direction."""
    net = network()
    target = [value.detach() for value in class_gradients_in_turn(net, images(3, seed=1))]
    start, direction = images(1), images(1, seed=9)

    def loss_at(size: float) -> torch.Tensor:
        return gradient_matching(class_gradients(net, start + size * direction), target, "cosine", multi_level=True)

    synthetic = start.clone().requires_grad_(True)
    loss = gradient_matching(class_gradients(net, synthetic), target, "cosine", multi_level=True)
    slope = (torch.autograd.grad(loss, synthetic)[0] * direction).sum().item()
    assert ((loss_at(1e-6) - loss_at(-1e-6)) / 2e-6).item() == pytest.approx(slope, rel=1e-4)


def test_the_form_is_chosen_by_size(monkeypatch):
    used = []
    for name in ("class_gradients_at_once", "class_gradients_in_turn"):
        monkeypatch.setattr(gradients, name, lambda net, batch, name=name: used.append(name) or [])
    class_gradients(network(), images(16))
    class_gradients(network(), images(17))
    assert used == ["class_gradients_at_once", "class_gradients_in_turn"]
