"""Every method from start to end against plain loops, with values of its section unlike the usual ones.

Random streams and networks are those of the code under test; losses, loops and optimisers are written out.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gendistill.augment import dsa
from gendistill.baselines import choosing, dm, registry
from gendistill.baselines.images import redraw
from gendistill.baselines.kernel import tangent_kernel
from gendistill.baselines.order import PerClass
from gendistill.baselines.selection import ForgettingCounts, herding
from gendistill.baselines.task import Task
from gendistill.data.order import random_subset
from gendistill.networks.base import Network
from gendistill.runtime.streams import generator as stream

STRATEGY = "color_crop_cutout_flip_scale_rotate"
UNUSUAL = {"lr": 0.3, "momentum": 0.7, "real_batch": 3}
GRADIENTS = UNUSUAL | {"iterations": 2, "outer_steps": 3, "inner_epochs": 2, "inner_batch": 3, "inner_lr": 0.05}
CLASSES = 4


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """A network in training enlarges the last digits of float32 to percents within a few steps."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


class Descent:
    """SGD with momentum: v <- momentum v + slope, x <- x - lr v."""

    def __init__(self, values: list[Tensor], lr: float, momentum: float) -> None:
        self.values, self.lr, self.momentum = values, lr, momentum
        self.speeds = [torch.zeros_like(value) for value in values]

    @torch.no_grad()
    def step(self, loss: Tensor, decay: float = 0.0) -> None:
        for value, slope, speed in zip(self.values, torch.autograd.grad(loss, self.values), self.speeds, strict=True):
            speed.mul_(self.momentum).add_(slope + decay * value)
            value.sub_(self.lr * speed)


def start(task: Task) -> Tensor:
    """Random training images, or standard normal noise; a leaf."""
    if task.params.start == "real":
        images = task.data.batch(random_subset(task.data.labels, task.ipc, CLASSES, task.seed))[0]
    else:
        images = torch.randn(CLASSES * task.ipc, *task.data.shape[1:], generator=stream("cpu", task.seed, "start"))
    return images.clone().requires_grad_(True)


def pairs(task: Task, images: Tensor, order: PerClass, purpose: str, step: int) -> list[tuple[Tensor, Tensor]]:
    """Real and synthetic images of every class under one draw of the augmentation each."""
    found = []
    for label, index in enumerate(order.index(step).view(CLASSES, -1)):
        real, own = task.data.batch(index)[0], images[label * task.ipc : (label + 1) * task.ipc]
        draw = stream("cpu", task.seed, purpose, "augment", step, label)
        mixed = dsa.augment(torch.cat([real, own]), task.params.augment, draw, shared=True)
        found.append((mixed[: len(real)], mixed[len(real) :]))
    return found


def plain_dm(task: Task, factor: float = 1.0) -> Tensor:
    params, images, network = task.params, start(task), task.network("dm")
    descent = Descent([images], factor * params.lr, params.momentum)
    order = PerClass(task.data.labels, CLASSES, params.real_batch, task.seed, "dm")
    for step in range(params.steps):
        redraw(network, stream("cpu", task.seed, "dm", "network", step))
        gaps = [network.embed(a).mean(0) - network.embed(b).mean(0) for a, b in pairs(task, images, order, "dm", step)]
        descent.step(sum(((gap**2).sum() for gap in gaps), torch.zeros(())))
    return images.detach()


@pytest.mark.parametrize(("first", "augment"), [("real", "none"), ("noise", STRATEGY)])
def test_dm(first, augment, make_task):
    task = make_task("dm", seed=3, steps=4, start=first, augment=augment, **UNUSUAL)
    close(registry.method("dm")(task).images, plain_dm(task))


def test_dm_takes_ten_times_the_step_for_large_sets(make_task, monkeypatch):
    assert dm.LARGE == 100
    monkeypatch.setattr(dm, "LARGE", 2)
    for ipc, factor in ((1, 1.0), (2, 10.0)):
        task = make_task("dm", ipc=ipc, steps=2, **UNUSUAL)
        close(registry.method("dm")(task).images, plain_dm(task, factor))


