"""Herding, K-Center and Forgetting against brute force and a history made by hand."""

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gendistill.baselines import choosing, registry
from gendistill.baselines.order import Epochs, PerClass
from gendistill.baselines.selection import ForgettingCounts, forgotten, herding, k_center
from gendistill.data.order import random_subset
from gendistill.runtime.errors import UserError


def cloud(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_herding_by_hand():
    # mean 2; first 2. Then 2*2 - 2 = 2 less the candidate: 1 gives 1, 3 gives 1, -4 gives 6, 8 gives 6: the first, 1.
    # Then 3*2 - 3 = 3: 3 itself.
    features = torch.tensor([[2.0], [1.0], [3.0], [-4.0], [8.0]])
    assert herding(features, 3).tolist() == [0, 1, 2]


def test_k_center_by_hand():
    # mean 2: the image 2; farthest from 2 are -4 and 8 (6 both): the first; then 8
    features = torch.tensor([[2.0], [1.0], [3.0], [-4.0], [8.0]])
    assert k_center(features, 4).tolist() == [0, 3, 4, 1]


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 9), d=st.integers(1, 4), seed=st.integers(0, 10_000), data=st.data())
def test_against_plain_loops(n, d, seed, data):
    features, ipc = cloud(n, d, seed), data.draw(st.integers(1, n))
    points = features.numpy()
    mean, herded, centres = points.mean(0), [], []
    for k in range(1, ipc + 1):
        free = [i for i in range(n) if i not in herded]
        # the mean of k points nearest to the class mean, k - 1 of them being given
        herded.append(min(free, key=lambda i: sum((k * mean - points[[*herded, i]].sum(0)) ** 2)))
    for _ in range(ipc):
        free = [i for i in range(n) if i not in centres]
        if centres:
            centres.append(max(free, key=lambda i: min(sum((points[i] - points[j]) ** 2) for j in centres)))
        else:
            centres.append(min(free, key=lambda i: sum((points[i] - mean) ** 2)))
    assert herding(features, ipc).tolist() == herded
    assert k_center(features, ipc).tolist() == centres
    assert herding(features, 1).tolist() == k_center(features, 1).tolist()
    # a smaller set is the beginning of a larger one
    assert herding(features, ipc)[:1].tolist() == herding(features, 1).tolist()


def test_k_center_covers_better_than_any_pair_with_the_same_centre():
    features = cloud(12, 2, 3)
    first, second = k_center(features, 2).tolist()

    def radius(pair: tuple[int, ...]) -> float:
        return torch.cdist(features, features[list(pair)]).amin(1).max().item()

    assert all(radius((first, second)) <= 2 * radius(pair) + 1e-9 for pair in combinations(range(12), 2))


def test_duplicates_are_chosen_once_each():
    features = torch.zeros(4, 3)
    assert sorted(k_center(features, 4).tolist()) == [0, 1, 2, 3]
    assert sorted(herding(features, 4).tolist()) == [0, 1, 2, 3]


def test_forgetting_events_of_a_history():
    """Images 0 to 3 over five presentations: forgotten twice, never; never right; right only at the end."""
    history = {0: [1, 0, 1, 1, 0], 1: [0, 1, 1, 1, 1], 2: [0, 0, 0, 0, 0], 3: [0, 0, 0, 0, 1]}
    counts = ForgettingCounts(4, "cpu")
    for epoch in range(5):
        for batch in ([2, 0], [3, 1]):  # each image once an epoch, in batches
            right = torch.tensor([bool(history[image][epoch]) for image in batch])
            counts.present(torch.tensor(batch), right)
    assert counts.events.tolist() == [2, 0, 0, 0]
    assert counts.scores(5).tolist() == [2, 0, 5, 0]
    again = ForgettingCounts(4, "cpu")
    again.load(counts.dump())
    again.present(torch.tensor([1, 3]), torch.tensor([False, True]))
    assert again.scores(6).tolist() == [2, 1, 6, 0]


def test_the_most_forgotten_of_every_class_ties_at_random():
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    scores = torch.tensor([3, 1, 9, 1, 1, 1])
    draws = [forgotten(scores, labels, 2, 2, torch.Generator().manual_seed(s)).tolist() for s in range(20)]
    assert all(one[:2] == [2, 0] for one in draws)
    assert all(set(one[2:]) < {1, 3, 5} for one in draws)
    assert len({tuple(one) for one in draws}) > 2


