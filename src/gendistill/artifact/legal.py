"""Whether a card can be used: its fields by `schema`, and what fields must satisfy together; imports no torch.

A card comes from a stranger, and nothing of it is used before it is checked here. Texts are printable, so that none can
steer a terminal.
"""

import math
from typing import Any

from gendistill.artifact.schema import IMAGE_PIXELS, Accuracy, AnyCard, Card, ImagesCard
from gendistill.config.catalogue.images import IMAGE_SIZES
from gendistill.config.checks import Problems, read_section

MAX_DEPTH = 8  # of lists and sections in each other
MAX_VALUES = 200_000  # of lists and sections, all together
LOOSE = ("parameters", "accuracies", "provenance")  # of a card, beside the fields of its kind
KNOWN_IN_PROVENANCE = ("seed", "preset", "commit", "hardware")


def generator_problems(card: dict[str, Any]) -> Problems:
    """What is wrong with the card of a generator, as (dotted key, text); empty if it can be used."""
    return _field_problems(Card, card) or _generator_contradictions(card) + _told_twice(card)


def images_problems(card: dict[str, Any]) -> Problems:
    """What is wrong with the card of a set of images, as (dotted key, text); empty if it can be used."""
    return _field_problems(ImagesCard, card) or _images_contradictions(card) + _told_twice(card)


def _field_problems(cls: type[AnyCard], card: dict[str, Any]) -> Problems:
    """Fields that are missing, unknown, of the wrong type or out of range."""
    problems: Problems = []
    read_section(cls, {key: value for key, value in card.items() if key not in LOOSE}, "", problems)
    problems += [(key, "is missing") for key in LOOSE if key not in card]
    if not problems:
        _check_loose(card, problems)
    return problems


def _check_loose(card: dict[str, Any], problems: Problems) -> None:
    """Parameters, accuracies and provenance."""
    if not isinstance(card["parameters"], dict) or type(card["parameters"].get("seed")) is not int:
        problems.append(("parameters", "must hold keys, `seed` among them"))
    elif not 0 <= card["parameters"]["seed"] < 2**63:
        problems.append(("parameters.seed", "must be between 0 and 2^63"))
    if not isinstance(card["accuracies"], list):
        problems.append(("accuracies", "must be a list"))
    else:
        for place, entry in enumerate(card["accuracies"]):
            read_section(Accuracy, entry, f"accuracies.{place}.", problems)
    origin = card["provenance"]
    if origin is not None:
        if not isinstance(origin, dict):
            problems.append(("provenance", "must be nothing, or hold keys"))
        else:
            problems += [(f"provenance.{key}", "is missing") for key in KNOWN_IN_PROVENANCE if key not in origin]
            if not isinstance(origin.get("hardware", []), list):
                problems.append(("provenance.hardware", "must be a list"))
    elif card["accuracies"]:
        problems.append(("provenance", "is missing, but accuracies are told"))


def _generator_contradictions(card: dict[str, Any]) -> Problems:
    """Fields that do not fit each other; each of them is legal by itself."""
    made, ranges = card["generator"], card["normalisation"]
    rules = {
        "image_shape": (card["image_shape"] == [made["channels"], made["image_size"], made["image_size"]], "generator"),
        "classes": (len(card["classes"]) == made["num_classes"], "generator.num_classes"),
        "normalisation.mean": (len(ranges["mean"]) == made["channels"], "generator.channels"),
        "normalisation.std": (len(ranges["std"]) == made["channels"], "generator.channels"),
        "normalisation.generator_range": (ranges["generator_range"] == [-1, 1], "tanh, which gives [-1, 1]"),
        "generator.latent": (
            made["conditioning"] != "overwrite" or made["latent"] > made["num_classes"],
            "conditioning overwrite, which replaces generator.num_classes of its entries",
        ),
    }
    return [(key, f"does not fit {other}") for key, (holds, other) in rules.items() if not holds]


def _images_contradictions(card: dict[str, Any]) -> Problems:
    """The same for images."""
    shape, ranges = card["image_shape"], card["normalisation"]
    usual = len(shape) == 3 and shape[0] in (1, 3) and shape[1] == shape[2] and shape[1] in IMAGE_SIZES
    if not usual:
        return [
            ("image_shape", f"must be channels (1 or 3), height and width of one of {', '.join(map(str, IMAGE_SIZES))}")
        ]
    rules = {
        "normalisation.mean": (len(ranges["mean"]) == shape[0], "image_shape"),
        "normalisation.std": (len(ranges["std"]) == shape[0], "image_shape"),
        "normalisation.pixels": (ranges["pixels"] == IMAGE_PIXELS[card["dtype"]], "dtype"),
    }
    told = [
        (f"accuracies.{place}", f"must be of fixed or fixed_plain, and of the {card['images']['ipc']} images per class")
        for place, entry in enumerate(card["accuracies"])
        if entry["protocol"] == "fresh" or entry["ipc"] != card["images"]["ipc"]
    ]
    return told + [(key, f"does not fit {other}") for key, (holds, other) in rules.items() if not holds]


def _told_twice(card: dict[str, Any]) -> Problems:
    """Accuracies of one network, protocol and IPC."""
    keys = [(entry["network"], entry["protocol"], entry["ipc"]) for entry in card["accuracies"]]
    twice = len(set(keys)) < len(keys)
    return [("accuracies", "must not tell one network, protocol and ipc twice")] if twice else []


def strange(card: dict[str, Any]) -> Problems:
    """What no card holds anywhere: very deep or many values, numbers that are not finite, unprintable text."""
    waiting: list[tuple[str, Any, int]] = [("", card, 0)]
    seen = 0
    while waiting:
        key, value, depth = waiting.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_VALUES:
            return [("", f"holds more than {MAX_VALUES} values, or sections deeper than {MAX_DEPTH}")]
        if isinstance(value, dict):
            waiting += [(f"{key}.{name}".lstrip("."), item, depth + 1) for name, item in value.items()]
            waiting += [(key, name, depth + 1) for name in value]
        elif isinstance(value, list):
            waiting += [(key, item, depth + 1) for item in value]
        elif isinstance(value, str) and not (value.isprintable() and len(value) <= 2000):
            return [("", "holds text that is not printable, or longer than 2000 characters")]
        elif isinstance(value, float) and not math.isfinite(value):
            return [("", "holds a number that is not finite")]
    return []
