"""Class-stratified splits, drawn from a seed of their own."""

import numpy as np
from numpy.typing import NDArray

from gendistill.data.raw import Labels
from gendistill.runtime.seeds import derive_seed


def quotas(counts: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """How many of `total` images each class gives, in proportion to its count.

    Largest remainders: every share is rounded down, and what is left goes to the largest fractions (ties
    to the smaller label). Integers throughout, so no rounding differs between machines.

    Args:
        counts: (classes,) images per class.
        total: 0 <= total <= counts.sum().

    Returns:
        (classes,) int64, summing to `total`, each at most its count.
    """
    shares, remainders = np.divmod(counts * total, counts.sum())
    order = np.argsort(-remainders, kind="stable")
    shares[order[: total - shares.sum()]] += 1
    return shares.astype(np.int64)


def stratified_split(
    labels: Labels, total: int, seed: int, purpose: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the images that stay and of the `total` that are set aside, class proportions kept.

    Args:
        labels: (n,) int64, not negative.
        total: images to set aside, 0 <= total <= n.
        seed: root seed of the draw.
        purpose: name of the random stream.

    Returns:
        Two ascending int64 arrays which together are 0 … n-1.
    """
    return split_by_quota(labels, quotas(np.bincount(labels), total), seed, purpose)


def split_by_quota(
    labels: Labels, quota_of: NDArray[np.int64], seed: int, purpose: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`stratified_split` with the number of images to set aside given for every class, (classes,)."""
    aside = np.zeros(len(labels), dtype=bool)
    for label, quota in enumerate(quota_of):
        stream = np.random.default_rng(derive_seed(seed, purpose, label))
        aside[stream.permutation(np.flatnonzero(labels == label))[:quota]] = True
    return np.flatnonzero(~aside), np.flatnonzero(aside)
