"""The generator's input: Gaussian noise and three ways of joining the label to it.

`overwrite_label` is what DiM's code does, `concat_label` is Eq. 5 of the paper; the third way, a learned
embedding beside the noise, has parameters and lives in the generator.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def sample_latent(n: int, latent: int, device: torch.device | str, generator: torch.Generator) -> Tensor:
    """Noise z ~ N(0, I).

    Args:
        n: number of vectors.
        latent: entries of each.
        device: where the noise is drawn; the generator must be on it.
        generator: random stream.

    Returns:
        z (n, latent), float32.
    """
    return torch.randn(n, latent, device=device, generator=generator)


def overwrite_label(z: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """The noise with its first `num_classes` entries replaced by the one-hot label (DiM's code).

    Differs from the paper: Eq. 5 concatenates, see `concat_label`. The noise that counts has
    ``latent - num_classes`` entries.

    Args:
        z: noise (n, latent), latent > num_classes; gradients flow to the entries that are kept.
        labels: int64 (n,), in [0, num_classes).
        num_classes: number of classes.

    Returns:
        (n, latent): one-hot label, then ``z[:, num_classes:]``.

    Raises:
        ValueError: if nothing of the noise would be left.
    """
    if z.shape[1] <= num_classes:
        raise ValueError(
            f"overwrite_label: {z.shape[1]} latent entries for {num_classes} classes leave no noise; "
            "use a longer latent or conditioning concat"
        )
    return torch.cat([F.one_hot(labels, num_classes).to(z.dtype), z[:, num_classes:]], dim=1)


def concat_label(z: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """The noise with the one-hot label appended, Eq. 5.

    Args:
        z: noise (n, latent); gradients flow.
        labels: int64 (n,), in [0, num_classes).
        num_classes: number of classes.

    Returns:
        (n, latent + num_classes): z, then the one-hot label.
    """
    return torch.cat([z, F.one_hot(labels, num_classes).to(z.dtype)], dim=1)
