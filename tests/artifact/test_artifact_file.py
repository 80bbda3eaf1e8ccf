"""The artifact file: exact, reproducible, and refused with a message when it is anything but intact."""

import hashlib
import json
import re
import struct

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from gendistill.artifact.arrays import contiguous
from gendistill.artifact.file import FORMAT, checksum, load_artifact, save_artifact
from gendistill.runtime.errors import UserError


def split(path):
    """Length of the header, header and data of a safetensors file."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def join(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def with_card(path, change):
    """Rewrite the file with `change` applied to its card, the tensors as they are."""
    header, data = split(path)
    card = json.loads(header["__metadata__"]["card"])
    header["__metadata__"]["card"] = json.dumps(change(card) or card)
    join(path, header, data)


def test_a_round_trip_is_exact(artifact, tensors, card, equal_arrays):
    read, read_card = load_artifact(artifact)
    assert equal_arrays(read, tensors)
    assert any(value.shape == () for value in read.values())
    digest = read_card.pop("sha256")
    assert len(digest) == 64
    assert read_card == json.loads(json.dumps({"format": FORMAT, **card}))


def test_any_safetensors_reader_can_use_it(artifact, tensors, equal_arrays):
    assert equal_arrays(load_file(artifact), tensors)


def test_arrays_in_another_memory_order_are_stored_by_their_values(tmp_path, tensors, card, equal_arrays):
    swapped = {name: np.asfortranarray(value) if value.ndim > 1 else value for name, value in tensors.items()}
    assert not swapped["paint.0.weight"].flags.c_contiguous
    save_artifact(tmp_path / "a", swapped, card)
    assert equal_arrays(load_artifact(tmp_path / "a")[0], tensors)
    assert contiguous(np.float32(1)).shape == ()


def test_equal_content_gives_equal_bytes(tmp_path, tensors, card):
    for name, order in (("a", sorted(tensors)), ("b", sorted(tensors, reverse=True))):
        save_artifact(tmp_path / name, {key: tensors[key] for key in order}, card)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_checksum_covers_everything_but_itself(tensors, card):
    whole = checksum(tensors, card)
    assert checksum(tensors, {**card, "sha256": "any"}) == whole
    name = "paint.0.bias"
    altered = [
        {**tensors, name: tensors[name] + 1},
        {**tensors, name: tensors[name].astype(np.float64)},
        {**tensors, name: tensors[name].reshape(1, -1)},
        {key: value for key, value in tensors.items() if key != name},
        {("other" if key == name else key): value for key, value in tensors.items()},
    ]
    digests = [checksum(other, card) for other in altered] + [
        checksum(tensors, {**card, "step": 8}),
        checksum(tensors, {key: value for key, value in card.items() if key != "step"}),
    ]
    assert len({whole, *digests}) == 8


def test_the_checksum_is_that_of_the_form_written_down(tensors, card):
    """Another reader can be written from this."""
    digest = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        kind = "<i8" if name.endswith("tracked") else "<f4"
        digest.update(f"{name} {kind} {value.shape}".encode() + value.astype(kind).tobytes())
    assert checksum(tensors, card) == digest.hexdigest()


def test_the_order_of_tensors_and_of_the_card_does_not_count(tensors, card):
    assert checksum(dict(reversed(tensors.items())), dict(reversed(card.items()))) == checksum(tensors, card)


def test_saving_returns_the_card_as_written(tmp_path, tensors, card):
    written = save_artifact(tmp_path / "a", tensors, card)
    assert written["sha256"] == load_artifact(tmp_path / "a")[1]["sha256"]
    assert "sha256" not in card  # the caller's own is left alone


# --- files that are refused


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_altered_bit_of_the_weights_is_noticed(artifact, data):
    whole = artifact.read_bytes()
    _, body = split(artifact)
    content = bytearray(whole)
    content[len(content) - len(body) + data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    artifact.write_bytes(bytes(content))
    with pytest.raises(UserError, match="the checksum in its card does not fit its content; it was altered or damaged"):
        load_artifact(artifact)
    artifact.write_bytes(whole)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card["normalisation"].update(mean=[0.9]),
        lambda card: card["classes"].reverse(),
        lambda card: card.update(step=8),
        lambda card: card["parameters"].update(extra=1),
        lambda card: card.update(sha256="0" * 64),
    ],
)
def test_an_altered_card_is_noticed(artifact, change):
    with_card(artifact, lambda card: (change(card), card)[1])
    with pytest.raises(UserError, match="the checksum in its card does not fit its content"):
        load_artifact(artifact)


def test_an_unaltered_rewrite_passes(artifact):
    with_card(artifact, lambda card: card)
    load_artifact(artifact)


@pytest.mark.parametrize("keep", [0, 4, 8, 100, -1])
def test_a_truncated_file_says_so(artifact, keep):
    artifact.write_bytes(artifact.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"ours\.safetensors is not a readable safetensors file .*truncated"):
        load_artifact(artifact)


def test_a_pickle_is_not_opened(tmp_path, generator):
    path = tmp_path / "weights.pt"
    torch.save(generator, path)
    with pytest.raises(UserError, match="is not a readable safetensors file"):
        load_artifact(path)


def test_a_foreign_safetensors_file_says_so(tmp_path, tensors):
    save_file(tensors, tmp_path / "foreign", metadata={"format": "pt"})
    with pytest.raises(UserError, match="foreign has no card in its header; expected an artifact of gendistill"):
        load_artifact(tmp_path / "foreign")


@pytest.mark.parametrize("text", ["[1]", "{}", '{"format": "one"}', '"card"'])
def test_a_card_of_something_else_says_so(tmp_path, tensors, text):
    save_file(tensors, tmp_path / "a", metadata={"card": text})
    with pytest.raises(UserError, match="the card has no format number; expected an artifact of gendistill"):
        load_artifact(tmp_path / "a")


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"format": ' + "9" * 5000 + "}"], ids=["cut", "deep", "long"])
def test_a_card_that_is_not_json_says_so(tmp_path, tensors, text):
    save_file(tensors, tmp_path / "a", metadata={"card": text})
    with pytest.raises(UserError, match=r"the card is not JSON .*altered or damaged"):
        load_artifact(tmp_path / "a")


def test_a_newer_format_asks_for_an_update(artifact):
    with_card(artifact, lambda card: {"format": FORMAT + 1, "anything": "else"})
    with pytest.raises(UserError, match=r"has format 3, this version reads 2; update gendistill"):
        load_artifact(artifact)


def test_an_older_format_says_how_to_make_it_again(artifact):
    with_card(artifact, lambda card: {"format": 1})
    with pytest.raises(UserError, match=r"has format 1, this version reads 2; make it again: `dvc repro package`"):
        load_artifact(artifact)


@pytest.mark.parametrize("lost", [["classes"], ["sha256", "recipe"], ["accuracies"]])
def test_an_incomplete_card_names_what_is_missing(artifact, lost):
    with_card(artifact, lambda card: [card.pop(key) for key in lost] and card)
    with pytest.raises(UserError) as caught:
        load_artifact(artifact)
    assert all(f"\n  {key}: is missing" in str(caught.value) for key in lost)


@pytest.mark.parametrize(("name", "found"), [("", "is a folder"), ("none.safetensors", "does not exist")])
def test_a_missing_file_says_who_writes_it(tmp_path, name, found):
    message = f"{found}; expected an artifact, a .safetensors file that `package` wrote"
    with pytest.raises(UserError, match=re.escape(message)):
        load_artifact(tmp_path / name)
