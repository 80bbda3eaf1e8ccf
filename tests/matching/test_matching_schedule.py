"""Which network is due at a step, and how the ages of a resident pool are spread."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gendistill.matching.schedule import architecture, due, places

ALL = ("convnet3", "resnet10_half", "resnet18_half")
anything = given(size=st.integers(1, 9), life=st.integers(1, 20))
quickly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def resident(distill_params):
    """Parameters of a resident pool of `size` places and `life` uses."""
    return lambda size, life, pool=("convnet3",): replace(
        distill_params, pool_kind="resident", pool_size=size, redraw_steps=life, pool=pool
    )


def lives(params, rounds):
    """Uses of every network within the first `rounds` turns of all places, by number."""
    return Counter(due(params, step).draw for step in range(rounds * places(params)))


def ages(params, rounds):
    """Uses that the network of every place has behind it after `rounds` turns of all places, renewal included."""
    size, used = places(params), lives(params, rounds)
    return [used[due(params, rounds * size + place).draw] for place in range(size)]


def test_a_lone_network_is_replaced_every_redraw_steps(distill_params):
    params = replace(distill_params, redraw_steps=3, pool_size=5)  # pool_size means nothing here
    assert [due(params, step) for step in range(7)] == [(0, 0), (0, 0), (0, 0), (0, 1), (0, 1), (0, 1), (0, 2)]


def test_places_take_turns_and_are_renewed_one_after_the_other(resident):
    """P = 3, L = 6: first lives of 6, 6 - 2 and 6 - 4 uses, then 6 each; numbers go up by 3 within a place."""
    params = resident(size=3, life=6)
    expected = [[0] * 6 + [3] * 3, [1] * 4 + [4] * 5, [2] * 2 + [5] * 6 + [8]]
    found = [due(params, step) for step in range(27)]
    assert [one.place for one in found] == [0, 1, 2] * 9
    assert [[one.draw for one in found[place::3]] for place in range(3)] == expected


def test_ages_by_hand(resident):
    """The same pool: all of one age at first, then evenly spread by 2 whatever the round."""
    params = resident(size=3, life=6)
    assert [ages(params, rounds) for rounds in (0, 1, 2)] == [[0, 0, 0], [1, 1, 1], [2, 2, 0]]
    assert [ages(params, rounds) for rounds in (6, 7, 11, 12)] == [[0, 2, 4], [1, 3, 5], [5, 1, 3], [0, 2, 4]]


@quickly
@anything
def test_ages_are_evenly_spread_once_all_places_are_renewed(resident, size, life):
    params = resident(size, life)
    for rounds in range(life, 2 * life + 1):
        around = sorted(ages(params, rounds))
        gaps = [after - age for age, after in zip(around, [*around[1:], around[0] + life], strict=True)]
        assert {life // size, -(-life // size)} >= set(gaps), (rounds, around)


@quickly
@anything
def test_a_network_lives_its_uses_and_only_the_first_ones_less(resident, size, life):
    params = resident(size, life)
    used = lives(params, 3 * life)
    for place in range(size):
        assert used[place] == life - place * life // size
        assert used[size + place] == life


@quickly
@anything
def test_no_network_is_older_than_its_life_and_each_has_one_place(resident, size, life):
    params = resident(size, life)
    found = [due(params, step) for step in range(4 * life * size)]
    assert max(Counter(one.draw for one in found).values()) <= life
    assert all(one.draw % size == one.place for one in found)
    for place in range(size):
        numbers = [one.draw for one in found if one.place == place]
        assert numbers == sorted(numbers)


@quickly
@anything
def test_a_pool_of_one_has_the_schedule_of_a_lone_network(resident, distill_params, size, life):
    lone = replace(distill_params, redraw_steps=life, pool_size=size)
    one = resident(1, life)
    assert [due(one, step) for step in range(4 * life)] == [due(lone, step) for step in range(4 * life)]


def test_about_as_many_networks_are_initialised_as_under_drawn(resident, distill_params):
    """At the paper's length: 8 first ones, 12 renewals of every place, by staggering a 13th of places 5 to 7."""
    lone = replace(distill_params, redraw_steps=781)
    assert due(lone, 78_099).draw == 99
    networks = {due(resident(8, 781), step).draw for step in range(78_100)}
    assert len(networks) == 8 + 8 * 12 + 3


def test_architectures_take_turns_and_stay_when_renewed(resident):
    params = resident(8, 4, ALL)
    names = [*ALL, *ALL, *ALL[:2]]
    assert [architecture(params, draw, seed=0) for draw in range(8)] == names
    assert [architecture(params, draw, seed=1) for draw in range(8, 24)] == names * 2
