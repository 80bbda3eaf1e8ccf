import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gendistill.data import order as module
from gendistill.data.order import (
    Balanced,
    Shuffled,
    batch_index,
    class_major_labels,
    class_table,
    random_subset,
    training_order,
)
from gendistill.runtime.errors import UserError

LABELS = torch.tensor([2, 0, 1, 0, 2, 0, 1, 1, 2, 0])


def test_an_epoch_is_a_permutation_and_the_next_another():
    order = Shuffled(12, 4, seed=3, purpose="gan", device="cpu")
    first, second = (torch.cat([order.index(3 * epoch + i) for i in range(3)]) for epoch in range(2))
    assert first.sort().values.tolist() == list(range(12))
    assert second.sort().values.tolist() == list(range(12))
    assert first.tolist() != second.tolist()


def test_the_incomplete_last_batch_is_dropped():
    order = Shuffled(11, 4, seed=3, purpose="gan", device="cpu")
    assert order.steps_per_epoch == 2
    seen = torch.cat([order.index(0), order.index(1)])
    assert len(set(seen.tolist())) == 8
    assert torch.equal(torch.cat([order.index(2), order.index(3)]), torch.randperm(11, generator=_epoch(1))[:8])


def _epoch(epoch: int) -> torch.Generator:
    from gendistill.runtime.streams import generator

    return generator("cpu", 3, "gan", "order", epoch)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.integers(2, 9))
def test_the_index_is_a_pure_function_of_the_step(steps, batch_size):
    order = Shuffled(20, batch_size, seed=0, purpose="gan", device="cpu")
    for step in steps:
        assert torch.equal(order.index(step), batch_index(20, batch_size, step, 0, "gan", "cpu"))


def test_seed_and_purpose_change_the_order():
    first = batch_index(50, 50, 0, 0, "gan", "cpu")
    assert not torch.equal(first, batch_index(50, 50, 0, 1, "gan", "cpu"))
    assert not torch.equal(first, batch_index(50, 50, 0, 0, "distill", "cpu"))


@pytest.mark.parametrize("batch_size", [0, -1, 11])
def test_a_batch_that_does_not_fit_is_refused(batch_size):
    with pytest.raises(UserError, match=rf"gan: batch_size is {batch_size}, .* has 10 images.* from 1 to 10"):
        Shuffled(10, batch_size, seed=0, purpose="gan", device="cpu")


def test_class_table_lists_positions_in_order():
    table = class_table(LABELS, 4)
    assert [entry.tolist() for entry in table] == [[1, 3, 5, 9], [2, 6, 7], [0, 4, 8], []]


def test_random_subset_is_class_major_without_repeats():
    index = random_subset(LABELS, 2, 3, seed=1)
    assert LABELS[index].tolist() == class_major_labels(3, 2).tolist() == [0, 0, 1, 1, 2, 2]
    assert len(set(index.tolist())) == 6
    assert torch.equal(index, random_subset(LABELS, 2, 3, seed=1))


def test_a_smaller_subset_lies_in_a_larger_one():
    small, large = (set(random_subset(LABELS, ipc, 3, seed=1).tolist()) for ipc in (1, 3))
    assert small < large


def test_random_subset_is_uniform():
    drawn = torch.cat([random_subset(LABELS, 1, 3, seed=seed)[:1] for seed in range(800)])
    counts = torch.bincount(drawn, minlength=10)[[1, 3, 5, 9]]
    # 800 draws of 4 images: 200 each, standard deviation 12; five of those.
    assert (counts - 200).abs().max() < 60


def test_a_small_class_repeats_all_its_images():
    index = random_subset(LABELS, 7, 3, seed=0)
    assert LABELS[index].tolist() == class_major_labels(3, 7).tolist()
    assert sorted(torch.bincount(index[7:14], minlength=10)[[2, 6, 7]].tolist()) == [2, 2, 3]
    assert sorted(torch.bincount(index[:7], minlength=10)[[1, 3, 5, 9]].tolist()) == [1, 2, 2, 2]


def test_a_class_without_images_is_named():
    with pytest.raises(UserError, match="class 3 has no training image, but ipc = 4"):
        random_subset(LABELS, 4, 4, seed=0)


def uneven(counts):
    """Labels of the given class sizes, mixed up."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(7))]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=12), st.integers(1, 50), st.integers(0, 60))
def test_every_batch_of_an_uneven_set_is_balanced(counts, batch_size, step):
    labels = uneven(counts)
    order = Balanced(labels, len(counts), batch_size, 0, "gan")
    index = order.index(step)
    assert index.shape == (batch_size,)
    seen = torch.bincount(labels[index], minlength=len(counts))
    assert seen.max() - seen.min() <= 2
    assert torch.equal(index, Balanced(labels, len(counts), batch_size, 0, "gan").index(step))


def test_a_balanced_epoch_shows_the_images_of_a_class_equally_often():
    counts = [11, 4, 1]
    labels = uneven(counts)
    order = Balanced(labels, 3, 3, 0, "gan")
    assert order.steps_per_epoch == 11
    first, second = (torch.cat([order.index(11 * epoch + i) for i in range(11)]) for epoch in range(2))
    shown = torch.bincount(first, minlength=16)
    for label, count in enumerate(counts):
        times = shown[labels == label]
        assert times.sum() == 11
        assert times.max() - times.min() <= (11 % count > 0)
    assert first.tolist() != second.tolist()


def test_a_long_epoch_of_many_classes_is_cut_into_rounds(monkeypatch):
    monkeypatch.setattr(module, "MOST_DRAWN", 10)
    labels = uneven([50, 3, 2])
    order = Balanced(labels, 3, 4, 0, "gan")
    assert (order.rounds, order.steps_per_epoch) == (3, 2)
    seen = torch.cat([order.index(step) for step in range(200)])
    assert set(seen.tolist()) == set(range(55))


def test_sets_that_are_even_enough_come_as_before():
    for counts in ([10, 5, 7], [4, 4], [9, 0, 1]):
        labels = uneven(counts)
        order = training_order(labels, len(counts), 4, 3, "gan", balanced=True)
        plain = Shuffled(len(labels), 4, 3, "gan", "cpu")
        assert all(torch.equal(order.index(step), plain.index(step)) for step in range(9))


def test_uneven_sets_are_balanced_unless_told_otherwise():
    labels = uneven([11, 5])
    assert isinstance(training_order(labels, 2, 4, 0, "gan", balanced=True), Balanced)
    plain = training_order(labels, 2, 4, 0, "gan", balanced=False)
    assert torch.equal(plain.index(2), batch_index(16, 4, 2, 0, "gan", "cpu"))
