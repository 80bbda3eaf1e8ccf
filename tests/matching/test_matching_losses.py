"""Eq. 6, 7 and 8: values by hand, a second form in plain loops, laws, and where gradients go."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gendistill.matching.losses import global_loss, local_loss, total_loss

FORMS = ("batch_mean_l2", "batch_mean_l1", "class_mean_l2", "paired_l2")

# Gaps between the pairs: (1, 1), (2, 5), (-2, -1).
REAL = torch.tensor([[1.0, 2.0], [3.0, 6.0], [0.0, 0.0]])
FAKE = torch.tensor([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
LABELS = torch.tensor([0, 2, 2])

# Differences of the log-probabilities below: ln(1/4) - ln(1/2) = -ln 2 and ln(3/4) - ln(1/2) = ln 1.5; then 0 and 0.
PROBABILITIES = torch.tensor([[0.25, 0.75], [0.5, 0.5]])
LOG_SQUARES = math.log(2) ** 2 + math.log(1.5) ** 2


def batches(rows: int = 6, columns: int = 4):
    """Pairs of batches (rows, columns) with numbers a float32 can square without rounding to 0."""
    numbers = st.integers(-400, 400).map(lambda value: value / 64)
    side = arrays.arrays("float32", (rows, columns), elements=numbers).map(torch.from_numpy)
    return st.tuples(side, side)


labels_of_six = st.lists(st.integers(0, 3), min_size=6, max_size=6).map(torch.tensor)


# --- Eq. 6


def test_raw_logits_by_hand():
    # squares of the gaps: 1, 1, 4, 25, 4, 1
    assert global_loss(REAL, FAKE, logits="raw", reduction="sum").item() == 36
    assert global_loss(REAL, FAKE, logits="raw", reduction="mean").item() == 6


def test_log_softmax_by_hand():
    logits = PROBABILITIES.log() + torch.tensor([[3.0], [-1.0]])  # softmax takes the constants away
    assert global_loss(logits, torch.zeros(2, 2), reduction="sum").item() == pytest.approx(LOG_SQUARES)
    assert global_loss(logits, torch.zeros(2, 2)).item() == pytest.approx(LOG_SQUARES / 4)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("logits", ["raw", "log_softmax"])
def test_global_loss_in_plain_loops(logits, reduction):
    stream = torch.Generator().manual_seed(1)
    real, fake = torch.randn(2, 5, 3, generator=stream)
    total = 0.0
    for row, other in zip(real.tolist(), fake.tolist(), strict=True):
        norms = [math.log(sum(math.exp(value) for value in side)) for side in (row, other)]
        for k in range(3):
            a, b = (row[k], other[k]) if logits == "raw" else (row[k] - norms[0], other[k] - norms[1])
            total += (a - b) ** 2
    expected = total / 15 if reduction == "mean" else total
    assert global_loss(real, fake, logits=logits, reduction=reduction).item() == pytest.approx(expected, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(batches())
def test_global_loss_is_zero_for_equal_logits_only(pair):
    real, fake = pair
    assert global_loss(real, real.clone(), logits="raw").item() == 0
    assert global_loss(real, real.clone()).item() == 0
    assert (global_loss(real, fake, logits="raw").item() == 0) == torch.equal(real, fake)


@settings(max_examples=30, deadline=None)
@given(batches(), st.permutations(range(6)), st.permutations(range(4)))
def test_global_loss_ignores_the_order_of_samples_and_classes(pair, samples, classes):
    real, fake = pair
    for logits in ("raw", "log_softmax"):
        moved = global_loss(real[samples][:, classes], fake[samples][:, classes], logits=logits)
        torch.testing.assert_close(moved, global_loss(real, fake, logits=logits))


@settings(max_examples=30, deadline=None)
@given(batches(), st.integers(-4, 4))
def test_global_loss_grows_with_the_square_of_the_logits(pair, factor):
    real, fake = pair
    scaled = global_loss(factor * real, factor * fake, logits="raw")
    torch.testing.assert_close(scaled, factor**2 * global_loss(real, fake, logits="raw"))


@settings(max_examples=30, deadline=None)
@given(batches(), arrays.arrays("float32", (2, 6, 1), elements=st.integers(-20, 20)).map(torch.from_numpy))
def test_log_probabilities_ignore_a_constant_per_sample(pair, constants):
    real, fake = pair
    shifted = global_loss(real + constants[0], fake + constants[1])
    torch.testing.assert_close(shifted, global_loss(real, fake), rtol=1e-4, atol=1e-4)


# --- Eq. 7


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("batch_mean_l2", 26 / 9),  # mean gap (1/3, 5/3): 1/9 + 25/9
        ("batch_mean_l1", 2),  # 1/3 + 5/3
        ("paired_l2", 12),  # (2 + 29 + 5) / 3
        ("class_mean_l2", 3),  # class 0: gap (1, 1), 2; class 2: gap (0, 2), 4; their mean
    ],
)
def test_local_loss_by_hand(form, expected):
    assert local_loss(REAL, FAKE, LABELS, num_classes=3, form=form).item() == pytest.approx(expected)


@pytest.mark.parametrize("form", FORMS)
def test_local_loss_in_plain_loops(form):
    stream = torch.Generator().manual_seed(2)
    real, fake = torch.randn(2, 6, 2, 3, 3, generator=stream)
    labels = [3, 0, 3, 1, 0, 3]
    gaps = (real - fake).flatten(1).tolist()

    def mean_gap(rows):
        return [sum(column) / len(rows) for column in zip(*rows, strict=True)]

    if form == "paired_l2":
        expected = sum(value**2 for row in gaps for value in row) / 6
    elif form == "class_mean_l2":
        groups = [[gap for gap, label in zip(gaps, labels, strict=True) if label == k] for k in (0, 1, 3)]
        expected = sum(value**2 for rows in groups for value in mean_gap(rows)) / 3
    else:
        expected = sum(value**2 if form == "batch_mean_l2" else abs(value) for value in mean_gap(gaps))
    value = local_loss(real, fake, torch.tensor(labels), num_classes=5, form=form)
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test_classes_that_are_absent_count_for_nothing():
    few = local_loss(REAL, FAKE, LABELS, num_classes=3, form="class_mean_l2")
    many = local_loss(REAL, FAKE, LABELS, num_classes=50, form="class_mean_l2")
    assert few.item() == many.item()


@settings(max_examples=25, deadline=None)
@given(batches(), labels_of_six)
def test_local_loss_is_zero_where_what_it_compares_is_equal(pair, labels):
    real, fake = pair
    for form in FORMS:
        assert local_loss(real, real.clone(), labels, num_classes=4, form=form).item() == 0
        assert local_loss(real, fake, labels, num_classes=4, form=form).item() >= 0
    paired = local_loss(real, fake, labels, num_classes=4, form="paired_l2").item()
    assert (paired == 0) == torch.equal(real, fake)
    for form in ("batch_mean_l2", "batch_mean_l1"):
        value = local_loss(real, fake, labels, num_classes=4, form=form).item()
        assert (value == 0) == torch.equal(real.sum(0), fake.sum(0))  # sums of 64ths are exact


@settings(max_examples=25, deadline=None)
@given(batches(), labels_of_six, st.permutations(range(6)))
def test_local_loss_ignores_the_order_of_the_batch(pair, labels, order):
    real, fake = pair
    for form in FORMS:
        value = local_loss(real, fake, labels, num_classes=4, form=form)
        moved = local_loss(real[order], fake[order], labels[order], num_classes=4, form=form)
        torch.testing.assert_close(moved, value)
        if form.startswith("batch_mean"):  # the means know no pairs
            torch.testing.assert_close(local_loss(real, fake[order], labels, num_classes=4, form=form), value)


def test_only_paired_l2_knows_the_pairs_within_a_class():
    labels = torch.tensor([0, 0, 1])
    swapped = FAKE[[1, 0, 2]]
    for form in FORMS:
        value = local_loss(REAL, FAKE, labels, num_classes=2, form=form).item()
        other = local_loss(REAL, swapped, labels, num_classes=2, form=form).item()
        assert (value == pytest.approx(other)) == (form != "paired_l2")


@settings(max_examples=25, deadline=None)
@given(batches(), labels_of_six, st.integers(-4, 4))
def test_local_loss_scales_with_the_features(pair, labels, factor):
    real, fake = pair
    for form in FORMS:
        value = local_loss(real, fake, labels, num_classes=4, form=form)
        scaled = local_loss(factor * real, factor * fake, labels, num_classes=4, form=form)
        law = abs(factor) if form == "batch_mean_l1" else factor**2
        torch.testing.assert_close(scaled, law * value)


def test_an_unknown_form_is_an_error():
    with pytest.raises(ValueError, match="form is 'l3'; expected batch_mean_l2"):
        local_loss(REAL, FAKE, LABELS, num_classes=3, form="l3")


# --- gradients and precision


LOSSES = [  # every form of Eq. 6 and 7, as functions of (real, fake)
    *(
        partial(global_loss, logits=logits, reduction=reduction)
        for logits in ("raw", "log_softmax")
        for reduction in ("mean", "sum")
    ),
    *(partial(local_loss, labels=LABELS, num_classes=4, form=form) for form in FORMS),
]


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_reach_the_generated_side_only(loss):
    real, fake = (REAL * torch.tensor([1.0, 3.0])).requires_grad_(), FAKE.clone().requires_grad_()
    loss(real, fake).backward()
    assert real.grad is None
    assert fake.grad is not None
    assert bool((fake.grad != 0).any(1).all())  # every sample


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_right(loss):
    fake = FAKE.double().requires_grad_()
    assert loss(REAL.double(), fake).dtype == torch.float64
    assert torch.autograd.gradcheck(lambda values: loss(REAL.double(), values), fake)


def test_the_gradient_of_the_batch_mean_by_hand():
    fake = FAKE.clone().requires_grad_()
    local_loss(REAL, fake, LABELS, num_classes=3).backward()
    # d/df_b |m|^2 = -2 m / B with m = (1/3, 5/3), the same for every sample
    torch.testing.assert_close(fake.grad, torch.tensor([[-2 / 9, -10 / 9]]).expand(3, 2))


@pytest.mark.parametrize("loss", LOSSES)
def test_half_precision_features_are_compared_in_float32(loss):
    stream = torch.Generator().manual_seed(3)
    real, fake = torch.randn(2, 3, 4, generator=stream).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(real, fake)
    assert value.dtype == torch.float32
    assert value.item() == loss(real.float(), fake.float()).item()


# --- Eq. 8


def test_total_loss_by_hand():
    terms = {"gan": torch.tensor(2.0), "global": torch.tensor(3.0), "local": torch.tensor(5.0)}
    total = total_loss(terms, {"gan": 1.0, "global": 0.01, "local": 0.001})
    assert total.item() == pytest.approx(2.035)


def test_a_term_of_weight_zero_need_not_exist_and_is_not_read():
    weights = {"gan": 1.0, "global": 0.5, "local": 0.0}
    terms = {"gan": torch.tensor(2.0), "global": torch.tensor(4.0)}
    assert total_loss(terms, weights).item() == 4
    assert total_loss({**terms, "local": torch.tensor(math.nan)}, weights).item() == 4


def test_gradients_of_the_terms_are_their_weights():
    terms = {name: torch.ones((), requires_grad=True) for name in ("gan", "global", "local")}
    total_loss(terms, {"gan": 1.0, "global": 0.25, "local": 0.0}).backward()
    assert [terms[name].grad for name in ("gan", "global", "local")] == [1.0, 0.25, None]
