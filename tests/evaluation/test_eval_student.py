"""One student: its SGD, and the count of what it gets right."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gendistill.augment import diffaug, dsa
from gendistill.evaluation import student as module
from gendistill.evaluation.student import accuracy, augment_stream, confusion, new_student, train_step
from gendistill.networks.registry import fresh_network


def network_of(name="convnet3", seed=0):
    return fresh_network(name, channels=1, image_size=16, num_classes=4, width=0.03125, device="cpu", seed=seed)


class Reader(nn.Module):
    """Says that image i, coded, is of class i % 3; counts its calls and remembers their mode."""

    def __init__(self, code_of):
        super().__init__()
        self.code_of, self.calls = code_of, []

    def forward(self, images):
        self.calls.append((len(images), self.training))
        return F.one_hot(torch.tensor(self.code_of(images)) % 3, 4).float()


def test_the_count_is_exact(make_coded, code_of, compute, monkeypatch):
    monkeypatch.setattr(module, "TEST_BATCH", 30)
    labels = [(i * i) % 4 for i in range(100)]
    right = sum(label == i % 3 for i, label in enumerate(labels))
    reader = Reader(code_of)
    assert accuracy(reader, make_coded(labels), compute) == right / 100
    assert reader.calls == [(30, False)] * 3 + [(10, False)]


def test_confusion_counts_true_rows_and_predicted_columns(make_coded, code_of, compute, monkeypatch):
    monkeypatch.setattr(module, "TEST_BATCH", 30)
    labels = [(i * i) % 4 for i in range(100)]
    expected = [[0] * 4 for _ in range(4)]
    for i, label in enumerate(labels):
        expected[label][i % 3] += 1
    assert confusion(Reader(code_of), make_coded(labels), 4, compute) == expected


def test_accuracy_is_between_all_wrong_and_all_right(make_coded, code_of, compute):
    assert accuracy(Reader(code_of), make_coded([i % 3 for i in range(20)]), compute) == 1
    assert accuracy(Reader(code_of), make_coded([3] * 20), compute) == 0


@pytest.mark.parametrize("training", [True, False])
def test_testing_is_in_eval_mode_and_leaves_no_trace(bars, compute, training):
    network = network_of("resnet10_half").train(training)
    before = copy.deepcopy(network.state_dict())
    one_by_one = [accuracy(network, only(bars, i), compute) for i in range(8)]
    assert accuracy(network, only(bars, slice(0, 8)), compute) == sum(one_by_one) / 8  # no statistics of the batch
    assert all(part.training == training for part in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def only(data, index):
    index = torch.arange(len(data))[index].reshape(-1)
    return replace(data, images=data.images[index], labels=data.labels[index])


@pytest.mark.parametrize("schedule", ["constant", "half"])
def test_training_is_sgd_with_momentum_decay_and_schedule(bars, compute, make_budget, schedule):
    """Four steps written out; under ``half`` the last two have a tenth of the rate."""
    budget = make_budget(32, 16, epochs=2, schedule=schedule)
    network = network_of()
    twin, speeds = copy.deepcopy(network), [torch.zeros_like(p) for p in network.parameters()]
    student = new_student(network, budget)
    images, labels = bars.batch(torch.arange(16))
    for step in range(4):
        loss = train_step(student, images, labels, budget, augment_stream("cpu", 0, 0, step))
        expected = F.cross_entropy(twin(images), labels)
        torch.testing.assert_close(loss, expected.detach(), rtol=1e-4, atol=1e-5)
        rate = 0.001 if schedule == "half" and step >= 2 else 0.01
        slopes = torch.autograd.grad(expected, list(twin.parameters()))
        with torch.no_grad():
            for parameter, speed, slope in zip(twin.parameters(), speeds, slopes, strict=True):
                speed.mul_(0.9).add_(slope + 0.0005 * parameter)
                parameter.sub_(rate * speed)
    assert student.step == 4
    for mine, theirs in zip(twin.parameters(), student.network.parameters(), strict=True):
        torch.testing.assert_close(theirs, mine, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("semantics", "augment"), [("diffaug", diffaug.augment), ("dsa", dsa.augment)])
def test_students_see_images_augmented_one_by_one(bars, compute, make_budget, semantics, augment):
    budget = make_budget(32, 16, augment="crop", semantics=semantics)
    student, shown = new_student(network_of(), budget), []
    student.network.register_forward_pre_hook(lambda _, args: shown.append(args[0]))
    images, labels = bars.batch(torch.arange(16))
    train_step(student, images, labels, budget, augment_stream("cpu", 0, 3, 5))
    assert torch.equal(shown[0], augment(images, "crop", augment_stream("cpu", 0, 3, 5), shared=False))
    assert not torch.equal(shown[0], images)


def test_every_step_has_an_augmentation_of_its_own():
    draws = {augment_stream("cpu", *key).initial_seed() for key in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]}
    assert len(draws) == 4


def test_a_student_goes_on_as_it_was_dumped(bars, compute, make_budget):
    budget = make_budget(32, 16)
    images, labels = bars.batch(torch.arange(16))
    straight, resumed = new_student(network_of(), budget), new_student(network_of(seed=1), budget)
    train_step(straight, images, labels, budget, augment_stream("cpu", 0, 0, 0))
    resumed.load(copy.deepcopy(straight.dump()))
    for student in (straight, resumed):
        train_step(student, images, labels, budget, augment_stream("cpu", 0, 0, 1))
    assert resumed.step == straight.step == 2
    for a, b in zip(straight.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(a, b)
