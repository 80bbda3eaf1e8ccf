"""Losses of the paper's distillation step, one function per numbered equation.

| equation | function | symbols |
| --- | --- | --- |
| Eq. 6 | `global_loss` | l(T) = `real` logits, l(S) = `fake` logits, K = classes, B = batch |
| Eq. 7 | `local_loss` | f(T) = `real` features, f(S) = `fake` features of one intermediate layer |
| Eq. 8 | `total_loss` | L_global, L_local, L_CGAN; omega_g, omega_l = `weights` |

Eq. 9 is the minimisation of Eq. 8 over the generator's weights (`gendistill.matching.distill`); Eq. 1 to 5 are in
`gendistill.gan.objectives` and `gendistill.networks.latent`.

Sample i of the real batch and sample i of the generated batch have the same label. The real side is a constant:
no gradient flows into it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Values of a half-precision forward pass in float32, others as they are; gradients flow."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def global_loss(real: Tensor, fake: Tensor, *, logits: str = "log_softmax", reduction: str = "mean") -> Tensor:
    r"""Squared difference of the logits of real and generated images, Eq. 6 (paper section 3.2).

    .. math:: L_{global} = \sum_{k=1}^{K} \sum_{b=1}^{B} (l^{(k,b)}(T) - l^{(k,b)}(S))^2

    Args:
        real: (B, K) logits of real images; a constant.
        fake: (B, K) logits of generated images of the same labels; gradients flow into it.
        logits: ``raw``, or ``log_softmax`` to compare log-probabilities.
        reduction: ``sum`` (the equation to the letter) or ``mean`` over B and K.

    Returns:
        Scalar >= 0; 0 exactly when both sides agree (under ``log_softmax``: up to a constant per sample).

    Differs from the paper: the default compares log-probabilities and takes the mean, as DiM's code does, for which
    omega_g = 0.01 was tuned (docs/decisions.md).
    """
    real, fake = at_least_float32(real.detach()), at_least_float32(fake)
    if logits == "log_softmax":
        real, fake = F.log_softmax(real, dim=1), F.log_softmax(fake, dim=1)
    squares = (real - fake).square()
    return squares.sum() if reduction == "sum" else squares.mean()


def local_loss(real: Tensor, fake: Tensor, labels: Tensor, *, num_classes: int, form: str = "batch_mean_l2") -> Tensor:
    r"""Difference of the intermediate features of real and generated images, Eq. 7 (paper section 3.2).

    .. math:: L_{local} = \sum_k \sum_b (f^{(k,b)}(T) - f^{(k,b)}(S))^2

    The paper does not say what is reduced; with d elements in a feature map the forms are

    ========================  ====================================================================
    ``batch_mean_l2``         sum over d of the squared difference of the batch means
    ``batch_mean_l1``         sum over d of the absolute difference of the batch means (DiM's code)
    ``class_mean_l2``         mean over the classes present of ``batch_mean_l2`` within the class
    ``paired_l2``             sum over d and mean over B of the squared difference of the pairs
    ========================  ====================================================================

    Args:
        real: (B, ...) features of real images; a constant.
        fake: (B, ...) features of generated images; gradients flow into it.
        labels: (B,) int64, the label of both samples of a pair.
        num_classes: K; used by ``class_mean_l2`` only.
        form: one of the above.

    Returns:
        Scalar >= 0, in squared feature units (``batch_mean_l1``: feature units).

    Raises:
        ValueError: `form` is none of the above.

    Differs from the paper: the pairs are random instances of a class, so the literal sum over pairs pulls the
    generator towards the class mean and drowns the GAN loss at omega_l = 0.001; the default compares batch means
    (docs/decisions.md).
    """
    gap = at_least_float32(real.detach().flatten(1)) - at_least_float32(fake.flatten(1))
    if form == "batch_mean_l2":
        return gap.mean(0).square().sum()
    if form == "batch_mean_l1":
        return gap.mean(0).abs().sum()
    if form == "paired_l2":
        return gap.square().sum(1).mean()
    if form == "class_mean_l2":
        members = F.one_hot(labels, num_classes).to(gap.dtype)  # (B, K)
        counts = members.sum(0)
        with torch.autocast(gap.device.type, enabled=False):  # autocast would round the sums to bfloat16
            means = (members.T @ gap) / counts.clamp(min=1)[:, None]  # (K, d); 0 for a class that is absent
        return means.square().sum() / (counts > 0).sum()
    raise ValueError(f"form is {form!r}; expected batch_mean_l2, batch_mean_l1, class_mean_l2 or paired_l2")


def total_loss(terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """Weighted sum of the loss terms, Eq. 8: ``omega_g L_global + omega_l L_local + L_CGAN``.

    Args:
        terms: scalars by name; a term whose weight is 0 need not be there.
        weights: weight by name.

    Returns:
        Scalar; gradients flow into every term with a weight other than 0.
    """
    return torch.stack([weights[name] * terms[name] for name in weights if weights[name] != 0]).sum()
