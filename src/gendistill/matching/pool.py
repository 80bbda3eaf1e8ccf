"""The model pool: networks in which real and generated images are compared (paper section 3.2, Algorithm 1).

One network of the pool is drawn and freshly initialised every ``distill.redraw_steps`` generator steps, and trained
for ``distill.inner_steps`` SGD steps on real images before every one of them, so that the pool spans architectures
and training ages. Which network, its weights and its batches depend on (seed, step) alone.

Differs from the paper: it draws randomly initialised networks and does not say whether they are trained; training
them between generator steps is what DiM's code does (docs/decisions.md).
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gendistill.augment.diffaug import augment
from gendistill.config.catalogue import NETWORKS
from gendistill.config.schema import DistillParams
from gendistill.data.order import Shuffled
from gendistill.data.resident import ImageSet
from gendistill.networks.base import Network
from gendistill.networks.registry import fresh_network
from gendistill.runtime.device import Compute
from gendistill.runtime.seeds import derive_seed
from gendistill.runtime.streams import generator as stream


@dataclass
class Member:
    """The network that is matched in at present.

    Attributes:
        name: its name in the registry.
        draw: how many networks were drawn before it.
        network: in train mode throughout, so BatchNorm uses batch statistics (DiM's code).
        optimizer: SGD that trains it on real images.
    """

    name: str
    draw: int
    network: Network
    optimizer: torch.optim.SGD


def draw_member(
    params: DistillParams,
    draw: int,
    *,
    channels: int,
    image_size: int,
    num_classes: int,
    seed: int,
    device: torch.device,
) -> Member:
    """The `draw`-th network of a run: architecture uniform over the pool, weights fresh."""
    name = params.pool[derive_seed(seed, "pool", "architecture", draw) % len(params.pool)]
    network = fresh_network(
        name,
        channels=channels,
        image_size=image_size,
        num_classes=num_classes,
        width=params.pool_width,
        device=device,
        seed=derive_seed(seed, "pool", "init", draw),
    )
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=params.inner_lr,
        momentum=params.inner_momentum,
        weight_decay=params.inner_weight_decay,
    )
    return Member(name, draw, network, optimizer)


def member_layer(name: str, layer: str) -> str:
    """The layer of a network that ``loss.local_layer`` means; ``second`` is its block 2 or stage 2."""
    return NETWORKS[name].second if layer == "second" else layer


class Pool:
    """The current member and what it takes to draw and train the next.

    Args:
        params: section ``distill``.
        data: real training images.
        num_classes: K.
        seed: root seed.
        compute: device and precision.

    Attributes:
        order: batches that members are trained on; as a context it lets go of what was read ahead.
    """

    def __init__(self, params: DistillParams, data: ImageSet, *, num_classes: int, seed: int, compute: Compute) -> None:
        self.params, self.data, self.seed, self.compute = params, data, seed, compute
        self.shape = {
            "channels": data.channels,
            "image_size": data.image_size,
            "num_classes": num_classes,
        }
        self.order = data.follow(Shuffled(len(data), params.batch_size, seed, "pool", compute.device))
        self.member: Member | None = None

    def at(self, step: int) -> Member:
        """The member for generator step `step` (from 0), drawn when it is time to; not trained yet."""
        draw = step // self.params.redraw_steps
        if self.member is None or self.member.draw != draw:
            self.member = draw_member(self.params, draw, seed=self.seed, device=self.compute.device, **self.shape)
        return self.member

    def train(self, member: Member, step: int) -> None:
        """``inner_steps`` SGD steps of `member` on real images, augmented per image."""
        member.network.requires_grad_(True)
        for part in range(self.params.inner_steps):
            position = step * self.params.inner_steps + part
            images, labels = self.data.batch(self.order.index(position))
            draw = stream(self.compute.device, self.seed, "pool", "augment", position)
            inner_step(member, augment(images, self.params.inner_augment, draw, shared=False), labels, self.compute)
        member.network.requires_grad_(False)  # from here on gradients go to the images only

    def dump(self) -> dict[str, Any]:
        """State of the current member."""
        if self.member is None:
            return {}
        return {
            "draw": self.member.draw,
            "network": self.member.network.state_dict(),
            "optimizer": self.member.optimizer.state_dict(),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        if not saved:
            return
        self.member = draw_member(self.params, saved["draw"], seed=self.seed, device=self.compute.device, **self.shape)
        self.member.network.load_state_dict(saved["network"])
        self.member.optimizer.load_state_dict(saved["optimizer"])


def inner_step(member: Member, images: Tensor, labels: Tensor, compute: Compute) -> None:
    """One SGD step on the cross-entropy of standardised `images` (n, c, h, w) and `labels` (n,)."""
    with compute.autocast():
        logits = member.network(images)
    member.optimizer.zero_grad(set_to_none=True)
    F.cross_entropy(logits.float(), labels).backward()
    member.optimizer.step()
