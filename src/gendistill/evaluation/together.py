"""The students of a cell trained together: N networks of one architecture as one, for devices that one leaves idle.

Every parameter, buffer and momentum has a leading dimension N, and ``torch.func.vmap`` runs the architecture once for
all. Students share nothing: the gradient of the sum of their losses is, for each, that of its own loss, and SGD works
element by element. So each ends where it would have ended alone (`gendistill.evaluation.student`), up to the order of
float sums; in float64 the tests hold all architectures to that, batch norm's running statistics included.

Memory: activations of N students at once. Where that does not fit there is ``runtime.students: apart``.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from gendistill.evaluation.protocols import Budget
from gendistill.evaluation.sources import Source
from gendistill.evaluation.student import AUGMENTATIONS, augment_stream
from gendistill.networks.base import Network


class AtOnce(nn.Module):
    """One architecture run under N sets of values at once: a module, so that its calls can be compiled.

    Attributes:
        architecture: the values it holds itself mean nothing.
    """

    def __init__(self, architecture: Network) -> None:
        super().__init__()
        self.architecture = architecture

    def forward(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor) -> Tensor:
        """Logits (N, b, K) of images (N, b, c, h, w) under parameters and buffers (N, ...) by name."""

        def logits_of(parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor) -> Tensor:
            logits: Tensor = functional_call(self.architecture, (parameters, buffers), (images,))
            return logits

        logits: Tensor = vmap(logits_of)(parameters, buffers, images)
        return logits


@dataclass
class StackedStudents:
    """N networks in training.

    Attributes:
        at_once: what the stacked values are run through.
        parameters, buffers: by name, each (N, ...); batch norm updates its statistics in place.
        optimizer: SGD on the stacked parameters.
        step: steps done by each student.
    """

    at_once: AtOnce
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]
    optimizer: torch.optim.SGD
    step: int = 0

    def train(self, sources: list[Source], budget: Budget, seed: int, until: int) -> Tensor:
        """Go on for one step: losses (1, N), see `Team.train`."""
        sources[0].prepare(range(self.step, self.step + 1))
        batches = [source.batch(self.step) for source in sources]
        device = batches[0][0].device
        draws = [augment_stream(device, seed, number, self.step) for number in range(len(sources))]
        return train_step_together(self, batches, budget, draws)[None]

    def member(self, number: int) -> Network:
        """Student `number` as a network of its own, in train mode; valid until the next call."""
        stacked = {**self.parameters, **self.buffers}
        member = self.at_once.architecture
        member.load_state_dict({name: value[number] for name, value in stacked.items()})
        return member

    def dump(self) -> dict[str, Any]:
        """The state as nested dicts of tensors and numbers."""
        return {
            "parameters": {name: value.detach() for name, value in self.parameters.items()},
            "buffers": self.buffers,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }

    def close(self) -> None:
        """There is nothing to end."""

    @torch.no_grad()
    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        for kind, stacked in (("parameters", self.parameters), ("buffers", self.buffers)):
            for name, value in stacked.items():
                value.copy_(saved[kind][name])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step = saved["step"]


def stack_students(networks: list[Network], budget: Budget) -> StackedStudents:
    """Untrained networks of one architecture, in train mode, with the budget's optimiser; their values are copied."""
    parameters, buffers = stack_module_state(networks)
    optimizer = torch.optim.SGD(
        parameters.values(), lr=budget.lr, momentum=budget.momentum, weight_decay=budget.weight_decay, fused=True
    )
    return StackedStudents(AtOnce(copy.deepcopy(networks[0])), parameters, buffers, optimizer)


def train_step_together(
    students: StackedStudents, batches: list[tuple[Tensor, Tensor]], budget: Budget, draws: list[torch.Generator]
) -> Tensor:
    """One SGD step of every student on the cross-entropy of its own images, augmented as the budget says.

    Args:
        students: N of them.
        batches: of each, standardised images (b, c, h, w) and labels (b,), of one size b for all.
        budget: learning rate and augmentation.
        draws: of each, the random stream of its augmentation.

    Returns:
        The losses (N,), detached, on the device.
    """
    for group in students.optimizer.param_groups:
        group["lr"] = budget.learning_rate(students.step)
    augment = AUGMENTATIONS[budget.semantics]
    images = torch.stack(
        [augment(own, budget.augment, draw, shared=False) for (own, _), draw in zip(batches, draws, strict=True)]
    )
    labels = torch.stack([own for _, own in batches])
    logits = students.at_once(students.parameters, students.buffers, images)  # (N, b, K)
    losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view(labels.shape).mean(1)
    students.optimizer.zero_grad(set_to_none=True)
    losses.sum().backward()
    students.optimizer.step()
    students.step += 1
    return losses.detach()
