"""A resident pool: several networks take turns; each has its own weights, momentum and age."""

import copy
import itertools

import pytest
import torch

from gendistill.data.order import Shuffled
from gendistill.matching import pool as module
from gendistill.matching.distill import train_step
from gendistill.networks.registry import fresh_network
from gendistill.runtime.seeds import derive_seed

TWO = ("convnet3", "resnet10_half")
SHAPE = {"channels": 1, "image_size": 16, "num_classes": 4, "device": torch.device("cpu")}


def weights(member):
    return {name: value.clone() for name, value in member.network.state_dict().items()}


def advance(pool, steps):
    """Draw and train the members of these steps; gives them in order."""
    members = []
    for step in steps:
        members.append(pool.at(step))
        pool.train(members[-1], step)
    return members


@pytest.fixture
def make_resident(make_recipe):
    return lambda **changes: make_recipe(**{"pool_kind": "resident", "pool": TWO, "pool_width": 0.0625} | changes)


def test_members_differ_in_architecture_weights_and_number(make_resident, make_pool, same_weights):
    pool = make_pool(make_resident(pool_size=4))
    members = advance(pool, range(4))
    assert [member.name for member in members] == [*TWO, *TWO]
    assert [member.draw for member in members] == [0, 1, 2, 3]
    assert list(pool.members.values()) == members
    for one, other in itertools.combinations(members, 2):
        assert not same_weights(weights(one), weights(other))


def test_members_are_drawn_at_their_first_turn(make_resident, make_pool):
    pool = make_pool(make_resident(pool_size=4))
    advance(pool, range(2))
    assert list(pool.members) == [0, 1]


def test_only_the_member_in_turn_learns_and_the_others_hold_no_gradients(make_resident, make_pool, same_weights):
    pool = make_pool(make_resident(pool_size=3, redraw_steps=9, inner_steps=2))
    advance(pool, range(3))
    before = {place: weights(member) for place, member in pool.members.items()}
    advance(pool, [4])
    kept = {place: same_weights(weights(member), before[place]) for place, member in pool.members.items()}
    assert kept == {0: True, 1: False, 2: True}
    parameters = [one for member in pool.members.values() for one in member.network.parameters()]
    assert all(one.grad is None and not one.requires_grad for one in parameters)


def test_members_learn_from_different_batches(make_resident, make_pool, bars, monkeypatch):
    """Step t has the inner batches 2 t and 2 t + 1 of one order, whoever's turn it is."""
    shown = []
    monkeypatch.setattr(module, "inner_step", lambda member, images, *_: shown.append((member.draw, images)))
    pool = make_pool(make_resident(pool_size=2, inner_steps=2))
    advance(pool, range(3))
    order = Shuffled(len(bars), 8, 0, "pool", "cpu")
    assert [draw for draw, _ in shown] == [0, 0, 1, 1, 0, 0]
    for position, (_, images) in enumerate(shown):
        assert torch.equal(images, bars.batch(order.index(position))[0])


def test_a_member_at_its_age_limit_is_replaced_by_an_untrained_one(make_resident, make_pool, same_weights):
    """P = 2, L = 2: the second place is renewed after one use, at step 3, the first after two, at step 4."""
    pool = make_pool(make_resident(pool_size=2, redraw_steps=2, inner_steps=1))
    advance(pool, range(3))
    first, second = pool.members[0], pool.members[1]
    renewed = pool.at(3)
    assert (renewed.draw, renewed.name) == (3, "resnet10_half")
    assert renewed is pool.members[1]
    assert renewed is not second
    seed = derive_seed(0, "pool", "init", 3)
    assert same_weights(weights(renewed), fresh_network(renewed.name, width=0.0625, seed=seed, **SHAPE).state_dict())
    assert not renewed.optimizer.state
    assert pool.members[0] is first
    assert pool.at(4).draw == 2


def test_a_pool_of_one_network_is_the_drawn_one(bars, compute, make_state, make_pool, make_recipe, same_weights):
    """Bitwise, over a renewal and with augmentation: losses, G, and the member's weights and momentum."""
    runs = []
    for kind in ("drawn", "resident"):
        recipe = make_recipe(
            pool_kind=kind, pool_size=1, pool=("resnet10_half",), redraw_steps=3, inner_steps=2,
            inner_augment="color_crop", match_augment="color_crop_cutout",
        )  # fmt: skip
        state, pool, order = make_state(recipe), make_pool(recipe), Shuffled(len(bars), 8, 0, "distill", "cpu")
        losses = [train_step(state, pool, bars, order, recipe, 0, compute)[0] for _ in range(5)]
        runs.append((torch.stack(losses), state.generator.state_dict(), pool.dump()[0]))
    (losses, generator, member), (same, again, other) = runs
    assert torch.equal(losses, same)
    assert same_weights(generator, again)
    assert member["draw"] == other["draw"] == 1
    assert same_weights(member["network"], other["network"])
    momenta = [[one["momentum_buffer"] for one in run["optimizer"]["state"].values()] for run in (member, other)]
    assert all(torch.equal(*pair) for pair in zip(*momenta, strict=True))


def test_a_loaded_pool_goes_on_with_every_member(make_resident, make_pool, same_weights):
    """Saved after four steps: renewals come at step 5 (place 2) and 6, places 1 and 0 go on with their momentum."""
    recipe = make_resident(pool_size=3, redraw_steps=2, inner_steps=2, inner_augment="crop")
    straight, resumed = make_pool(recipe), make_pool(recipe)
    advance(straight, range(4))
    saved = copy.deepcopy(straight.dump())
    assert {place: state["draw"] for place, state in saved.items()} == {0: 0, 1: 1, 2: 2}
    resumed.load(saved)
    for step in range(4, 9):
        (one,), (other,) = advance(straight, [step]), advance(resumed, [step])
        assert (one.name, one.draw) == (other.name, other.draw)
        assert same_weights(weights(one), weights(other)), step
