"""The fields of a card, with their types and ranges; `legal` reads cards by them. Imports no torch.

Numbers are bounded, so that no field can ask for memory or time without end.
"""

from dataclasses import dataclass
from typing import Annotated

from gendistill.config import catalogue as names
from gendistill.config.constraints import Above, Matches, NotEmpty, OneOf, Unique
from gendistill.config.schema import RecipeParams

DTYPES = ("float16", "float32")


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
    """The fields of a card that stand for themselves; `legal` checks the rest.

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
