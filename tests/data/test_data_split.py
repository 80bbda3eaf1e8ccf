import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gendistill.data.split import quotas, stratified_split


def test_quotas_by_hand():
    # Shares 3.5, 1.05, 0.45 of 5: rounded down 3, 1, 0, and the one left goes to the largest fraction.
    assert quotas(np.array([70, 21, 9]), 5).tolist() == [4, 1, 0]
    assert quotas(np.array([10, 10, 10]), 4).tolist() == [2, 1, 1]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(sum), st.data())
def test_quotas_are_proportional(counts, data):
    total = data.draw(st.integers(0, sum(counts)))
    given_out = quotas(np.array(counts), total)
    assert given_out.sum() == total
    assert (given_out <= counts).all()
    assert (np.abs(given_out - np.array(counts) * total / sum(counts)) < 1).all()


def test_a_split_is_complete_stratified_and_pure():
    labels = np.repeat([0, 1, 2], [60, 30, 10])[np.random.default_rng(0).permutation(100)]
    stay, aside = stratified_split(labels, 20, 5, "held_out")
    assert sorted([*stay, *aside]) == list(range(100))
    assert np.bincount(labels[aside]).tolist() == [12, 6, 2]
    assert (np.diff(stay) > 0).all()
    assert (np.diff(aside) > 0).all()
    assert np.array_equal(aside, stratified_split(labels, 20, 5, "held_out")[1])
    assert not np.array_equal(aside, stratified_split(labels, 20, 6, "held_out")[1])
    assert not np.array_equal(aside, stratified_split(labels, 20, 5, "test")[1])


def test_nothing_set_aside():
    stay, aside = stratified_split(np.array([1, 0, 1]), 0, 0, "held_out")
    assert stay.tolist() == [0, 1, 2]
    assert aside.tolist() == []
