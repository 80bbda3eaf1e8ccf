"""The moving average of G."""

from dataclasses import replace

import pytest
import torch
from tiny_inputs import *  # noqa: F403

from gendistill.gan.ema import copy_of, recalibrate, update_average
from gendistill.networks.generator import Generator


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


@pytest.fixture
def averaged():
    """A generator whose statistics are those of nobody."""
    torch.manual_seed(0)
    generator = Generator(channels=1, image_size=16, num_classes=3, width=4, latent=6)
    for norm in generator.modules():
        if isinstance(norm, torch.nn.modules.batchnorm._BatchNorm):
            norm.running_mean.fill_(7.0)
            norm.running_var.fill_(9.0)
    return generator


def test_recalibrated_statistics_are_means_over_batches_of_all_classes(averaged, compute):
    """The first normalised layer, by hand: 20 batches of 100; the mean of all, the mean of the unbiased variances."""
    seen = []
    averaged.project[0].register_forward_hook(lambda _, inputs, maps: seen.append((inputs[0], maps)))
    recalibrate(averaged, 0, compute)
    maps = torch.stack([maps for _, maps in seen])
    assert maps.shape == (20, 100, 64)
    norm = averaged.project[1]
    torch.testing.assert_close(norm.running_mean, maps.mean(dim=(0, 1)))
    torch.testing.assert_close(norm.running_var, maps.var(dim=1).mean(dim=0))
    labels = torch.cat([inputs for inputs, _ in seen])[:, :3]  # conditioning overwrite
    assert torch.equal(labels.argmax(dim=1), torch.arange(2000) % 3)


def test_after_it_evaluation_mode_normalises_as_training_mode_does(averaged, compute):
    draw = torch.Generator().manual_seed(1)
    z, labels = torch.randn(3000, 6, generator=draw), torch.arange(3000) % 3
    expected = copy_of(averaged).train()(z, labels)
    assert (averaged.eval()(z, labels) - expected).abs().mean() > 0.1
    recalibrate(averaged, 0, compute)
    assert not averaged.training
    assert (averaged(z, labels) - expected).abs().mean() < 0.02


def test_it_depends_on_weights_and_seed_alone_and_changes_no_weight(averaged, compute):
    again, other = copy_of(averaged), copy_of(averaged)
    before = {name: value.clone() for name, value in averaged.named_parameters()}
    for network, seed in ((averaged, 0), (again, 0), (other, 1)):
        recalibrate(network, seed, compute)
    assert all(torch.equal(value, before[name]) for name, value in averaged.named_parameters())
    statistics = [dict(network.named_buffers()) for network in (averaged, again, other)]
    assert all(torch.equal(statistics[1][name], value) for name, value in statistics[0].items())
    assert any(not torch.equal(statistics[2][name], value) for name, value in statistics[0].items())
    assert all(norm.momentum == 0.1 for norm in averaged.modules() if isinstance(norm, torch.nn.BatchNorm2d))


def test_only_an_average_is_recalibrated(bars, gan_params, make_gan, compute):
    """Without one G itself is deployed, with the statistics of its training, as in DiM's code."""
    state = make_gan(gan_params)
    assert state.deployed(0, compute) is state.generator
    state = make_gan(replace(gan_params, ema=0.5))
    kept = {name: value.clone() for name, value in state.average.state_dict().items()}
    deployed = state.deployed(0, compute)
    assert all(torch.equal(state.average.state_dict()[name], value) for name, value in kept.items())
    assert not torch.equal(deployed.project[1].running_var, kept["project.1.running_var"])
    assert torch.equal(deployed.project[0].weight, state.average.project[0].weight)
