"""Which real images a step sees, as pure functions of (seed, purpose, step)."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from gendistill.data.order import class_table
from gendistill.runtime.errors import UserError
from gendistill.runtime.streams import generator


class PerClass:
    """As many images of every class, drawn without replacement within a step; nothing waits for the device.

    Args:
        labels: (n,) int64, of the training set.
        num_classes: K.
        batch: images of every class per step. Where a class has fewer, all classes give as many as it has: DC's code
            then has batches of different sizes, here the classes go through a network as one tensor.
        seed: root seed.
        purpose: name of the random stream.

    Raises:
        UserError: a class has no image.
    """

    def __init__(self, labels: Tensor, num_classes: int, batch: int, seed: int, purpose: str) -> None:
        table = class_table(labels, num_classes)
        counts = [len(positions) for positions in table]
        if min(counts) == 0:
            raise UserError(f"class {counts.index(0)} has no training image; every class needs one to be matched")
        self.batch, self.seed, self.purpose = min(batch, min(counts)), seed, purpose
        self.table = pad_sequence(list(table), batch_first=True)  # (K, largest count)
        places = torch.arange(self.table.shape[1], device=labels.device)
        self.absent = places >= torch.tensor(counts, device=labels.device)[:, None]

    def index(self, step: int) -> Tensor:
        """Positions (K batch,) int64 of the images of a step, class after class."""
        device = self.table.device
        draw = generator(device, self.seed, self.purpose, "real", step)
        # the smallest of uniform keys are a uniform draw without replacement
        keys = torch.rand(self.table.shape, generator=draw, device=device).masked_fill_(self.absent, 2.0)
        return self.table.gather(1, keys.topk(self.batch, largest=False).indices).flatten()


class Epochs:
    """All images in a new random order every epoch, the incomplete last batch included.

    Args:
        n: images.
        batch: images per step.
        seed: root seed.
        purpose: name of the random stream.
        device: where positions lie.
    """

    def __init__(self, n: int, batch: int, seed: int, purpose: str, device: torch.device) -> None:
        self.n, self.batch, self.seed, self.purpose, self.device = n, batch, seed, purpose, device
        self.steps_per_epoch = -(-n // batch)
        self._epoch, self._order = -1, torch.empty(0)

    def index(self, step: int) -> Tensor:
        """Positions (b,) int64 of the images of a step."""
        epoch, part = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            draw = generator(self.device, self.seed, self.purpose, "order", epoch)
            self._epoch, self._order = epoch, torch.randperm(self.n, generator=draw, device=self.device)
        return self._order[part * self.batch : (part + 1) * self.batch]
