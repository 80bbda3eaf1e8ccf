"""The model pool: networks in which real and generated images are compared (paper section 3.2, Algorithm 1).

Before every generator step one network is trained for ``distill.inner_steps`` SGD steps on real images and then
matched in; after ``distill.redraw_steps`` such uses a fresh one takes its place, so that the pool spans architectures
and training ages. Under ``distill.pool_kind`` ``drawn`` a single network lives at a time; under ``resident``
``distill.pool_size`` of them take turns (`gendistill.matching.schedule`). Which network, its weights and its batches
depend on (seed, step) alone.

Differs from the paper: it draws randomly initialised networks and does not say whether they are trained; training
them between generator steps is what DiM's code does (docs/decisions.md).
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gendistill.augment.diffaug import augment
from gendistill.config.catalogue.networks import NETWORKS
from gendistill.config.schema import DistillParams
from gendistill.data.order import training_order
from gendistill.data.resident import ImageSet
from gendistill.matching.schedule import architecture, due
from gendistill.networks.base import Network
from gendistill.networks.registry import fresh_network
from gendistill.runtime.device import Compute
from gendistill.runtime.seeds import derive_seed
from gendistill.runtime.streams import generator as stream


@dataclass
class Member:
    """A network of the pool.

    Attributes:
        name: its name in the registry.
        draw: its number in the run, the key of its weights.
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
    """Network number `draw` of a run, its weights fresh."""
    name = architecture(params, draw, seed)
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
        fused=True,
    )
    return Member(name, draw, network, optimizer)


def member_layer(name: str, layer: str) -> str:
    """The layer of a network that ``loss.local_layer`` means; ``second`` is its block 2 or stage 2."""
    return NETWORKS[name].second if layer == "second" else layer


class Pool:
    """The networks that live at present and what it takes to draw and train the next.

    Weights and momentum of every member stay on the device: 8 bytes a parameter, and 4 more for the gradients of the
    one in training; activations are those of one network. Eight members of ConvNet3 and DiM's two ResNets at width 1.0
    take 82 MB, a lone one at most 22 MB. The checkpoint holds the same.

    Args:
        params: section ``distill``.
        data: real training images.
        num_classes: K.
        seed: root seed.
        compute: device and precision.
        balanced: draw the classes of an uneven set alike (`training_order`).

    Attributes:
        members: by place in the pool; a place is empty until its first turn.
        order: batches that members are trained on; as a context it lets go of what was read ahead.
    """

    def __init__(
        self,
        params: DistillParams,
        data: ImageSet,
        *,
        num_classes: int,
        seed: int,
        compute: Compute,
        balanced: bool = False,
    ) -> None:
        self.params, self.data, self.seed, self.compute = params, data, seed, compute
        self.shape = {
            "channels": data.channels,
            "image_size": data.image_size,
            "num_classes": num_classes,
        }
        order = training_order(data.labels, num_classes, params.batch_size, seed, "pool", balanced=balanced)
        self.order = data.follow(order)
        self.members: dict[int, Member] = {}

    def at(self, step: int) -> Member:
        """The member for generator step `step` (from 0), drawn when it is time to; not trained yet."""
        place, draw = due(self.params, step)
        if place not in self.members or self.members[place].draw != draw:
            self.members[place] = self._fresh(draw)
        return self.members[place]

    def _fresh(self, draw: int) -> Member:
        member = draw_member(self.params, draw, seed=self.seed, device=self.compute.device, **self.shape)
        self.compute.compiled(member.network)
        return member

    def train(self, member: Member, step: int) -> None:
        """``inner_steps`` SGD steps of `member` on real images, augmented per image."""
        member.network.requires_grad_(True)
        for part in range(self.params.inner_steps):
            position = step * self.params.inner_steps + part
            images, labels = self.data.batch(self.order.index(position))
            draw = stream(self.compute.device, self.seed, "pool", "augment", position)
            inner_step(member, augment(images, self.params.inner_augment, draw, shared=False), labels, self.compute)
        member.optimizer.zero_grad(set_to_none=True)  # a member that waits for its turn holds no gradients
        member.network.requires_grad_(False)  # from here on gradients go to the images only

    def dump(self) -> dict[int, dict[str, Any]]:
        """State of every member, by its place."""
        return {
            place: {
                "draw": member.draw,
                "network": member.network.state_dict(),
                "optimizer": member.optimizer.state_dict(),
            }
            for place, member in self.members.items()
        }

    def load(self, saved: dict[int, dict[str, Any]]) -> None:
        """Take over what `dump` gave."""
        for place, state in saved.items():
            member = self.members[place] = self._fresh(state["draw"])
            member.network.load_state_dict(state["network"])
            member.optimizer.load_state_dict(state["optimizer"])


def inner_step(member: Member, images: Tensor, labels: Tensor, compute: Compute) -> None:
    """One SGD step on the cross-entropy of standardised `images` (n, c, h, w) and `labels` (n,)."""
    with compute.autocast():
        logits = member.network(images)
    member.optimizer.zero_grad(set_to_none=True)
    F.cross_entropy(logits.float(), labels).backward()
    member.optimizer.step()
