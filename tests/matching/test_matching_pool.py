"""Which network is matched in, how old it is, and what it was trained on."""

import copy
from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from gendistill.augment.diffaug import augment
from gendistill.config.catalogue.networks import NETWORKS
from gendistill.data.order import Shuffled
from gendistill.matching import pool as module
from gendistill.matching.pool import draw_member, member_layer
from gendistill.networks.registry import fresh_network
from gendistill.runtime.seeds import derive_seed
from gendistill.runtime.streams import generator as stream

SHAPE = {"channels": 1, "image_size": 16, "num_classes": 4, "device": torch.device("cpu")}
ALL = ("convnet3", "resnet10_half", "resnet18_half")


def weights(member):
    return {name: value.clone() for name, value in member.network.state_dict().items()}


def test_every_architecture_of_the_pool_is_drawn_about_equally_often(make_recipe):
    params = make_recipe(pool=ALL).distill
    names = [ALL[derive_seed(0, "pool", "architecture", draw) % 3] for draw in range(300)]
    counts = Counter(names)
    assert set(counts) == set(ALL)
    # 300 draws of 3: 100 each, standard deviation 8; five of those
    assert all(abs(count - 100) < 40 for count in counts.values())
    drawn = [draw_member(params, draw, seed=0, **SHAPE) for draw in range(4)]
    assert [member.name for member in drawn] == names[:4]


def test_a_draw_depends_on_seed_and_number_alone(make_recipe, same_weights):
    params = make_recipe().distill
    torch.manual_seed(1)
    first = weights(draw_member(params, 3, seed=0, **SHAPE))
    torch.manual_seed(2)
    assert same_weights(first, weights(draw_member(params, 3, seed=0, **SHAPE)))
    assert not same_weights(first, weights(draw_member(params, 4, seed=0, **SHAPE)))
    assert not same_weights(first, weights(draw_member(params, 3, seed=1, **SHAPE)))


def test_the_member_is_redrawn_every_redraw_steps(make_recipe, make_pool):
    pool = make_pool(make_recipe(redraw_steps=3))
    members = [pool.at(step) for step in range(7)]
    assert [member.draw for member in members] == [0, 0, 0, 1, 1, 1, 2]
    assert len({id(member) for member in members}) == 3


def test_a_member_takes_inner_steps_before_every_generator_step(make_recipe, make_pool, monkeypatch):
    taken = []
    real = module.inner_step
    monkeypatch.setattr(module, "inner_step", lambda *args: (taken.append(args[0].draw), real(*args)))
    pool = make_pool(make_recipe(redraw_steps=2, inner_steps=3))
    for step in range(3):
        pool.train(pool.at(step), step)
    assert taken == [0] * 6 + [1] * 3


def test_training_is_plain_sgd_on_real_batches(make_recipe, make_pool, bars):
    """Two generator steps of two SGD steps each, written out with a momentum buffer of our own."""
    recipe = make_recipe(inner_steps=2, redraw_steps=5)
    pool = make_pool(recipe)
    network = copy.deepcopy(pool.at(0).network)
    for step in range(2):
        pool.train(pool.at(step), step)

    order = Shuffled(len(bars), 8, 0, "pool", "cpu")
    params = recipe.distill
    speeds = [torch.zeros_like(p) for p in network.parameters()]
    for position in range(4):
        images, labels = bars.batch(order.index(position))
        slopes = torch.autograd.grad(F.cross_entropy(network(images), labels), list(network.parameters()))
        with torch.no_grad():
            for parameter, speed, slope in zip(network.parameters(), speeds, slopes, strict=True):
                speed.mul_(params.inner_momentum).add_(slope + params.inner_weight_decay * parameter)
                parameter.sub_(params.inner_lr * speed)
    for mine, theirs in zip(network.parameters(), pool.at(1).network.parameters(), strict=True):
        torch.testing.assert_close(theirs.detach(), mine.detach(), rtol=1e-5, atol=1e-6)


def test_training_lowers_the_loss_on_real_images(make_recipe, make_pool, bars):
    pool = make_pool(make_recipe(inner_steps=15, redraw_steps=9, pool_width=0.0625))
    member = pool.at(0)
    images, labels = bars.batch(torch.arange(32))
    before = F.cross_entropy(member.network(images), labels).item()
    pool.train(member, 0)
    assert F.cross_entropy(member.network(images), labels).item() < 0.7 * before


def test_inner_batches_are_augmented_image_by_image(make_recipe, make_pool, bars, monkeypatch):
    shown = []
    monkeypatch.setattr(module, "inner_step", lambda _, images, labels, __: shown.append((images, labels)))
    pool = make_pool(make_recipe(inner_augment="crop", inner_steps=2))
    for step in range(2):
        pool.train(pool.at(step), step)
    order = Shuffled(len(bars), 8, 0, "pool", "cpu")
    for position, (images, labels) in enumerate(shown):
        original, expected = bars.batch(order.index(position))
        draw = stream("cpu", 0, "pool", "augment", position)
        assert torch.equal(images, augment(original, "crop", draw, shared=False))
        assert not torch.equal(images, original)
        assert torch.equal(labels, expected)


def test_a_member_is_frozen_after_training_and_thaws_for_the_next(make_recipe, make_pool):
    pool = make_pool(make_recipe(redraw_steps=5))
    for step in range(2):
        pool.train(pool.at(step), step)
        assert not any(parameter.requires_grad for parameter in pool.members[0].network.parameters())
        assert pool.members[0].network.training


def test_no_inner_steps_leave_the_network_as_it_was_drawn(make_recipe, make_pool, same_weights):
    pool = make_pool(make_recipe(inner_steps=0))
    member = pool.at(0)
    pool.train(member, 0)
    seed = derive_seed(0, "pool", "init", 0)
    fresh = fresh_network("convnet3", width=0.03125, seed=seed, **SHAPE)
    assert same_weights(weights(member), fresh.state_dict())
    assert not any(parameter.requires_grad for parameter in member.network.parameters())


def test_a_loaded_pool_goes_on_as_the_dumped_one(make_recipe, make_pool, same_weights):
    recipe = make_recipe(pool=("resnet10_half",), pool_width=0.125, redraw_steps=4)
    straight = make_pool(recipe)
    straight.train(straight.at(4), 4)
    saved = copy.deepcopy(straight.dump())
    resumed = make_pool(recipe)
    resumed.load(saved)
    assert resumed.at(5).draw == 1
    for pool in (straight, resumed):
        pool.train(pool.at(5), 5)  # momentum counts here
    assert same_weights(weights(straight.members[0]), weights(resumed.members[0]))


def test_a_pool_without_a_member_dumps_nothing(make_recipe, make_pool):
    pool = make_pool(make_recipe())
    assert pool.dump() == {}
    pool.load({})
    assert pool.members == {}


@pytest.mark.parametrize(
    ("name", "layer", "expected"),
    [("convnet3", "second", "block2"), ("resnet18_half", "second", "stage2"), ("resnet10_half", "stage3", "stage3")],
)
def test_layer_names(name, layer, expected):
    assert member_layer(name, layer) == expected
    assert expected in NETWORKS[name].layers
