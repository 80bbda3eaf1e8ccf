r"""Gradients of the classes and their distance: the terms of DC, DSA and EGM (benchmark specification 6 to 6.4).

.. math:: D(A, B) = \sum_l \sum_o 1 - \frac{\langle a_{lo}, b_{lo} \rangle}{\lVert a_{lo} \rVert \lVert b_{lo} \rVert
          + 10^{-6}}

with l the weights of two or more dimensions and o their output units; biases and normalisations contribute nothing. EGM
adds the Euclidean distance of every unit, and K times the distance between the means of the class gradients.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad, vmap

from gendistill.baselines.parts import loss_gradients
from gendistill.networks.base import Network

EPSILON = 1e-6  # DC's code
Gradients = list[Tensor]  # of each matched weight, (K, out, ...)
VMAP_PIXELS = {"cpu": 4096}  # of a class's images, up to which all classes at once are faster; measured on one core
VMAP_PIXELS_ELSEWHERE = 65_536  # 64 images of 32 x 32: from there on a class alone fills a GPU (not measured)


def matched_weights(network: Network) -> dict[str, Tensor]:
    """The parameters whose gradients are matched: those of two or more dimensions, by name."""
    return {name: value for name, value in network.named_parameters() if value.dim() > 1}


def class_gradients(network: Network, images: Tensor) -> Gradients:
    """Gradients of the mean cross-entropy of every class.

    Args:
        network: without batch normalisation.
        images: (K, n, c, h, w) standardised, class k in entry k; gradients flow to them where they ask for it.

    Returns:
        One tensor (K, *shape) for each weight of `matched_weights`.
    """
    pixels = images.shape[1] * images.shape[3] * images.shape[4]
    few = pixels <= VMAP_PIXELS.get(images.device.type, VMAP_PIXELS_ELSEWHERE)
    return class_gradients_at_once(network, images) if few else class_gradients_in_turn(network, images)


def class_gradients_at_once(network: Network, images: Tensor) -> Gradients:
    """`class_gradients` of all classes in one pass.

    ``vmap`` over classes: the forward pass and the gradient of the activations are those of one batch of all images,
    and weights' gradients come from grouped convolutions.
    """
    weights = {name: value.detach() for name, value in matched_weights(network).items()}
    rest = {name: value.detach() for name, value in network.named_parameters() if name not in weights}

    def loss(weights: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        logits: Tensor = functional_call(network, {**weights, **rest}, (images,))
        return F.cross_entropy(logits, labels)

    labels = torch.arange(len(images), device=images.device)[:, None].expand(images.shape[:2])
    found: dict[str, Tensor] = vmap(grad(loss), in_dims=(None, 0, 0))(weights, images, labels)
    return list(found.values())


def class_gradients_in_turn(network: Network, images: Tensor) -> Gradients:
    """`class_gradients` class by class with plain autograd, a large class in parts."""
    weights = list(matched_weights(network).values())
    found = []
    for label, batch in enumerate(images):
        labels = torch.full((len(batch),), label, device=images.device)
        found.append(loss_gradients(network, weights, batch, labels, create_graph=images.requires_grad))
    return [torch.stack(parts) for parts in zip(*found, strict=True)]


def unit_distances(a: Tensor, b: Tensor, kind: str) -> Tensor:
    """Distance of one weight's gradients, summed over its output units.

    Args:
        a: (..., out, rest) gradients of the synthetic images.
        b: the same shape, of the real ones.
        kind: a name in `catalogue.methods.GRADIENT_DISTANCES`.

    Returns:
        (...); each unit's share is in [0, 2], plus a Euclidean distance under ``cosine_euclidean``.
    """
    norms = torch.linalg.vector_norm(a, dim=-1) * torch.linalg.vector_norm(b, dim=-1)
    distances: Tensor = 1 - (a * b).sum(-1) / (norms + EPSILON)
    if kind == "cosine_euclidean":
        distances = distances + torch.linalg.vector_norm(a - b, dim=-1)
    return distances.sum(-1)


def gradient_matching(synthetic: Sequence[Tensor], real: Sequence[Tensor], kind: str, *, multi_level: bool) -> Tensor:
    """The loss of DC, DSA and EGM.

    Args:
        synthetic: (K, out, ...) for each weight; gradients flow.
        real: likewise; constants.
        kind: a name in `catalogue.methods.GRADIENT_DISTANCES`.
        multi_level: add K times the distance between the means over classes (EGM).

    Returns:
        Scalar, summed over classes and weights.
    """
    total = torch.zeros((), device=real[0].device)
    for own, target in zip(synthetic, real, strict=True):
        a, b = own.flatten(2), target.detach().flatten(2)
        total = total + unit_distances(a, b, kind).sum()
        if multi_level:
            total = total + len(a) * unit_distances(a.mean(0), b.mean(0), kind)
    return total
