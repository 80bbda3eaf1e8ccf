r"""The tangent kernel of an infinitely wide network with one hidden layer, and regression with it (KIP-FC).

The network is ``f(x) = W v . relu(u) / sqrt(n) + b beta`` with ``u_i = W w_i . x / sqrt(d) + b beta_i``, all of v, w
and the betas standard normal, W = sqrt(2), b = 0.1 and n to infinity. With x, x' standardised images of d numbers:

| symbol | meaning |
| --- | --- |
| S(x, x') | W^2 x . x' / d + b^2, the covariance of u, and the tangent kernel of the hidden layer |
| c | S(x, x') / sqrt(S(x, x) S(x', x')), t = arccos c |
| k1 | sqrt(S(x, x) S(x', x')) (sin t + (pi - t) c) / (2 pi), the mean of relu(u) relu(u') |
| k0 | (pi - t) / (2 pi), the mean of relu'(u) relu'(u') |

.. math:: \Theta = W^2 k_1 + b^2 + W^2 S k_0
"""

import math

import torch
from torch import Tensor

from gendistill.artifact.images import StoredImages
from gendistill.data.order import InTurn
from gendistill.data.resident import ImageSet

WEIGHT_VARIANCE = 2.0  # W^2, KIP's notebook
BIAS_VARIANCE = 0.01  # b^2
EDGE = 1e-12  # cosines keep this distance from +-1, where the slope of arccos is infinite
CHUNK = 1000  # images tested at a time


def tangent_kernel(a: Tensor, b: Tensor) -> Tensor:
    """The tangent kernel between two sets of images.

    Args:
        a: (n, c, h, w) standardised; gradients flow.
        b: (m, c, h, w) likewise.

    Returns:
        (n, m) float64. The gradient through the cosine of an image with itself is 0, which is exact: it stays 1.
    """
    a, b = a.flatten(1).double(), b.flatten(1).double()
    scale = WEIGHT_VARIANCE / a.shape[1]
    covariance = scale * a @ b.T + BIAS_VARIANCE
    variances_a = scale * a.square().sum(1) + BIAS_VARIANCE
    variances_b = scale * b.square().sum(1) + BIAS_VARIANCE
    norms = (variances_a[:, None] * variances_b).sqrt()
    cosine = (covariance / norms).clamp(-1 + EDGE, 1 - EDGE)
    angle = cosine.arccos()
    sine = (1 - cosine.square()).sqrt()
    active = (math.pi - angle) / (2 * math.pi)
    rectified = norms * (sine + (math.pi - angle) * cosine) / (2 * math.pi)
    return WEIGHT_VARIANCE * (rectified + covariance * active) + BIAS_VARIANCE


def centred_labels(labels: Tensor, num_classes: int) -> Tensor:
    """One-hot labels minus their mean, 1/K: (n, K) float64."""
    return torch.nn.functional.one_hot(labels, num_classes).double() - 1 / num_classes


def coefficients(support: Tensor, labels: Tensor, jitter: float) -> Tensor:
    """Weights of kernel ridge regression.

    Args:
        support: (n, c, h, w) standardised; gradients flow.
        labels: (n, K) float64; gradients flow.
        jitter: ridge relative to the mean of the kernel's diagonal.

    Returns:
        (n, K) float64, ``(K_ss + jitter tr(K_ss)/n I)^-1 y``.
    """
    kernel = tangent_kernel(support, support)
    ridge = jitter * kernel.diagonal().mean() * torch.eye(len(kernel), dtype=kernel.dtype, device=kernel.device)
    solved: Tensor = torch.linalg.solve(kernel + ridge, labels)
    return solved


def regression(support: Tensor, labels: Tensor, images: Tensor, jitter: float) -> Tensor:
    """Predictions (m, K) float64 of kernel ridge regression on the support for images (m, c, h, w)."""
    return tangent_kernel(images, support) @ coefficients(support, labels, jitter)


@torch.no_grad()
def regression_accuracy(support: Tensor, labels: Tensor, data: ImageSet, jitter: float) -> float:
    """Share of images that kernel ridge regression on the support classifies right, in [0, 1]; the count is exact."""
    weights = coefficients(support, labels, jitter)
    right = torch.zeros((), dtype=torch.int64, device=data.device)
    in_turn = InTurn(len(data), CHUNK, data.device)
    with data.follow(in_turn) as order:
        for step in range(in_turn.steps):
            images, truth = data.batch(order.index(step))
            right += ((tangent_kernel(images, support) @ weights).argmax(1) == truth).sum()
    return int(right) / len(data)


def support_accuracy(artifact: StoredImages, data: ImageSet) -> float:
    """Accuracy in [0, 1] of kernel ridge regression on the images of an artifact of KIP-FC, with their labels."""
    labels = artifact.labels
    if labels.dim() == 1:
        labels = centred_labels(labels, len(artifact.card["classes"]))
    jitter: float = artifact.card["parameters"]["kip_fc"]["jitter"]
    images = artifact.images.to(data.device)
    return regression_accuracy(images, labels.double().to(data.device), data, jitter)
