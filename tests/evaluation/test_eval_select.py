"""Choosing a snapshot: by held-out images, and by nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gendistill.config.params import load_params
from gendistill.evaluation import cells, inputs
from gendistill.evaluation import select as module
from gendistill.evaluation.select import best_snapshot
from gendistill.runtime.errors import Stopped
from gendistill.runtime.loop import Session

ARCHITECTURE = {"channels": 1, "image_size": 16, "num_classes": 4, "latent": 4}


@pytest.fixture
def params(recipe_params):
    whole = load_params(Path(__file__).resolve().parents[2] / "params.yaml")
    recipe = replace(recipe_params, fresh_batch=10)
    generate = replace(whole.generate, select_students=2, select_width=0.0625, select_epochs=6)
    return replace(whole, seed=0, recipe=recipe, generate=generate)


@pytest.fixture
def choose(monkeypatch, painter_class, make_bars, params, compute):
    monkeypatch.setattr(module, "Generator", painter_class)
    held_out = make_bars(40, seed=2)

    def go(qualities, session=None):
        snapshots = {step: {"quality": np.array(quality, np.float32)} for step, quality in qualities.items()}
        session = session or Session(log_seconds=3600)
        return best_snapshot(snapshots, ARCHITECTURE, held_out, params, compute=compute, session=session)

    go.held_out = held_out
    return go


@pytest.mark.parametrize("qualities", [{5: 1.0, 10: 0.0}, {5: 0.0, 10: 1.0}, {5: -1.0, 10: 1.0, 100: 0.0}])
def test_the_better_generator_is_chosen(choose, qualities):
    assert choose(qualities) == max(qualities, key=qualities.get)


def test_the_later_one_of_equals(choose):
    assert choose({100: 1.0, 5: 1.0, 20: 1.0}) == 100


def test_students_are_scored_on_held_out_images_only(choose, monkeypatch):
    seen = []
    for name in ("accuracy", "confusion"):
        read = getattr(cells, name)
        monkeypatch.setattr(
            cells, name, lambda network, data, *rest, read=read: (seen.append(data), read(network, data, *rest))[1]
        )
    monkeypatch.setattr(inputs, "load_split", lambda *_: pytest.fail("a split was read"))
    choose({1: 1.0, 2: 0.0})
    assert seen
    assert all(data is choose.held_out for data in seen)


def test_students_learn_under_the_fresh_protocol(choose, params, monkeypatch):
    jobs = {}
    run_cell = module.run_cell

    def spy(title, network, given, *rest, **named):
        jobs.update(given)
        return run_cell(title, network, given, *rest, **named)

    monkeypatch.setattr(module, "run_cell", spy)
    choose({1: 1.0, 2: 0.0})
    assert list(jobs) == ["1", "2"]
    for job in jobs.values():
        assert (job.budget.protocol, job.budget.epoch_images, job.budget.epochs) == ("fresh", 40, 6)
        assert not job.source.generator.training
    assert [float(job.source.generator.quality) for job in jobs.values()] == [1.0, 0.0]


def test_an_interrupted_choice_is_continued(choose, make_session, tmp_path):
    qualities = {1: 0.3, 2: 1.0, 3: 0.0}
    with pytest.raises(Stopped, match="package: stopped by the test after step 60 of 144"):
        choose(qualities, make_session(tmp_path, 30))
    assert choose(qualities, make_session(tmp_path)) == choose(qualities)
