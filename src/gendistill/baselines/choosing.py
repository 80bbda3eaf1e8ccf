"""Random, Herding, K-Center and Forgetting: sets of training images, chosen as `selection` says.

Differs from the paper: what network chose there is not published (docs/decisions.md, D54). Here it is trained on all
training images by plain SGD without augmentation, and every synthetic set has a network of its own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from gendistill.baselines import selection
from gendistill.baselines.order import Epochs
from gendistill.baselines.selection import ForgettingCounts
from gendistill.baselines.task import DistilledSet, Task
from gendistill.networks.base import Network
from gendistill.runtime.loop import Loop
from gendistill.runtime.streams import generator as stream

CHUNK = 1000  # images embedded at a time


def train_chooser(task: Task) -> tuple[Network, ForgettingCounts, list[dict[str, float]], int]:
    """Train a network on all training images and count what it forgets on its way.

    Returns:
        The network in eval mode, the counts, the loss curve, and the steps taken.
    """
    params, data = task.params, task.data
    network = task.network("selection")
    optimizer = torch.optim.SGD(
        network.parameters(), lr=params.lr, momentum=params.momentum, weight_decay=params.weight_decay, fused=True
    )
    counts = ForgettingCounts(len(data), task.device)
    epochs = Epochs(len(data), params.batch_size, task.seed, "selection", task.device)
    step, steps = 0, params.epochs * epochs.steps_per_epoch
    with Loop(task.title, steps, ("loss",), task.session) as loop, data.follow(epochs) as order:
        if (saved := loop.resume()) is not None:
            step = loop.start
            network.load_state_dict(saved["network"])
            optimizer.load_state_dict(saved["optimizer"])
            counts.load(saved["counts"])
        while step < steps:
            index = order.index(step)
            images, labels = data.batch(index)
            logits = network(images)
            # what the network says before it learns from the image
            counts.present(index, logits.detach().argmax(1) == labels)
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
            loop.advance(
                step,
                loss[None],
                lambda: {
                    "network": network.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "counts": counts.dump(),
                },
            )
    return network.eval().requires_grad_(False), counts, loop.rows, steps


@torch.no_grad()
def embed(network: Network, task: Task, positions: Tensor) -> Tensor:
    """Embeddings (n, d) of training images at `positions` (n,), as they are."""
    return torch.cat([network.embed(task.data.batch(part)[0]) for part in positions.split(CHUNK)])


def choose_random(task: Task) -> DistilledSet:
    """Uniform draws without replacement; the set of a smaller IPC is part of that of a larger one."""
    return _chosen(task, task.chosen(), [], 0)


def choose_herding(task: Task) -> DistilledSet:
    """Herding in the embedding of the trained network."""
    return _choose_by_embedding(task, selection.herding)


def choose_k_center(task: Task) -> DistilledSet:
    """Greedy K-Center in the embedding of the trained network."""
    return _choose_by_embedding(task, selection.k_center)


def choose_forgotten(task: Task) -> DistilledSet:
    """The images that the network forgot most often.

    Differs from Toneva et al.: one run of training instead of the sum over five; the sets are the repetitions.
    """
    task.members()
    _, counts, rows, steps = train_chooser(task)
    draw = stream("cpu", task.seed, "forgetting", "ties")
    scores, labels = counts.scores(task.params.epochs).cpu(), task.data.labels.cpu()
    positions = selection.forgotten(scores, labels, task.ipc, task.num_classes, draw)
    return _chosen(task, positions.to(task.device), rows, steps)


def _choose_by_embedding(task: Task, choose: selection.Choose) -> DistilledSet:
    members = task.members()
    network, _, rows, steps = train_chooser(task)
    parts = [positions[choose(embed(network, task, positions), task.ipc)] for positions in members]
    return _chosen(task, torch.cat(parts), rows, steps)


def _chosen(task: Task, positions: Tensor, rows: list[dict[str, float]], steps: int) -> DistilledSet:
    return DistilledSet(images=task.data.gather(positions), labels=task.data.labels[positions], rows=rows, steps=steps)
