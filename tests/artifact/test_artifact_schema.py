"""Cards that a stranger wrote: every field's type and range, and the tensors' shapes, before anything is used."""

import copy
import json
import math
import struct

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from gendistill.artifact import file as module
from gendistill.artifact.file import FORMAT, checksum, load_artifact, save_artifact
from gendistill.artifact.legal import generator_problems, strange
from gendistill.artifact.shapes import generator_shapes, stored_type
from gendistill.config.catalogue.gan import CONDITIONINGS
from gendistill.config.catalogue.images import IMAGE_SIZES
from gendistill.networks.generator import Generator
from gendistill.runtime.errors import UserError

DEEP = json.loads("[" * 9 + "]" * 9)


@pytest.fixture
def whole(card):
    """A complete card with one accuracy, as it stands in a file."""
    training = {
        "epochs": 750, "steps": 750, "batch": 100, "lr": 0.01, "momentum": 0.9, "weight_decay": 0.0005,
        "schedule": "constant", "augment": "color_crop", "semantics": "diffaug",
    }  # fmt: skip
    accuracy = {
        "protocol": "fresh", "ipc": 10, "network": "convnet3", "width": 0.25, "n": 5, "mean": 0.97, "std": 0.01,
        "min": 0.96, "max": 0.98, "training": training,
    }  # fmt: skip
    origin = {"seed": 0, "preset": "digits", "commit": None, "hardware": []}
    made = {**card, "format": FORMAT, "sha256": "0" * 64, "accuracies": [accuracy], "provenance": origin}
    return json.loads(json.dumps(made))


def problems_of(card):
    return strange(card) or generator_problems(card)


def put(card, key, value):
    """The card with the field of a dotted key changed."""
    changed = copy.deepcopy(card)
    *path, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    place = changed
    for part in path:
        place = place[part]
    place[last] = value
    return changed


def test_a_good_card_has_no_problem(whole):
    assert problems_of(whole) == []


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("classes", [], "must have at least one item"),
        ("classes", ["a", "a", "b", "c"], "must not repeat 'a'"),
        ("classes", ["a"], "does not fit generator.num_classes"),
        ("classes.0", 3, "must be text"),
        ("image_shape", [1, 32, 32], "does not fit generator"),
        ("image_shape", "1", "must be a list"),
        ("kind", "images", "must be one of generator"),
        ("dtype", "float64", "must be one of float16, float32"),
        ("source", "real", "must be one of"),
        ("step", -1, "must be between"),
        ("step", True, "must be a whole number"),
        ("sha256", "x" * 64, "must be 64 hexadecimal digits"),
        ("generator.width", 10**9, "must be between 1 and 8192"),
        ("generator.width", 4.0, "must be a whole number"),
        ("generator.image_size", 17, "must be one of"),
        ("generator.channels", 2, "must be one of 1, 3"),
        ("generator.latent", 4, "does not fit conditioning overwrite"),
        ("generator.conditioning", "eval", "must be one of"),
        ("generator.exec", "x", "unknown key"),
        ("normalisation.mean", [0.1, 0.2], "does not fit generator.channels"),
        ("normalisation.std", [0.0], "must be > 0"),
        ("normalisation.generator_range", [0.0, 1.0], "does not fit tanh"),
        ("data.fit", "stretch", "must be one of pad, resize"),
        ("recipe.lr", "0.01", "must be a number"),
        ("recipe.optimizer", "Adam", "must be one of SGD"),
        ("recipe.fresh_augment", "os", "must be none, or groups"),
        ("parameters", [], "must hold keys"),
        ("parameters.seed", -1, "must be between"),
        ("accuracies", {}, "must be a list"),
        ("accuracies.0.mean", 97.0, "must be between 0 and 1"),
        ("accuracies.0.ipc", 0, "must be between"),
        ("accuracies.0.training.epochs", 10**9, "must be between"),
        ("accuracies.0.training", None, "must hold keys"),
        ("provenance", None, "is missing, but accuracies are told"),
        ("provenance", "me", "must be nothing, or hold keys"),
    ],
)
def test_a_wrong_field_is_named(whole, key, value, text):
    problems = problems_of(put(whole, key, value))
    assert problems, key
    assert all(named.startswith(key.split(".")[0]) for named, _ in problems)
    assert any(text in said for _, said in problems), problems


