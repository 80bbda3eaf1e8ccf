"""One student: a network trained from scratch under a budget and tested in eval mode.

Students compute in fp32 whatever ``runtime.precision`` says (TF32 on CUDA): the measuring stick is the same everywhere,
and with batches of 10 bfloat16 costs accuracy (docs/decisions.md, D29).
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gendistill.augment import diffaug, dsa
from gendistill.data.order import InTurn
from gendistill.data.resident import ImageSet
from gendistill.evaluation.protocols import Budget
from gendistill.networks.base import Network
from gendistill.runtime.device import Compute
from gendistill.runtime.streams import generator as stream

TEST_BATCH = 1000
AUGMENTATIONS = {"diffaug": diffaug.augment, "dsa": dsa.augment}


@dataclass
class Student:
    """A network in training.

    Attributes:
        network: in train mode.
        optimizer: SGD.
        step: steps done.
    """

    network: Network
    optimizer: torch.optim.SGD
    step: int = 0

    def dump(self) -> dict[str, Any]:
        """The state as nested dicts of tensors and numbers."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step = saved["step"]


def new_student(network: Network, budget: Budget) -> Student:
    """A network with the budget's optimiser."""
    optimizer = torch.optim.SGD(
        network.parameters(), lr=budget.lr, momentum=budget.momentum, weight_decay=budget.weight_decay, fused=True
    )
    return Student(network, optimizer)


def train_step(student: Student, images: Tensor, labels: Tensor, budget: Budget, draw: torch.Generator) -> Tensor:
    """One SGD step on the cross-entropy of standardised images (b, c, h, w), augmented as the budget says.

    Returns:
        The loss (a detached scalar on the device).
    """
    for group in student.optimizer.param_groups:
        group["lr"] = budget.learning_rate(student.step)
    images = AUGMENTATIONS[budget.semantics](images, budget.augment, draw, shared=False)
    loss = F.cross_entropy(student.network(images), labels)
    student.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    student.optimizer.step()
    student.step += 1
    return loss.detach()


def augment_stream(device: torch.device, seed: int, student: int, step: int) -> torch.Generator:
    """The random stream of one step's augmentation."""
    return stream(device, seed, "student", student, "augment", step)


def accuracy(network: Network, data: ImageSet, compute: Compute) -> float:
    """Share of images classified right, in [0, 1], with the network in eval mode; the count is exact."""
    return int((predictions(network, data, compute) == data.labels).sum()) / len(data)


def confusion(network: Network, data: ImageSet, num_classes: int, compute: Compute) -> list[list[int]]:
    """Images of each true class (row) by the class they are taken for (column), K x K, in eval mode."""
    pairs = data.labels * num_classes + predictions(network, data, compute)
    counts: list[list[int]] = torch.bincount(pairs.cpu(), minlength=num_classes**2).view(num_classes, -1).tolist()
    return counts


@torch.no_grad()
def predictions(network: Network, data: ImageSet, compute: Compute) -> Tensor:
    """The class (n,) int64 with the largest logit for every image, on the device, with the network in eval mode.

    The network's mode is put back afterwards.
    """
    was_training = network.training
    network.eval()
    found = []
    in_turn = InTurn(len(data), TEST_BATCH, compute.device)
    with data.follow(in_turn) as order:
        for step in range(in_turn.steps):
            images, _ = data.batch(order.index(step))
            # forward, not a call: a compiled network would be compiled anew for these batches (runtime.compile)
            found.append(network.forward(images).argmax(1))
    network.train(was_training)
    return torch.cat(found)
