"""How students of a fixed set are trained: the protocols S0 and S1 at the papers' settings, and the data they see."""

from dataclasses import astuple, replace
from pathlib import Path

import pytest

from gendistill.artifact.images import StoredImages
from gendistill.config.benchmark import load_benchmark
from gendistill.config.catalogue.protocols import FIXED_PROTOCOLS
from gendistill.config.params import parse_params
from gendistill.config.yaml12 import load_yaml
from gendistill.evaluation.fixed import fixed_budget
from gendistill.evaluation.fixed_jobs import fixed_jobs
from gendistill.evaluation.protocols import Budget, budget, epochs_of

ROOT = Path(__file__).resolve().parents[2]
WITH_FLIP = "color_crop_cutout_flip_scale_rotate"


def paper(dataset: str):
    return load_benchmark(ROOT / f"benchmark/presets/{dataset}-benchmark-paper.yaml")


def epochs_in(params, protocol):
    return {"fixed": params.evaluate.fixed_epochs, "fixed_plain": params.evaluate.plain_epochs}[protocol]


@pytest.mark.parametrize(
    ("dataset", "protocol", "ipc", "epochs", "batch", "steps"),
    [
        ("cifar10", "fixed", 1, 1000, 10, 1000),
        ("cifar10", "fixed", 10, 1000, 100, 1000),
        ("cifar10", "fixed", 50, 1000, 256, 2000),  # 500 images: 256 and 244
        ("cifar10", "fixed", 463, 1000, 256, 19_000),
        ("cifar10", "fixed_plain", 1, 300, 10, 300),
        ("cifar10", "fixed_plain", 50, 300, 256, 600),
        ("fashion_mnist", "fixed_plain", 10, 300, 100, 300),
        ("mnist", "fixed", 10, 1000, 100, 1000),
        ("mnist", "fixed_plain", 10, 1000, 100, 1000),
    ],
)
def test_budgets_are_those_of_the_papers(dataset, protocol, ipc, epochs, batch, steps):
    params = paper(dataset)
    got = fixed_budget(protocol, 10 * ipc, params.recipe, epochs_in(params, protocol))
    assert (got.epochs, got.batch, got.steps, got.epoch_images) == (epochs, batch, steps, 10 * ipc)
    assert (got.protocol, got.lr, got.momentum, got.weight_decay) == (protocol, 0.01, 0.9, 5e-4)
    rates = [got.learning_rate(step) for step in (0, steps // 2 - 1, steps // 2, steps - 1)]
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001])
    strategy = WITH_FLIP.replace("flip_", "") if dataset == "mnist" else WITH_FLIP
    assert (got.augment, got.semantics) == (strategy if protocol == "fixed" else "none", "dsa")


def test_every_value_is_that_of_the_parameters():
    params = paper("cifar10")
    recipe = replace(params.recipe, lr=0.3, momentum=0.7, weight_decay=0.2, batch=7, augment="flip")
    params = replace(params, recipe=recipe, evaluate=replace(params.evaluate, fixed_epochs=11, plain_epochs=13))
    for protocol, epochs, augment in (("fixed", 11, "flip"), ("fixed_plain", 13, "none")):
        expected = Budget(protocol, epochs, 20, 7, 0.3, 0.7, 0.2, "half", augment, "dsa")
        assert fixed_budget(protocol, 20, params.recipe, epochs_in(params, protocol)) == expected


@pytest.mark.parametrize("protocol", FIXED_PROTOCOLS)
def test_both_pipelines_train_alike(protocol):
    """A set that a method made and one that was drawn from a generator, at the papers' settings."""
    document = load_yaml(ROOT / "presets/cifar10-paper.yaml")
    document["runtime"] = load_yaml(ROOT / "params.yaml")["runtime"]
    main = parse_params(document, "cifar10-paper")
    theirs = budget(protocol, 100, main.recipe, epochs_of(protocol, main.evaluate))
    params = paper("cifar10")
    assert astuple(fixed_budget(protocol, 100, params.recipe, epochs_in(params, protocol))) == astuple(theirs)


def test_jobs_store_the_artifact_and_show_its_images(bars):
    params = paper("cifar10")
    artifact = StoredImages(bars.images, bars.labels, {})
    jobs = fixed_jobs(artifact, bars, params)
    assert tuple(jobs) == params.evaluate.protocols == FIXED_PROTOCOLS
    for job in jobs.values():
        assert job.stored_bytes == 32 * 256
        job.source.start(0, 0)
        assert sorted(job.source.index(0).tolist()) == list(range(32))
        assert job.source.distinct_images() == 32
