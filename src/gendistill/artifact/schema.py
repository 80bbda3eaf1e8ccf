"""What a card may say: every field's type and range, and what fields must satisfy together; imports no torch.

A card comes from a stranger. Nothing of it is used before it is checked here: numbers are bounded, so that no field
can ask for memory or time without end, and texts are printable, so that none can steer a terminal.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any

from gendistill.config import catalogue as names
from gendistill.config.checks import Problems, read_section
from gendistill.config.constraints import Above, Matches, NotEmpty, OneOf, Unique
from gendistill.config.schema import RecipeParams

DTYPES = ("float16", "float32")
MAX_DEPTH = 8  # of lists and sections in each other
MAX_VALUES = 200_000  # of lists and sections, all together


@dataclass(frozen=True, slots=True)
class Between:
    """A number in [low, high]."""

    low: float
    high: float

    def problem(self, value: float) -> str | None:
        """None if `value` lies in the interval."""
        return None if self.low <= value <= self.high else f"must be between {self.low} and {self.high}"


Text = Annotated[str, Matches(r"(?s).*\S.*", "text that is not empty")]
Digest = Annotated[str, Matches(r"[0-9a-f]{64}", "64 hexadecimal digits")]
Count = Annotated[int, Between(1, 100_000)]
Whole = Annotated[int, Between(0, 2**63)]
Share = Annotated[float, Between(0, 1)]
Channels = Annotated[int, OneOf((1, 3))]
Side = Annotated[int, OneOf(names.IMAGE_SIZES)]
Width = Annotated[float, Above(0), Between(0, 64)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """How the real images were prepared, so that test images can be.

    Attributes:
        fit: how images of another size were brought to `image_shape`, a name in `catalogue.FITS`.
        split_seed: drew the test part of a set that has none of its own.
        checksum: of the prepared images.
    """

    fit: Annotated[str, OneOf(tuple(names.FITS))]
    split_seed: Whole
    checksum: Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Normalisation:
    """Value ranges.

    Attributes:
        generator_range: of what the network gives.
        pixels: how that becomes pixels in [0, 1].
        mean: per channel, of pixels in [0, 1], that students see subtracted.
        std: likewise, divided by; > 0.
    """

    generator_range: tuple[float, ...]
    pixels: Annotated[str, OneOf(("(x + 1) / 2",))]
    mean: tuple[Share, ...]
    std: tuple[Annotated[float, Above(0), Between(0, 1)], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """Arguments of `gendistill.networks.generator.Generator`."""

    channels: Channels
    image_size: Side
    num_classes: Count
    width: Annotated[int, Between(1, 8192)]
    latent: Count
    conditioning: Annotated[str, OneOf(tuple(names.CONDITIONINGS))]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe(RecipeParams):
    """Section ``recipe`` of params.yaml, and what is the same for every run.

    Attributes:
        optimizer: of the student.
        loss: of the student.
    """

    optimizer: Annotated[str, OneOf(("SGD",))]
    loss: Annotated[str, OneOf(("cross-entropy",))]


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How the students of an accuracy were trained; `evaluation.protocols.Budget` has the words."""

    epochs: Count
    steps: Annotated[int, Between(1, 10**9)]
    batch: Count
    lr: Annotated[float, Above(0)]
    momentum: Share
    weight_decay: Annotated[float, Between(0, 1)]
    schedule: Text
    augment: Text
    semantics: Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracy:
    """One reported accuracy: `n` students of one architecture under one protocol, tested on real images.

    Attributes:
        protocol: a name in `catalogue.PROTOCOLS`.
        ipc: images per class; per epoch under ``fresh``.
        network: architecture of the students.
        width: fraction of its standard channels.
        n: students.
        mean: of their accuracies, fractions.
        std: sample standard deviation over students; 0 for one.
        min: of the worst.
        max: of the best.
        training: the budget.
    """

    protocol: Annotated[str, OneOf(tuple(names.PROTOCOLS))]
    ipc: Annotated[int, Between(1, 10_000)]
    network: Text
    width: Width
    n: Count
    mean: Share
    std: Share
    min: Share
    max: Share
    training: Training


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """The fields of a card that stand for themselves; `generator_problems` checks the rest.

    Attributes:
        format: version of this form.
        kind: what the file holds.
        method: what made the generator, in words.
        source: its name in `catalogue.SOURCES`.
        dataset: name of the data set.
        classes: their names; the label is the position.
        image_shape: channels, height, width.
        dtype: of the weights in the file; vectors (biases, statistics) are float32 always.
        step: distillation step that the weights are of.
        sha256: of tensors and card.
        data: how real images were prepared.
        normalisation: value ranges.
        generator: the architecture.
        recipe: how students are trained.
    """

    format: int
    kind: Annotated[str, OneOf(("generator",))]
    method: Text
    source: Annotated[str, OneOf(names.GENERATED_SOURCES)]
    dataset: Text
    classes: Annotated[tuple[Text, ...], NotEmpty(), Unique()]
    image_shape: tuple[Annotated[int, Between(1, 128)], ...]
    dtype: Annotated[str, OneOf(DTYPES)]
    step: Whole
    sha256: Digest
    data: Data
    normalisation: Normalisation
    generator: Architecture
    recipe: Recipe


LOOSE = ("parameters", "accuracies", "provenance")  # of a card, beside the fields of `Card`
KNOWN_IN_PROVENANCE = ("seed", "preset", "commit", "hardware")


def generator_problems(card: dict[str, Any]) -> Problems:
    """What is wrong with the card of a generator, as (dotted key, text); empty if it can be used."""
    problems: Problems = []
    read_section(Card, {key: value for key, value in card.items() if key not in LOOSE}, "", problems)
    problems += [(key, "is missing") for key in LOOSE if key not in card]
    if problems:
        return problems
    _check_loose(card, problems)
    return problems or _contradictions(card)


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


def _contradictions(card: dict[str, Any]) -> Problems:
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
    problems = [(key, f"does not fit {other}") for key, (holds, other) in rules.items() if not holds]
    keys = [(entry["network"], entry["protocol"], entry["ipc"]) for entry in card["accuracies"]]
    if len(set(keys)) < len(keys):
        problems.append(("accuracies", "must not tell one network, protocol and ipc twice"))
    return problems


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
