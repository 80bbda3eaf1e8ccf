"""A distilled set as PyTorch's data sets: images drawn once, or new ones without end.

The first is map-style (`DistilledImages`): samplers, `DataLoader` and ``DistributedSampler`` treat it like any other.
The second is iterable-style (`FreshImages`) and gives whole batches, so that generating stays batched.
"""

import os
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from gendistill.artifact.sampling import sample
from gendistill.data.resident import standardise, to_uint8
from gendistill.networks.generator import Generator
from gendistill.runtime.errors import UserError
from gendistill.runtime.streams import generator as stream


class DistilledImages(Dataset[tuple[Any, int]]):
    """Labelled images that stay.

    Attributes:
        images: (n, c, h, w) uint8, on the CPU; of learned images what is to be looked at.
        labels: (n,) int64, class after class; where stored labels are soft, in the order of the file.
        classes: names; the label is the position.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        classes: tuple[str, ...],
        mean: Tensor,
        std: Tensor,
        transform: Callable[[Tensor], Any] | None = None,
        learned: Tensor | None = None,
    ) -> None:
        """Hold images and labels.

        Args:
            images: (n, c, h, w) uint8, on the CPU.
            labels: (n,) int64, likewise.
            classes: their names.
            mean: (c,) of pixels in [0, 1], for images that no transform is given for.
            std: (c,) likewise.
            transform: called with an image (c, h, w) uint8; without one, items are standardised.
            learned: (n, c, h, w) float32, the images themselves where they were optimised in the standardised space:
                they may leave the range of pixels, and are the items then.
        """
        self.images, self.labels, self.classes = images, labels, classes
        self.mean, self.std, self.transform, self.learned = mean, std, transform, learned

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """Image `index`, standardised float32 (c, h, w) or what the transform makes of it, and its label."""
        shown = self.standardised(index) if self.transform is None else self.transform(self.images[index])
        return shown, int(self.labels[index])

    def standardised(self, index: int | slice = slice(None)) -> Tensor:
        """Images as networks see them, float32: one (c, h, w), or several (n, c, h, w)."""
        if self.learned is not None:
            return self.learned[index]
        return standardise(self.images[index], self.mean, self.std)


class FreshImages(IterableDataset[tuple[Tensor, Tensor]]):
    """New labelled images without end, in batches of which no two are alike.

    Every batch has its own random stream, keyed by (seed, epoch, rank, worker, step): iterating again gives the same
    batches, workers and ranks never give each other's, and nothing depends on the global random state. The classes
    take turns, in a random order within the batch, so that every class has its share over a few batches.

    In a loader, set ``batch_size=None``: the batches are made here.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        batch_size: int,
        seed: int,
        mean: Tensor,
        std: Tensor,
        rank: int | None = None,
    ) -> None:
        """Describe the stream; nothing is drawn yet.

        Args:
            generator: in eval mode; batches are made on its device.
            batch_size: images of a batch; >= 1.
            seed: root of its random streams; >= 0.
            mean: (c,) of pixels in [0, 1], on the generator's device.
            std: (c,) likewise.
            rank: this process among those that train together, >= 0; None asks torch.distributed when the stream is
                iterated or goes to a worker process, else the variable RANK that torchrun sets.

        Raises:
            UserError: a number is too small.
        """
        if batch_size < 1 or seed < 0:
            raise UserError(f"fresh: batch_size is {batch_size} and seed is {seed}; expected at least 1 and 0")
        if rank is not None and rank < 0:
            raise UserError(f"fresh: rank is {rank}; expected None, or the number of this process from 0 on")
        self.generator, self.batch_size, self.seed, self.mean, self.std = generator, batch_size, seed, mean, std
        self._given_rank = rank
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # workers that persist see it change

    @property
    def rank(self) -> int:
        """This process among those that train together."""
        return _rank() if self._given_rank is None else self._given_rank

    def __getstate__(self) -> dict[str, Any]:
        """The state for another process: a worker that is spawned cannot ask the process group of its parent."""
        grouped = torch.distributed.is_available() and torch.distributed.is_initialized()
        return self.__dict__ | ({"_given_rank": self.rank} if grouped else {})

    def set_epoch(self, epoch: int) -> None:
        """From the next iteration on give the images of another epoch, as ``DistributedSampler.set_epoch`` does."""
        self._epoch.fill_(epoch)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Standardised images (b, c, h, w) float32 and labels (b,) int64, on the generator's device.

        Raises:
            UserError: worker processes are to use a GPU that the process which started them holds.
        """
        worker = get_worker_info()
        if worker is not None and self.mean.device.type != "cpu":
            raise UserError(
                f"fresh: the artifact is on {self.mean.device}, which worker processes cannot share; "
                "set num_workers=0, or load it on the cpu"
            )
        return self._batches(int(self._epoch), 0 if worker is None else worker.id)

    def _batches(self, epoch: int, worker: int) -> Iterator[tuple[Tensor, Tensor]]:
        device, rank = self.mean.device, self.rank
        for step in count():
            draw = stream(device, self.seed, "fresh images", epoch, rank, worker, step)
            turn = torch.arange(step * self.batch_size, (step + 1) * self.batch_size, device=device)
            order = torch.rand(self.batch_size, generator=draw, device=device).argsort()
            labels = turn[order] % self.generator.num_classes
            yield standardise(to_uint8(sample(self.generator, labels, draw)), self.mean, self.std), labels


def _rank() -> int:
    """This process among those that train together; 0 for one alone."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    return int(os.environ.get("RANK") or 0)