@pytest.mark.parametrize("method", ["random", "herding", "k_center", "forgetting"])
def test_chosen_images_are_training_images_of_their_class(method, make_task, make_coded, code_of):
    labels = [i % 4 for i in range(26)]  # classes of 7, 7, 6, 6
    task = make_task(method, ipc=3, data=make_coded(labels))
    made = registry.method(method)(task)
    codes = made.images[:, 0, 0, 0].tolist()
    assert made.images.dtype == torch.uint8
    assert made.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert [labels[code] for code in codes] == made.labels.tolist()
    assert len(set(codes)) == 12


def test_random_is_the_control_random(make_task, bars):
    made = registry.method("random")(make_task("random", ipc=3, seed=5))
    assert torch.equal(made.images, bars.images[random_subset(bars.labels, 3, 4, 5)])


def test_herding_and_k_center_agree_at_one_image_only(make_task):
    assert torch.equal(
        registry.method("herding")(make_task("herding", 1)).images,
        registry.method("k_center")(make_task("k_center", 1)).images,
    )
    pair = [registry.method(method)(make_task(method, 4)).images for method in ("herding", "k_center")]
    assert not torch.equal(*pair)


def test_the_network_that_chooses_has_learned_and_is_scored_before_it_learns(make_task, monkeypatch):
    seen = []
    plain = ForgettingCounts.present
    monkeypatch.setattr(ForgettingCounts, "present", lambda self, i, r: (seen.append((i, r)), plain(self, i, r))[1])
    task = make_task("forgetting", epochs=12, lr=0.1)
    network, counts, rows, steps = choosing.train_chooser(task)
    assert steps == 12 * 3  # 32 images in batches of 12, the last of 8
    assert [len(index) for index, _ in seen[:3]] == [12, 12, 8]
    assert sorted(torch.cat([index for index, _ in seen[:3]]).tolist()) == list(range(32))
    assert rows[-1]["loss"] < rows[0]["loss"]
    # the first batch meets an untrained network
    images, labels = task.data.batch(seen[0][0])
    assert torch.equal(task.network("selection")(images).argmax(1) == labels, seen[0][1])
    assert counts.ever_right.float().mean() > 0.5
    assert not network.training


@pytest.mark.parametrize("method", ["random", "herding", "k_center", "forgetting", "dm", "dsa", "kip_fc"])
def test_a_class_with_too_few_images_is_named_at_once(method, make_task, make_coded):
    task = make_task(method, ipc=3, data=make_coded([0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3]))
    with pytest.raises(UserError, match=r"class 1 has 2 training images, but ipc = 3 asks for 3: choose a smaller ipc"):
        registry.method(method)(task)


def test_images_per_class_are_drawn_without_replacement():
    labels = torch.tensor([0] * 5 + [1] * 3 + [2] * 9)
    order = PerClass(labels, 3, 4, 0, "test")
    assert order.batch == 3  # of the smallest class
    counts = torch.zeros(17)
    for step in range(200):
        index = order.index(step)
        assert labels[index].tolist() == [0] * 3 + [1] * 3 + [2] * 3
        assert len(set(index.tolist())) == 9
        counts[index] += 1
    assert torch.equal(order.index(7), order.index(7))
    for label, share in ((0, 3 / 5), (1, 1.0), (2, 3 / 9)):
        torch.testing.assert_close(
            counts[labels == label] / 200, torch.full((int((labels == label).sum()),), share), atol=0.12, rtol=0
        )
    with pytest.raises(UserError, match="class 1 has no training image"):
        PerClass(torch.tensor([0, 2]), 3, 1, 0, "test")


def test_an_epoch_is_every_image_once():
    order = Epochs(10, 4, 0, "test", torch.device("cpu"))
    epochs = [torch.cat([order.index(3 * epoch + part) for part in range(3)]).tolist() for epoch in range(3)]
    assert all(sorted(one) == list(range(10)) for one in epochs)
    assert epochs[0] != epochs[1]
