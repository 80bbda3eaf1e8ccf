"""What a card says."""

import json
from dataclasses import asdict, replace

import pytest

from gendistill.artifact.card import METHODS, write_card
from gendistill.config.catalogue.sources import GENERATED_SOURCES
from gendistill.networks.generator import Generator


def test_the_card_tells_how_to_use_the_images(params, info):
    card = write_card(params, info, "ours", 7)
    assert card["classes"] == ["null", "één", "two", "three"]
    assert card["image_shape"] == [1, 16, 16]
    assert card["normalisation"] == {
        "generator_range": [-1.0, 1.0], "pixels": "(x + 1) / 2", "mean": [0.25], "std": [0.5],
    }  # fmt: skip
    assert (card["dataset"], card["data"]["checksum"]) == ("coded", "abc")
    assert (card["data"]["fit"], card["data"]["split_seed"]) == (params.data.fit, params.data.split_seed)
    assert (card["source"], card["step"], card["method"]) == ("ours", 7, METHODS["ours"])


def test_the_card_builds_its_generator(params, info):
    described = write_card(params, info, "cgan", 0)["generator"]
    generator = Generator(**described)
    assert (generator.num_classes, generator.latent) == (4, params.gan.latent)
    assert described["width"] == params.gan.width
    assert described["conditioning"] == params.gan.conditioning


def test_the_recipe_is_that_of_the_parameters(params, info):
    changed = replace(params, recipe=replace(params.recipe, lr=0.5, fresh_batch=7))
    assert write_card(changed, info, "ours", 0)["recipe"] == {
        **asdict(params.recipe), "lr": 0.5, "fresh_batch": 7, "optimizer": "SGD", "loss": "cross-entropy",
    }  # fmt: skip


@pytest.mark.parametrize("source", GENERATED_SOURCES)
def test_parameters_that_made_it(params, info, source):
    made = write_card(params, info, source, 0)["parameters"]
    assert made["seed"] == params.seed
    assert made["gan"] == asdict(params.gan)
    assert ("distill" in made) == ("loss" in made) == (source != "cgan")
    if source == "dim":
        assert made["loss"] == {**asdict(params.loss), "omega_l": 0.0}
    if source == "ours":
        assert made["loss"] == asdict(params.loss)


def test_every_source_has_a_method():
    assert set(METHODS) == set(GENERATED_SOURCES)


def test_equal_runs_give_equal_cards_whatever_the_computer(params, info):
    elsewhere = replace(params, preset="other", runtime=replace(params.runtime, threads=3, device="cpu"))
    first, second = (json.dumps(write_card(one, info, "ours", 3)) for one in (params, elsewhere))
    assert first == second
