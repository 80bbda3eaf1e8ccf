"""Random streams keyed by (root seed, purpose, step).

Every consumer of random numbers has a stream of its own, derived by hashing, so that adding a consumer
shifts nobody else's numbers and a resumed loop needs no saved generator state.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gendistill.runtime.seeds import derive_seed

__all__ = ["derive_seed", "generator", "seeded"]


def generator(device: torch.device | str, root: int, *path: str | int) -> torch.Generator:
    """A fresh generator on `device`, seeded by ``derive_seed(root, *path)``.

    CPU and CUDA generators give different numbers for one seed.
    """
    return torch.Generator(device=device).manual_seed(derive_seed(root, *path))


@contextmanager
def seeded(root: int, *path: str | int) -> Iterator[None]:
    """Seed torch's global CPU stream inside the block and put it back after it.

    For layers that initialise themselves from the global stream: networks are built on the CPU, so that their
    weights are the same on every device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(root, *path))
        yield
