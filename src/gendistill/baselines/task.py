"""What a method is given and what it gives back: a method is a function of a `Task` and a line of `registry`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gendistill.data.order import class_major_labels, class_table, random_subset
from gendistill.data.resident import ImageSet
from gendistill.networks.base import Network
from gendistill.networks.registry import fresh_network
from gendistill.runtime.device import Compute
from gendistill.runtime.errors import UserError
from gendistill.runtime.loop import Session
from gendistill.runtime.seeds import derive_seed
from gendistill.runtime.streams import generator as stream

PREVIEWS = 10  # pictures of the images along their optimisation


@dataclass(frozen=True, kw_only=True)
class Task:
    """One synthetic set to be made.

    Attributes:
        data: the training images.
        num_classes: K.
        ipc: images per class.
        seed: root seed of the set.
        params: the method's section of benchmark/params.yaml.
        compute: device; methods compute in fp32, or finer, whatever its precision.
        session: checkpoints and stop requests.
        title: what the progress says.
        preview: shown the step and the standardised images (n, c, h, w), class after class, now and then.
    """

    data: ImageSet
    num_classes: int
    ipc: int
    seed: int
    params: Any
    compute: Compute
    session: Session
    title: str
    preview: Callable[[int, Tensor], None] = lambda step, images: None

    @property
    def device(self) -> torch.device:
        """Where the method computes."""
        return self.compute.device

    @property
    def labels(self) -> Tensor:
        """Labels (K ipc,) of the synthetic images: class after class."""
        return class_major_labels(self.num_classes, self.ipc, self.device)

    def network(self, purpose: str) -> Network:
        """A network as the section says (`network`, `width`), its weights keyed by (seed, purpose)."""
        return fresh_network(
            self.params.network,
            channels=self.data.channels,
            image_size=self.data.image_size,
            num_classes=self.num_classes,
            width=self.params.width,
            device=self.device,
            seed=derive_seed(self.seed, purpose, "init"),
        )

    def members(self) -> tuple[Tensor, ...]:
        """For every class the positions of its training images.

        Raises:
            UserError: a class has fewer than `ipc`, so that a set would hold one twice.
        """
        found = class_table(self.data.labels, self.num_classes)
        for label, positions in enumerate(found):
            if len(positions) < self.ipc:
                raise UserError(
                    f"class {label} has {len(positions)} training images, but ipc = {self.ipc} asks for {self.ipc}: "
                    "choose a smaller ipc"
                )
        return found

    def chosen(self) -> Tensor:
        """Positions (K ipc,) of random training images, class after class.

        Raises:
            UserError: a class has fewer than `ipc` images.
        """
        self.members()
        return random_subset(self.data.labels, self.ipc, self.num_classes, self.seed)

    def start(self, kind: str) -> Tensor:
        """Standardised images (K ipc, c, h, w) to begin with; `kind` is a name in `catalogue.methods.IMAGE_STARTS`."""
        if kind == "real":
            return self.data.batch(self.chosen())[0]
        shape = (self.num_classes * self.ipc, *self.data.shape[1:])
        # on the CPU, so that every device starts from the same noise
        return torch.randn(shape, generator=stream("cpu", self.seed, "start")).to(self.device)

    def show(self, step: int, steps: int, images: Tensor) -> None:
        """Hand the images on to `preview` at `PREVIEWS` evenly spaced steps, and at the start."""
        if step in {steps * part // PREVIEWS for part in range(PREVIEWS + 1)}:
            self.preview(step, images.detach())


@dataclass(frozen=True, kw_only=True)
class DistilledSet:
    """A fixed set of labelled images that a method made.

    Attributes:
        images: (n, c, h, w), class after class; uint8 where training images were chosen, else float32, standardised,
            and not clamped to the range of pixels, as in the field's code.
        labels: (n,) int64; or (n, K) float32 where the method learns them, the class being the largest entry.
        rows: loss curve, one row a tick; empty where nothing is optimised.
        steps: updates of the images, or of the network that chose them; 0 where there are none.
    """

    images: Tensor
    labels: Tensor
    rows: list[dict[str, float]]
    steps: int
