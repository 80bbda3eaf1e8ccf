"""The moving average of G."""

import torch

from gendistill.gan.ema import copy_of, update_average


def network(weight: float) -> torch.nn.Module:
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(weight)
    return module


def test_the_average_by_hand():
    """Start 1, then 5 and 3 at decay 0.75: 0.75 + 1.25 = 2, then 1.5 + 0.75 = 2.25."""
    average = copy_of(network(1.0))
    for weight, expected in ((5.0, 2.0), (3.0, 2.25)):
        update_average(average, network(weight), 0.75)
        for parameter in average.parameters():
            assert torch.equal(parameter, torch.full_like(parameter, expected))


def test_decay_zero_copies():
    average, current = copy_of(network(1.0)), network(5.0)
    update_average(average, current, 0.0)
    assert all(torch.equal(a, b) for a, b in zip(average.parameters(), current.parameters(), strict=True))


def test_statistics_of_batch_normalisation_are_copied():
    average, current = copy_of(network(1.0)), network(1.0)
    current(torch.tensor([[1.0, 0.0], [3.0, 8.0]]))
    update_average(average, current, 0.9)
    assert all(torch.equal(a, b) for a, b in zip(average.buffers(), current.buffers(), strict=True))
    assert average[1].num_batches_tracked == 1


def test_the_copy_is_frozen_and_apart():
    original = network(1.0)
    average = copy_of(original)
    assert not any(parameter.requires_grad for parameter in average.parameters())
    assert all(parameter.requires_grad for parameter in original.parameters())
    with torch.no_grad():
        original[0].weight.fill_(9)
    assert average[0].weight.max() == 1
