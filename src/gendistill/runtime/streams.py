"""Random streams keyed by (root seed, purpose, step).

Every consumer of random numbers has a stream of its own, derived by hashing, so that adding a consumer
shifts nobody else's numbers and a resumed loop needs no saved generator state.
"""

import hashlib

import torch


def derive_seed(root: int, *path: str | int) -> int:
    """Hash ``(root, *path)`` to a seed in [0, 2**63)."""
    text = "/".join([str(root), *map(str, path)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(device: torch.device | str, root: int, *path: str | int) -> torch.Generator:
    """A fresh generator on `device`, seeded by ``derive_seed(root, *path)``.

    CPU and CUDA generators give different numbers for one seed.
    """
    return torch.Generator(device=device).manual_seed(derive_seed(root, *path))
