"""Real images under the budgets of generated ones."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gendistill.config.params import load_params
from gendistill.evaluation.controls import control_jobs
from gendistill.evaluation.protocols import budget, epochs_of
from gendistill.evaluation.sources import FreshReal, Stored

ALL = ("fresh", "fixed", "fixed_plain")
LABELS = [0] * 10 + [1] * 30 + [2] * 12


@pytest.fixture
def params(recipe_params, evaluate_params):
    whole = load_params(Path(__file__).resolve().parents[2] / "params.yaml")
    return replace(whole, seed=3, recipe=recipe_params, evaluate=replace(evaluate_params, protocols=ALL))


def test_real_images_follow_the_fresh_protocol(make_coded, params):
    train = make_coded(LABELS)
    jobs = control_jobs("real", train, 3, 5, params)
    assert list(jobs) == ["fresh"]
    job = jobs["fresh"]
    assert isinstance(job.source, FreshReal)
    assert job.budget == budget("fresh", 15, params.recipe, params.evaluate.fresh_epochs)
    assert job.stored_bytes == 52 * 256  # the whole training set has to be kept
    assert job.source.data is train


def test_random_images_of_a_streamed_set_are_the_same_and_stay_in_memory(make_coded, make_streamed, params):
    train = make_coded(LABELS)
    for control in ("random", "real", "whole"):
        jobs, streamed = (control_jobs(control, data, 3, 5, params) for data in (train, make_streamed(train)))
        assert {name: job.stored_bytes for name, job in jobs.items()} == {
            name: job.stored_bytes for name, job in streamed.items()
        }
        if control == "random":
            assert torch.equal(jobs["fixed"].source.data.images, streamed["fixed"].source.data.images)
            assert torch.equal(jobs["fixed"].source.data.labels, streamed["fixed"].source.data.labels)


def test_random_images_are_drawn_once_and_follow_the_fixed_protocols(make_coded, code_of, params):
    jobs = control_jobs("random", make_coded(LABELS), 3, 5, params)
    assert list(jobs) == ["fixed", "fixed_plain"]
    sets = []
    for protocol, job in jobs.items():
        assert isinstance(job.source, Stored)
        assert job.budget == budget(protocol, 15, params.recipe, epochs_of(protocol, params.evaluate))
        assert job.stored_bytes == 15 * 256
        images, labels = job.source.data.batch(torch.arange(15))
        codes = code_of(images)
        assert [LABELS[code] for code in codes] == labels.tolist()
        assert Counter(labels.tolist()) == {0: 5, 1: 5, 2: 5}
        assert len(set(codes)) == 15
        sets.append(codes)
    assert sets[0] == sets[1]
    other = control_jobs("random", make_coded(LABELS), 3, 5, replace(params, seed=4))
    assert code_of(other["fixed"].source.data.batch(torch.arange(15))[0]) != sets[0]


def test_the_whole_set_has_a_budget_of_its_own(make_coded, params):
    train = make_coded(LABELS)
    jobs = control_jobs("whole", train, 3, 99, params)
    assert list(jobs) == ["whole"]
    assert jobs["whole"].source.data is train
    assert jobs["whole"].budget == budget("whole", 52, params.recipe, params.evaluate.whole_epochs)


@pytest.mark.parametrize(("control", "protocols"), [("real", ("fixed",)), ("random", ("fresh",))])
def test_a_control_without_its_protocol_has_no_jobs(make_coded, params, control, protocols):
    params = replace(params, evaluate=replace(params.evaluate, protocols=protocols))
    assert control_jobs(control, make_coded(LABELS), 3, 5, params) == {}
