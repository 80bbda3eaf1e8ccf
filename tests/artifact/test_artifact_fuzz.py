"""Thousands of broken artifacts: each is refused with one message, or is a legal artifact; nothing else happens."""

import copy
import json
import math
import random
import struct
from collections import Counter

import pytest
import torch
from safetensors.numpy import load, save

from gendistill.artifact.describe import description
from gendistill.artifact.file import checksum, load_artifact
from gendistill.artifact.loading import load as open_artifact
from gendistill.artifact.sampling import load_generator, sample
from gendistill.runtime.errors import UserError

ROUNDS = 420  # of each of the five kinds of damage, for both kinds of artifacts
VALUES = [
    None, True, False, 0, 1, -1, 2, 16, 17, 2**31, 2**63, -(2**63), 10**30, 10**300, 0.0, -0.0, 0.5, 1e308, math.inf,
    math.nan, "", " ", "x", "..", "../../x", "/etc/passwd", "\x1b[2J", "\x00", "\ud800", "é" * 40, "x" * 5000,
    "__import__('os')", [], [[]], [None], [1, 16, 16], ["a", "b", "c", "d"], {}, {"a": 1}, {"": {"": {}}},
    json.loads("[" * 50 + "]" * 50), [0] * 2000, "float16", "concat", "embed", "pad",
]  # fmt: skip


def places(value, path=()):
    """Every place of nested lists and sections."""
    found = [path] if path else []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found += places(child, (*path, key))
    return found


def edited(document, draw):
    """A copy of a JSON document with one to three values replaced, removed or renamed."""
    document = json.loads(json.dumps(document))
    for _ in range(draw.randint(1, 3)):
        *path, last = draw.choice(places(document))
        place = document
        for key in path:
            place = place[key]
        if draw.random() < 0.15:
            del place[last]
        elif draw.random() < 0.1 and isinstance(place, dict):
            place[draw.choice(["x", "", "__class__", "format"])] = place.pop(last)
        else:
            place[last] = copy.deepcopy(draw.choice(VALUES))
        if not places(document):
            break
    return document


def parts(content):
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def flipped(content, draw):
    """Bits of the header's first kilobytes, or of anything."""
    content = bytearray(content)
    end = draw.choice([8, 64, 4096, len(content)])
    for _ in range(draw.choice([1, 1, 2, 8])):
        content[draw.randrange(end)] ^= 1 << draw.randrange(8)
    return bytes(content)


def cut(content, draw):
    """Bytes lost at the end or in the middle, or put in."""
    start, length = draw.randrange(len(content)), draw.choice([1, 8, 100, 10**6])
    return draw.choice([
        content[:start], content[:start] + content[start + length :],
        content[:start] + draw.randbytes(min(length, 100)) + content[start:],
        content[start:], content + draw.randbytes(9),
    ])  # fmt: skip


def other_header(content, draw):
    """Another table of tensors."""
    header, data = parts(content)
    text = json.dumps(edited(header, draw)).encode()
    return struct.pack("<Q", len(text)) + text + data


def other_card(content, draw):
    """Another card, its sum not in order."""
    header, data = parts(content)
    header["__metadata__"]["card"] = json.dumps(edited(json.loads(header["__metadata__"]["card"]), draw))
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def signed(content, draw):
    """Another card with the right sum: what somebody who means harm would write."""
    header, _ = parts(content)
    tensors = load(content)
    card = edited(json.loads(header["__metadata__"]["card"]), draw)
    if isinstance(card, dict) and draw.random() < 0.95:
        card["sha256"] = checksum(tensors, card)
    return save(tensors, metadata={"card": json.dumps(card)})


def accuracy():
    training = {
        "epochs": 7, "steps": 7, "batch": 4, "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0, "schedule": "constant",
        "augment": "none", "semantics": "dsa",
    }  # fmt: skip
    return {
        "protocol": "fixed", "ipc": 1, "network": "convnet3", "width": 0.25, "n": 2, "mean": 0.5, "std": 0.1,
        "min": 0.4, "max": 0.6, "training": training,
    }  # fmt: skip


@pytest.fixture
def card(card):
    origin = {"seed": 0, "preset": "digits", "commit": "abc", "hardware": [{"device": "cpu"}]}
    return card | {"accuracies": [accuracy()], "provenance": origin}


@pytest.fixture
def image_card(image_card):
    origin = {"seed": 0, "preset": "digits-benchmark", "commit": "abc", "hardware": []}
    return image_card | {"accuracies": [accuracy()], "provenance": origin}


def use_generator(path):
    generator = load_generator(path, "cpu")
    return sample(generator, torch.tensor([0]), torch.Generator().manual_seed(0))


def use_images(path):
    data = open_artifact(path).dataset()
    assert data.images.dtype == torch.uint8
    return torch.stack([data[k][0] for k in range(len(data))])


@pytest.mark.parametrize(("kind", "use"), [("artifact", use_generator), ("image_artifact", use_images)])
@pytest.mark.parametrize("damage", [flipped, cut, other_header, other_card, signed])
def test_damaged_artifacts_are_refused_in_one_message(request, kind, use, damage):
    artifact = request.getfixturevalue(kind)
    content, folder = artifact.read_bytes(), artifact.parent
    draw, outcomes = random.Random(damage.__name__), Counter()
    for _ in range(ROUNDS):
        broken = damage(content, draw)
        artifact.write_bytes(broken)
        try:
            images = use(artifact)
        except UserError as error:
            message = str(error)
            assert message.startswith(str(artifact)), message
            assert len(message) < 4000
            assert message.replace("\n", "").isprintable(), ascii(message)
            outcomes["refused"] += 1
        else:
            assert images.isfinite().all()
            description(artifact, load_artifact(artifact)[1])
            outcomes["legal"] += 1
        assert [path.name for path in folder.iterdir()] == [artifact.name]
    # a legal change, such as another class name, passes where the sum was put in order
    assert outcomes["refused"] > (0.7 if damage is signed else 0.95) * ROUNDS, outcomes