def slopes_of(network: Network, images: Tensor, label: int) -> list[Tensor]:
    """Gradients of convolutions and readout, a row for each of their outputs; a graph to the images remains."""
    weights = [value for value in network.parameters() if value.dim() > 1]
    loss = F.cross_entropy(network(images), torch.full((len(images),), label))
    return [slope.flatten(1) for slope in torch.autograd.grad(loss, weights, create_graph=True)]


def between(own: list[Tensor], real: list[Tensor], kind: str) -> Tensor:
    total = torch.zeros(())
    for a, b in zip(own, real, strict=True):
        total = total + (1 - (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1) + 1e-6)).sum()
        if kind == "cosine_euclidean":
            total = total + (a - b).norm(dim=1).sum()
    return total


def plain_gradient_matching(task: Task, inner_epochs: Callable[[int], int]) -> Tensor:
    params, images, network = task.params, start(task), task.network("gradients")
    descent = Descent([images], params.lr, params.momentum)
    order = PerClass(task.data.labels, CLASSES, params.real_batch, task.seed, "gradients")
    labels = torch.tensor([label for label in range(CLASSES) for _ in range(task.ipc)])
    step = 0
    for iteration in range(params.iterations):
        redraw(network, stream("cpu", task.seed, "gradients", "network", iteration))
        training = Descent(list(network.parameters()), params.inner_lr, params.inner_momentum)
        for outer in range(params.outer_steps):
            own, real = [], []
            for label, (a, b) in enumerate(pairs(task, images, order, "gradients", step)):
                real.append([slope.detach() for slope in slopes_of(network, a.detach(), label)])
                own.append(slopes_of(network, b, label))
            loss = sum((between(a, b, params.distance) for a, b in zip(own, real, strict=True)), torch.zeros(()))
            if params.multi_level:
                means = [[torch.stack(parts).mean(0) for parts in zip(*side, strict=True)] for side in (own, real)]
                loss = loss + CLASSES * between(means[0], means[1], params.distance)
            descent.step(loss)
            step += 1
            for epoch in range(inner_epochs(outer) if outer + 1 < params.outer_steps else 0):
                draw = stream("cpu", task.seed, "gradients", "inner", step, epoch)
                for part in torch.randperm(len(images), generator=draw).split(params.inner_batch):
                    batch = dsa.augment(images.detach()[part], params.augment, draw, shared=False)
                    training.step(F.cross_entropy(network(batch), labels[part]))
    return images.detach()


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("dc", {"start": "noise", "inner_momentum": 0.0}),
        ("dc", {"start": "real", "inner_momentum": 0.8}),
        ("dsa", {"augment": STRATEGY}),
        ("egm", {"inner_momentum": 0.8}),
        ("egm", {"inner_schedule": "decreasing", "inner_epochs": 0, "inner_batch": 8, "iterations": 1}),
    ],
)
def test_gradient_matching(method, changes, make_task):
    task = make_task(method, seed=3, **(GRADIENTS | changes))
    decreasing = task.params.inner_schedule == "decreasing"
    expected = plain_gradient_matching(task, lambda outer: (50, 40)[outer] if decreasing else task.params.inner_epochs)
    close(registry.method(method)(task).images, expected)


@pytest.mark.parametrize(
    ("method", "ipc", "changes"),
    [("dm", 2, {"steps": 3}), ("dsa", 1, {"iterations": 1}), ("dc", 20, {"iterations": 1})],
)
def test_coloured_images(method, ipc, changes, make_task, make_bars):
    """Class gradients of one image a class are taken at once, those of twenty in turn."""
    task = make_task(
        method, ipc=ipc, data=make_bars(80, channels=3), **((UNUSUAL if method == "dm" else GRADIENTS) | changes)
    )
    plain = plain_dm if method == "dm" else partial(plain_gradient_matching, inner_epochs=lambda outer: 2)
    close(registry.method(method)(task).images, plain(task))


