import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gendistill.data.order import Shuffled, batch_index, class_major_labels, class_table, random_subset
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


def test_too_few_images_of_a_class_are_named():
    with pytest.raises(UserError, match="class 1 has 3 training images, but ipc = 4"):
        random_subset(LABELS, 4, 3, seed=0)
