"""Batches of students, on coded images: balance, pairing of labels, purity in the step, and distinct images."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gendistill.artifact.sampling import sample
from gendistill.data.resident import to_uint8
from gendistill.evaluation import sources as module
from gendistill.evaluation.generated import FreshGenerated
from gendistill.evaluation.sources import FreshReal, Stored
from gendistill.evaluation.team import side_by_side
from gendistill.runtime.device import Compute
from gendistill.runtime.streams import generator as stream

# Classes of very different sizes, so that a draw that is not balanced would show.
LABELS = [0] * 3 + [1] * 20 + [2] * 7 + [1] * 5 + [0] * 2


def epoch(source, number):
    """Batches of one epoch."""
    steps = source.budget.steps_per_epoch
    return [source.batch(number * steps + part) for part in range(steps)]


@pytest.fixture
def real(make_coded, make_budget, monkeypatch):
    """12 images an epoch (4 of each of 3 classes) in batches of 5, 5 and 2; blocks of two epochs."""

    def make(epochs=3):
        monkeypatch.setattr(module, "BLOCK", 24)
        return FreshReal(make_coded(LABELS), 3, make_budget(12, 5, epochs=epochs))

    return make


@pytest.fixture
def stored(make_coded, make_budget, monkeypatch):
    def make(n=10, batch=4, epochs=3):
        monkeypatch.setattr(module, "BLOCK", 2 * n)
        return Stored(make_coded(LABELS[:n]), make_budget(n, batch, epochs=epochs))

    return make


@pytest.mark.parametrize("name", ["real", "stored"])
def test_streamed_batches_are_those_of_the_set_in_memory(request, make_streamed, reading, name):
    """Student after student; the last one resumed at a step that was read ahead for the one before."""
    resident = request.getfixturevalue(name)()
    extra = (3,) if name == "real" else ()
    streamed = type(resident)(make_streamed(resident.data), *extra, resident.budget)
    for student, first in ((0, 0), (1, 0), (2, resident.budget.steps - 1)):
        for source in (resident, streamed):
            source.start(0, student)
        for step in range(first, resident.budget.steps):
            assert all(torch.equal(a, b) for a, b in zip(resident.batch(step), streamed.batch(step), strict=True))
        assert len(reading()) == 1
        assert streamed.distinct_images() == resident.distinct_images()
    streamed.close()
    assert reading() == []


@pytest.fixture
def generated(painter, bars, make_budget, monkeypatch, compute):
    def make(epochs=3):
        monkeypatch.setattr(module, "BLOCK", 24)
        return FreshGenerated(painter, bars.mean, bars.std, make_budget(12, 5, epochs=epochs), compute)

    return make


# --- the real control


def test_every_epoch_of_real_images_is_balanced(real):
    source = real()
    source.start(0, 0)
    for number in range(5):
        batches = epoch(source, number)
        assert [len(labels) for _, labels in batches] == [5, 5, 2]
        assert Counter(torch.cat([labels for _, labels in batches]).tolist()) == {0: 4, 1: 4, 2: 4}


def test_labels_stay_with_real_images(real, code_of):
    source = real()
    source.start(0, 0)
    for step in range(9):
        images, labels = source.batch(step)
        assert labels.tolist() == [LABELS[code] for code in code_of(images)]
        assert source.index(step).tolist() == code_of(images)


def test_real_images_are_uniform_within_their_class(real, code_of):
    source = real(epochs=600)
    source.start(0, 0)
    counts = Counter(code for step in range(1800) for code in code_of(source.batch(step)[0]))
    for label in range(3):
        members = [code for code, of in enumerate(LABELS) if of == label]
        share = 2400 / len(members)  # 600 epochs of 4
        assert all(abs(counts[code] - share) < 5 * share**0.5 for code in members)


def test_distinct_real_images_are_counted_exactly(real, code_of):
    for epochs in (1, 2, 5):
        source = real(epochs)
        source.start(3, 1)
        seen = {code for step in range(source.budget.steps) for code in code_of(source.batch(step)[0])}
        assert source.distinct_images() == len(seen)
    assert 12 < len(seen) < 37


# --- sets in memory


def test_every_epoch_of_a_set_is_a_permutation(stored, code_of):
    source = stored()
    source.start(0, 0)
    orders = []
    for number in range(5):
        batches = epoch(source, number)
        assert [len(labels) for _, labels in batches] == [4, 4, 2]
        codes = [code for images, _ in batches for code in code_of(images)]
        assert sorted(codes) == list(range(10))
        assert [label for _, labels in batches for label in labels.tolist()] == [LABELS[code] for code in codes]
        orders.append(tuple(codes))
    assert len(set(orders)) == 5
    assert source.distinct_images() == 10


def test_a_set_larger_than_a_block_is_one_block(make_coded, make_budget, monkeypatch, code_of):
    monkeypatch.setattr(module, "BLOCK", 4)
    source = Stored(make_coded(LABELS[:10]), make_budget(10, 10))
    source.start(0, 0)
    assert all(sorted(code_of(source.batch(step)[0])) == list(range(10)) for step in range(3))


# --- generated images


def marks(images):
    """What tells generated images apart: the three pixels that show their latents."""
    return [tuple(values) for values in images[:, 0, 15, 13:].tolist()]


def test_every_epoch_of_generated_images_is_balanced_and_new(generated):
    source = generated()
    source.start(0, 0)
    seen = []
    for number in range(4):
        batches = epoch(source, number)
        assert [len(labels) for _, labels in batches] == [5, 5, 2]
        assert Counter(torch.cat([labels for _, labels in batches]).tolist()) == {0: 3, 1: 3, 2: 3, 3: 3}
        seen += [mark for images, _ in batches for mark in marks(images)]
    assert len(set(seen)) == 48


def test_distinct_generated_images_are_those_of_all_steps(generated):
    for epochs in (1, 3):
        source = generated(epochs)
        source.start(0, 1)
        seen = {mark for step in range(source.budget.steps) for mark in marks(source.batch(step)[0])}
        assert source.distinct_images() == len(seen) == 12 * epochs


def test_labels_stay_with_generated_images(generated):
    source = generated()
    source.start(0, 0)
    for step in range(9):
        images, labels = source.batch(step)
        assert (images[:, 0, :12, 0].argmax(1) // 3).tolist() == labels.tolist()


def test_generated_images_are_those_of_the_generator_as_stored_ones_are(generated, painter, bars):
    """Block 1 holds epochs 2 and 3: six images a class, from the stream of that block, in 8 bits, standardised."""
    source = generated()
    source.start(7, 2)
    drawn = sample(painter, torch.arange(4).repeat_interleave(6), stream("cpu", 7, "fresh", 1))
    expected, _ = replace(bars, images=to_uint8(drawn), labels=torch.zeros(24)).batch(torch.arange(24))
    by_mark = dict(zip(marks(expected), expected, strict=True))
    given = torch.cat([images for images, _ in epoch(source, 2) + epoch(source, 3)])
    assert sorted(marks(given)) == sorted(by_mark)
    for mark, image in zip(marks(given), given, strict=True):
        assert torch.equal(image, by_mark[mark])


def test_students_share_images_and_have_an_order_each(generated):
    source = generated()

    def of(seed, student):
        source.start(seed, student)
        return [mark for number in range(2) for images, _ in epoch(source, number) for mark in marks(images)]

    first, second, other = of(0, 0), of(0, 1), of(1, 0)
    assert set(first) == set(second)
    assert first != second
    assert set(first[:12]) != set(second[:12])  # dealt out to the epochs anew
    assert not set(first) & set(other)


def test_prepared_images_are_those_generated_on_demand_and_are_for_all_copies(generated, painter):
    """Three epochs are two blocks of 24 images; two students of one source."""
    expected = [batch for student in range(2) for batch in all_batches(generated(), student)]
    source, calls = generated(), []
    painter.register_forward_hook(lambda *_: calls.append(1))
    copies = side_by_side(source, 0, 2)
    got = [[], []]
    for step in range(source.budget.steps):
        copies[0].prepare(range(step, min(step + 2, source.budget.steps)))
        for student, own in enumerate(copies):
            got[student].append(own.batch(step))
        assert len(source.kept) <= 2
    assert len(calls) == 2
    for (images, labels), (others, their_labels) in zip(got[0] + got[1], expected, strict=True):
        assert torch.equal(images, others)
        assert torch.equal(labels, their_labels)


def test_blocks_that_were_passed_are_let_go(generated):
    source = generated(30)
    source.start(0, 0)
    blocks = [source.block_of(step) for step in range(source.budget.steps)]
    for step, block in enumerate(blocks):
        source.prepare(range(step, step + 1))
        assert set(source.kept) == {block}
    source.prepare(range(source.budget.steps))
    assert set(source.kept) == set(blocks)


def all_batches(source, student):
    source.start(0, student)
    return [source.batch(step) for step in range(source.budget.steps)]


def test_images_are_generated_in_the_precision_of_the_run(painter, bars, make_budget):
    seen = []
    painter.register_forward_hook(lambda *_: seen.append(torch.is_autocast_enabled("cpu")))
    for precision in ("fp32", "bf16"):
        compute = Compute(torch.device("cpu"), precision, 1)
        source = FreshGenerated(painter, bars.mean, bars.std, make_budget(12, 5), compute)
        source.start(0, 0)
        assert source.batch(0)[0].dtype == torch.float32
    assert seen == [False, True]


# --- all of them


@pytest.fixture(params=["real", "stored", "generated", "real, streamed", "stored, streamed"])
def source(request, make_streamed):
    name, _, streamed = request.param.partition(", ")
    source = request.getfixturevalue(name)()
    if streamed:
        extra = (3,) if name == "real" else ()
        source = type(source)(make_streamed(source.data), *extra, source.budget)
    yield source
    source.close()


def test_a_batch_is_a_pure_function_of_the_step(source):
    source.start(0, 0)
    straight = [source.batch(step) for step in range(12)]

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.integers(0, 11), max_size=8))
    def in_any_order(steps):
        source.start(0, 0)
        for step in steps:
            images, labels = source.batch(step)
            assert torch.equal(images, straight[step][0])
            assert torch.equal(labels, straight[step][1])

    in_any_order()


def test_students_and_seeds_have_batches_of_their_own(source):
    def batches(seed, student):
        source.start(seed, student)
        return torch.cat([source.batch(step)[0].flatten() for step in range(3)])

    first = batches(0, 0)
    assert not torch.equal(batches(0, 1), first)
    assert not torch.equal(batches(1, 0), first)
    assert torch.equal(batches(0, 0), first)


def test_epochs_and_blocks_differ(source):
    source.start(0, 0)
    epochs = [torch.cat([images.flatten() for images, _ in epoch(source, number)]) for number in range(4)]
    assert all(not torch.equal(a, b) for i, a in enumerate(epochs) for b in epochs[:i])