@pytest.mark.parametrize("learn_labels", [False, True])
def test_kip_fc(learn_labels, make_task):
    """Adam on half the mean squared error of kernel ridge regression; 8 real images a step, 2 of each class."""
    task = make_task("kip_fc", seed=3, steps=4, lr=0.07, target_batch=9, jitter=0.02, learn_labels=learn_labels)
    images = task.data.batch(random_subset(task.data.labels, 2, CLASSES, 3))[0].requires_grad_(True)
    one_hot = torch.eye(CLASSES, dtype=torch.float64)
    labels = (one_hot.repeat_interleave(2, 0) - 1 / CLASSES).requires_grad_(learn_labels)
    values = [images, labels] if learn_labels else [images]
    first, second = ([torch.zeros_like(value) for value in values] for _ in "mv")
    order = PerClass(task.data.labels, CLASSES, 2, 3, "kip")
    for step in range(1, 5):
        real, truth = task.data.batch(order.index(step - 1))
        kernel = tangent_kernel(images, images)
        ridge = 0.02 * kernel.trace() / len(kernel) * torch.eye(len(kernel), dtype=torch.float64)
        predictions = tangent_kernel(real, images) @ torch.linalg.inv(kernel + ridge) @ labels
        loss = ((predictions - one_hot[truth] + 1 / CLASSES) ** 2).sum() / (2 * predictions.numel())
        for m, v, value, slope in zip(first, second, values, torch.autograd.grad(loss, values), strict=True):
            m.mul_(0.9).add_(0.1 * slope)
            v.mul_(0.999).add_(0.001 * slope**2)
            with torch.no_grad():
                value.sub_(0.07 * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8))
    made = registry.method("kip_fc")(task)
    close(made.images, images.detach())
    torch.testing.assert_close(
        made.labels.double(),
        labels.detach() if learn_labels else torch.arange(CLASSES).repeat_interleave(2).double(),
        rtol=1e-6,
        atol=1e-6,
    )


def plain_chooser(task: Task) -> tuple[Network, list[int]]:
    """The trained network, and for every image its forgetting events, never right counting as forgotten always."""
    params, network = task.params, task.network("selection")
    training = Descent(list(network.parameters()), params.lr, params.momentum)
    history: list[list[bool]] = [[] for _ in range(len(task.data))]
    for epoch in range(params.epochs):
        draw = stream("cpu", task.seed, "selection", "order", epoch)
        for index in torch.randperm(len(task.data), generator=draw).split(params.batch_size):
            images, labels = task.data.batch(index)
            logits = network(images)
            for position, right in zip(index.tolist(), (logits.argmax(1) == labels).tolist(), strict=True):
                history[position].append(right)
            training.step(F.cross_entropy(logits, labels), params.weight_decay)
    events = [sum(a and not b for a, b in pairwise(one)) for one in history]
    return network, [count if any(one) else params.epochs for count, one in zip(events, history, strict=True)]


@pytest.mark.parametrize("method", ["herding", "forgetting"])
def test_the_network_that_chooses(method, make_task, bars):
    """A quarter of the labels is wrong, so that something is forgotten, or never right."""
    data = replace(bars, labels=torch.where(torch.arange(32) % 8 < 6, bars.labels, bars.labels.flip(0)))
    settings = {"epochs": 6, "batch_size": 12, "lr": 0.1, "momentum": 0.6, "weight_decay": 0.1}
    task = make_task(method, ipc=3, seed=3, data=data, **settings)
    expected, events = plain_chooser(task)
    network, counts, _, _ = choosing.train_chooser(task)
    for found, plain in zip(network.parameters(), expected.parameters(), strict=True):
        close(found, plain)
    assert counts.scores(6).tolist() == events
    assert len(set(events)) > 2
    if method == "herding":
        positions = []
        for label in range(CLASSES):
            members = (task.data.labels == label).nonzero().flatten()
            with torch.no_grad():
                positions += members[herding(expected.embed(task.data.batch(members)[0]), 3)].tolist()
        assert torch.equal(registry.method(method)(task).images, task.data.images[positions])


def test_ties_of_forgetting_are_broken_by_the_set(make_task, monkeypatch):
    """A network that never forgets leaves a random set, another one for every seed."""

    def never(task: Task):
        counts = ForgettingCounts(len(task.data), "cpu")
        counts.ever_right[:] = True
        return None, counts, [], 0

    monkeypatch.setattr(choosing, "train_chooser", never)
    sets = [registry.method("forgetting")(make_task("forgetting", ipc=2, seed=seed)).images for seed in (0, 0, 1, 2)]
    assert torch.equal(sets[0], sets[1])
    assert len({tuple(images.flatten().tolist()) for images in sets}) == 3