@pytest.mark.parametrize("value", [math.inf, math.nan, "\x1b[2J", "\ud800", "x" * 3000, DEEP])
def test_strange_values_are_refused_wherever_they_stand(whole, value):
    for key in ("parameters.any", "provenance.any", "method"):
        assert problems_of(put(whole, key, value)), key
    assert isinstance(value, list | float) or problems_of({**whole, value: 1})


def test_one_cell_is_told_once(whole):
    whole["accuracies"] *= 2
    assert problems_of(whole) == [("accuracies", "must not tell one network, protocol and ipc twice")]


# --- shapes


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize("image_size", IMAGE_SIZES)
def test_shapes_are_those_of_the_network(image_size, conditioning):
    made = {"channels": 3, "image_size": image_size, "num_classes": 5, "width": 4, "latent": 7}
    made["conditioning"] = conditioning
    state = Generator(**made).state_dict()
    assert generator_shapes(made) == {name: tuple(value.shape) for name, value in state.items()}
    for name, value in state.items():
        assert (
            stored_type(tuple(value.shape), name, "float32") == {torch.float32: "F32", torch.int64: "I64"}[value.dtype]
        )


def test_half_precision_is_for_weights_alone():
    assert stored_type((4, 4), "grow.0.weight", "float16") == "F16"
    assert stored_type((4,), "grow.1.running_var", "float16") == "F32"
    assert stored_type((), "grow.1.num_batches_tracked", "float16") == "I64"


def signed(path, tensors, card):
    """Write an artifact unchecked, its sum in order: what somebody who means harm can do."""
    card = {**card, "format": FORMAT}
    card["sha256"] = checksum(tensors, card)
    path.write_bytes(save(tensors, metadata={"card": json.dumps(card)}))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.pop("paint.0.bias"), r"'paint.0.bias' is none, expected F32 \[1\]"),
        (lambda t: t.update(more=np.zeros(3, np.float32)), r"'more' is F32 \[3\], expected none"),
        (lambda t: t.update({"paint.0.bias": np.zeros(2, np.float32)}), r"is F32 \[2\], expected F32 \[1\]"),
        (lambda t: t.update({"paint.0.bias": np.zeros(1)}), r"is F64 \[1\], expected F32 \[1\]"),
        (lambda t: t.update({"paint.0.bias": np.array([np.nan], np.float32)}), "holds values that are no weights"),
        (lambda t: t.update({"grow.1.running_var": np.full(4, -1, np.float32)}), "holds values that are no weights"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_though_the_sum_is_right(tmp_path, tensors, card, change, text):
    change(tensors)
    signed(tmp_path / "a", tensors, card)
    with pytest.raises(UserError, match=text):
        load_artifact(tmp_path / "a")
    with pytest.raises(UserError, match=text):
        save_artifact(tmp_path / "b", tensors, card)
    assert not (tmp_path / "b").exists()


def test_shapes_are_compared_before_a_tensor_is_read(tmp_path, tensors, card, monkeypatch):
    card["generator"]["width"] = 5
    signed(tmp_path / "a", tensors, card)

    def unwanted(*_):
        raise AssertionError("read")

    monkeypatch.setattr(module, "checksum", unwanted)
    with pytest.raises(UserError, match="do not fit the generator its card describes"):
        load_artifact(tmp_path / "a")


def test_a_header_that_claims_to_be_huge_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(struct.pack("<Q", 2**25) + b"{")
    with pytest.raises(UserError, match="claims 33554432 bytes"):
        load_artifact(tmp_path / "a")


def test_many_problems_are_told_in_one_message_of_bounded_length(tmp_path, tensors, card):
    card["classes"] = [7] * 1000
    signed(tmp_path / "a", tensors, card)
    with pytest.raises(UserError, match="the card is not one that gendistill writes") as caught:
        load_artifact(tmp_path / "a")
    assert str(caught.value).count("\n") == 9
    assert "and 993 more" in str(caught.value)
