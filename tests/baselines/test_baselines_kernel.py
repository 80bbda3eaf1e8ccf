"""KIP-FC's kernel against wide networks, its regression against scikit-learn."""

import math

import pytest
import torch
from sklearn.kernel_ridge import KernelRidge

from gendistill.baselines.kernel import (
    centred_labels,
    coefficients,
    regression,
    regression_accuracy,
    tangent_kernel,
)
from gendistill.baselines.kip import regression_loss


def batch(n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_diagonal_by_hand():
    # x . x / d = 1: S = 2.01, angle 0: k1 = S / 2, k0 = 1/2; 2 k1 + 0.01 + 2 S k0 = 4.03
    image = torch.ones(1, 1, 2, 2)
    assert tangent_kernel(image, image).item() == pytest.approx(4.03, abs=1e-4)


def test_orthogonal_images_by_hand():
    # d = 2, x = (s, 0), y = (0, s), s^2 = 2: S(x, y) = 0.01, S(x, x) = 2.01
    x, y = torch.tensor([math.sqrt(2), 0.0]).view(1, 1, 1, 2), torch.tensor([0.0, math.sqrt(2)]).view(1, 1, 1, 2)
    angle = math.acos(0.01 / 2.01)
    k1 = 2.01 * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / (2 * math.pi)
    expected = 2 * k1 + 0.01 + 2 * 0.01 * (math.pi - angle) / (2 * math.pi)
    assert tangent_kernel(x, y).item() == pytest.approx(expected, rel=1e-6)


def test_against_wide_networks():
    """Empirical tangent kernels of finite networks at initialisation, by autograd, averaged."""
    a, b, width, networks = batch(3, 0), batch(4, 1), 4096, 8
    d, total = 16, torch.zeros(3, 4, dtype=torch.float64)
    stream = torch.Generator().manual_seed(2)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=stream, dtype=torch.float64).requires_grad_(True)

    for _ in range(networks):
        weights = [normal(d, width), normal(width), normal(width), normal()]

        def output(x: torch.Tensor, weights: list[torch.Tensor] = weights) -> torch.Tensor:
            hidden = math.sqrt(2 / d) * x.flatten() @ weights[0] + 0.1 * weights[1]
            return math.sqrt(2 / width) * hidden.relu() @ weights[2] + 0.1 * weights[3]

        def slope(x: torch.Tensor, weights: list[torch.Tensor] = weights) -> torch.Tensor:
            return torch.cat([part.flatten() for part in torch.autograd.grad(output(x), weights)])

        total += torch.stack([slope(x) for x in a]) @ torch.stack([slope(x) for x in b]).T
    torch.testing.assert_close(tangent_kernel(a, b), total / networks, rtol=0.03, atol=0.03)


def test_the_kernel_is_symmetric_and_positive():
    images = batch(12, 0)
    kernel = tangent_kernel(images, images)
    torch.testing.assert_close(kernel, kernel.T)
    assert torch.linalg.eigvalsh(kernel).min() > 0
    assert kernel.dtype == torch.float64


def test_its_gradient_is_right_and_finite_where_images_coincide():
    images = batch(3, 0).requires_grad_(True)
    others = batch(2, 1)
    assert torch.autograd.gradcheck(lambda x: tangent_kernel(x, others), images)
    tangent_kernel(images, images).sum().backward()
    assert bool(images.grad.isfinite().all())
    # against finite differences: entries of an image with itself have no slope through the angle
    direction, size = batch(3, 5), 1e-6

    def at(step: float) -> torch.Tensor:
        moved = images.detach() + step * direction
        return tangent_kernel(moved, moved).sum()

    slope = ((at(size) - at(-size)) / (2 * size)).item()
    assert (images.grad * direction).sum().item() == pytest.approx(slope, rel=1e-4)


def test_regression_against_scikit_learn():
    support, images, labels = batch(8, 0), batch(20, 1), torch.arange(8) % 3
    jitter = 0.01
    kernel = tangent_kernel(support, support)
    ridge = KernelRidge(alpha=jitter * kernel.diagonal().mean().item(), kernel="precomputed")
    targets = centred_labels(labels, 3)
    ridge.fit(kernel.numpy(), targets.numpy())
    expected = torch.from_numpy(ridge.predict(tangent_kernel(images, support).numpy()))
    torch.testing.assert_close(regression(support, targets, images, jitter), expected)
    assert coefficients(support, targets, jitter).shape == (8, 3)


def test_centred_labels_and_loss():
    labels = centred_labels(torch.tensor([1, 0]), 4)
    assert labels.tolist() == [[-0.25, 0.75, -0.25, -0.25], [0.75, -0.25, -0.25, -0.25]]
    # squared errors of one wrong pair of labels: 1 and 1 of 8 entries, halved
    assert regression_loss(labels[:1], labels[1:]).item() == pytest.approx(0.5 * 2 / 4)


def test_a_support_of_all_images_knows_them(bars):
    images, labels = bars.batch(torch.arange(32))
    assert regression_accuracy(images, centred_labels(labels, 4), bars, 1e-6) == 1.0
    wrong = centred_labels((labels + 1) % 4, 4)
    assert regression_accuracy(images, wrong, bars, 1e-6) == 0.0
