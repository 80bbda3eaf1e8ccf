"""The table of budgets in the documentation, with the parameters of the paper."""

import math
from pathlib import Path

import pytest

from gendistill.config.benchmark import FixedRecipe
from gendistill.config.params import parse_params
from gendistill.config.yaml12 import load_yaml
from gendistill.evaluation.fixed import fixed_budget
from gendistill.evaluation.protocols import budget, epochs_of, quality_epochs

ROOT = Path(__file__).resolve().parents[2]


def plan(protocol, images, preset="cifar10-paper"):
    document = load_yaml(ROOT / "presets" / f"{preset}.yaml")
    document["runtime"] = load_yaml(ROOT / "params.yaml")["runtime"]
    params = parse_params(document, preset)
    return budget(protocol, images, params.recipe, epochs_of(protocol, params.evaluate))


@pytest.mark.parametrize(
    ("protocol", "ipc", "epochs", "batch", "steps"),
    [
        ("fresh", 1, 1000, 10, 1000),
        ("fresh", 10, 1000, 100, 1000),
        ("fresh", 50, 1000, 100, 5000),
        ("fixed", 1, 1000, 10, 1000),
        ("fixed", 10, 1000, 100, 1000),
        ("fixed", 50, 1000, 256, 2000),  # 500 images: 256 and 244
        ("fixed_plain", 1, 300, 10, 300),
        ("fixed_plain", 10, 300, 100, 300),
        ("fixed_plain", 50, 300, 256, 600),
    ],
)
def test_steps_and_batches(protocol, ipc, epochs, batch, steps):
    got = plan(protocol, 10 * ipc)
    assert (got.epochs, got.batch, got.steps, got.epoch_images) == (epochs, batch, steps, 10 * ipc)
    assert (got.protocol, got.lr, got.momentum, got.weight_decay) == (protocol, 0.01, 0.9, 5e-4)


def test_the_whole_training_set():
    got = plan("whole", 50_000)
    assert (got.epochs, got.batch, got.steps_per_epoch, got.steps) == (100, 128, 391, 39_100)
    assert (got.lr, got.momentum, got.weight_decay) == (0.05, 0.9, 5e-4)


def test_grey_sets_have_budgets_of_their_own():
    assert plan("fixed_plain", 10, "mnist-paper").steps == 1000
    assert plan("whole", 60_000, "mnist-paper").epochs == 30


def test_augmentations_and_how_they_are_combined():
    found = {name: (plan(name, 100).augment, plan(name, 100).semantics) for name in ("fresh", "fixed", "fixed_plain")}
    assert found == {
        "fresh": ("color_crop", "diffaug"),
        "fixed": ("color_crop_cutout_flip_scale_rotate", "dsa"),
        "fixed_plain": ("none", "dsa"),
    }
    assert plan("whole", 100).augment == "crop_flip"
    assert plan("whole", 100, "mnist-paper").augment == "crop"


def test_fresh_never_changes_the_rate():
    got = plan("fresh", 500)
    assert {got.learning_rate(step) for step in (0, 2499, 2500, 4999)} == {0.01}


@pytest.mark.parametrize("protocol", ["fixed", "fixed_plain"])
def test_fixed_protocols_drop_the_rate_at_half(protocol):
    got = plan(protocol, 500)
    half = got.steps // 2
    assert [got.learning_rate(step) for step in (0, half - 1)] == [0.01, 0.01]
    assert [got.learning_rate(step) for step in (half, got.steps - 1)] == pytest.approx([0.001, 0.001])


def test_the_cosine_goes_to_zero(make_budget):
    got = plan("whole", 50_000)
    assert got.learning_rate(0) == 0.05
    assert got.learning_rate(got.steps // 2) == pytest.approx(0.025)
    assert got.learning_rate(got.steps // 3) == pytest.approx(0.05 * (1 + math.cos(math.pi / 3)) / 2, rel=1e-3)
    assert 0 < got.learning_rate(got.steps - 1) < 1e-8


def test_there_are_no_other_protocols():
    with pytest.raises(KeyError, match="secret"):
        plan("secret", 10)


def test_the_budget_of_a_set_of_images():
    recipe = FixedRecipe(lr=0.01, momentum=0.9, weight_decay=5e-4, batch=256, augment="color_crop")
    got = fixed_budget("fixed", 500, recipe, 1000)
    assert (got.batch, got.steps_per_epoch, got.steps, got.augment, got.semantics) == (
        256,
        2,
        2000,
        "color_crop",
        "dsa",
    )
    assert [got.learning_rate(step) for step in (0, 999, 1000, 1999)] == pytest.approx([0.01, 0.01, 0.001, 0.001])
    plain = fixed_budget("fixed_plain", 10, recipe, 300)
    assert (plain.batch, plain.steps, plain.augment, plain.protocol) == (10, 300, "none", "fixed_plain")
    assert (plain.lr, plain.momentum, plain.weight_decay) == (0.01, 0.9, 5e-4)
    with pytest.raises(KeyError, match="fresh"):
        fixed_budget("fresh", 10, recipe, 1)


def test_the_network_that_judges_makes_a_hundred_steps_at_least():
    params = parse_params(load_yaml(ROOT / "params.yaml"), "params.yaml")
    assert params.recipe.whole_batch == 128
    assert quality_epochs(240, params.recipe, 1) == 50  # two steps each
    assert quality_epochs(1293, params.recipe, 8) == 10  # eleven
    assert quality_epochs(60_000, params.recipe, 1) == 1
