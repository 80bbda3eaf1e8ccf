"""How generated images lie among real ones: scores on features, and distances in pixels. Pure functions.

| score | source | says |
| ----- | ------ | ---- |
| `frechet_distance` | Heusel et al. 2017, Eq. 6 | distance of two Gaussians fitted to the features; 0 is best |
| `precision`, `recall` | Kynkäänniemi et al. 2019, Eq. 1 and 2 | share of generated within the real, and the reverse |
| `density`, `coverage` | Naeem et al. 2020, Eq. 3 and 4 | as precision, counting every ball; real balls that are hit |

A ball is centred on an image's features and reaches to its k-th nearest neighbour of its own set, itself not counted.
Features are those of a network trained on the whole data set, not Inception's: values compare within one data set and
one feature network, never with printed ones.
"""

import torch
from torch import Tensor

from gendistill.data.resident import ImageSet

CHUNK = 1000  # images whose distances to all others are held at once


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    r"""Squared Fréchet distance of the Gaussians fitted to two sets of features.

    ``|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))`` with sample covariances (over n - 1), in float64 on the CPU.
    The trace of the root is the sum of the root eigenvalues of ``C^(1/2) C' C^(1/2)``, which is symmetric.

    Args:
        real: (n, d), n >= 2.
        generated: (m, d), m >= 2.

    Returns:
        >= 0 up to rounding, in squared feature units. Biased upwards for few images: compare equal n only.
    """
    real, generated = real.cpu().double(), generated.cpu().double()  # MPS has no float64
    gap = real.mean(0) - generated.mean(0)
    first, second = covariance(real), covariance(generated)
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    mixed = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()
    return float(gap.square().sum() + first.trace() + second.trace() - 2 * mixed)


def covariance(features: Tensor) -> Tensor:
    """The sample covariance (d, d) of features (n, d), n >= 2."""
    centred = features - features.mean(0)
    return centred.T @ centred / (len(features) - 1)


def manifold_scores(real: Tensor, generated: Tensor, neighbours: int) -> dict[str, float]:
    """Precision, recall, density and coverage.

    Args:
        real: (n, d), n > `neighbours`.
        generated: (m, d), m > `neighbours`.
        neighbours: k >= 1.

    Returns:
        Fractions in [0, 1]; density may exceed 1.
    """
    own, other = radii(real, neighbours), radii(generated, neighbours)
    balls = recalled = 0
    inside = torch.zeros(len(generated), dtype=torch.bool, device=real.device)
    covered = 0
    for part, reach in zip(real.split(CHUNK), own.split(CHUNK), strict=True):
        distance = torch.cdist(part, generated)  # (chunk, m)
        hit = distance <= reach[:, None]
        inside |= hit.any(0)
        balls += int(hit.sum())
        covered += int(hit.any(1).sum())
        recalled += int((distance <= other).any(1).sum())
    return {
        "precision": int(inside.sum()) / len(generated),
        "recall": recalled / len(real),
        "density": balls / (neighbours * len(generated)),
        "coverage": covered / len(real),
    }


def radii(features: Tensor, neighbours: int) -> Tensor:
    """Distance (n,) of each of the features (n, d) to its `neighbours`-th nearest other one."""
    found = []
    for start in range(0, len(features), CHUNK):
        part = features[start : start + CHUNK]
        distance = torch.cdist(part, features)
        rows = torch.arange(len(part), device=features.device)
        distance[rows, start + rows] = torch.inf  # not itself
        found.append(distance.kthvalue(neighbours, dim=1).values)
    return torch.cat(found)


def nearest(images: Tensor, data: ImageSet, own: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The nearest image of a set for each of `images`, in pixels.

    Args:
        images: (n, c, h, w) uint8, on the set's device.
        data: where to look; read in chunks.
        own: (n,) positions in `data` of the images themselves, which are passed over; None where they are not of it.

    Returns:
        Root mean squared difference of the pixels (n,), in grey levels [0, 255], and the position (n,) in `data`.
    """
    wanted = images.flatten(1).float()
    best = torch.full((len(images),), torch.inf, device=wanted.device)
    place = torch.zeros(len(images), dtype=torch.int64, device=wanted.device)
    for start in range(0, len(data), CHUNK):
        index = torch.arange(start, min(start + CHUNK, len(data)), device=wanted.device)
        distance = torch.cdist(wanted, data.gather(index).flatten(1).float())
        if own is not None:
            distance[own[:, None] == index] = torch.inf
        value, column = distance.min(1)
        closer = value < best
        best = torch.where(closer, value, best)
        place = torch.where(closer, start + column, place)
    # again by subtraction: cdist's matrix products round, and a copy is to be at 0
    found = data.gather(place).flatten(1).float()
    return (wanted - found).square().mean(1).sqrt(), place
