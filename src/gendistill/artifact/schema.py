"""The fields of a card, with their types and ranges; `legal` reads cards by them. Imports no torch.

Numbers are bounded, so that no field can ask for memory or time without end.
"""

from dataclasses import dataclass
from typing import Annotated

from gendistill.config.benchmark import FixedRecipe
from gendistill.config.catalogue.gan import CONDITIONINGS
from gendistill.config.catalogue.images import FITS, IMAGE_SIZES
from gendistill.config.catalogue.protocols import PROTOCOLS
from gendistill.config.catalogue.sources import GENERATED_SOURCES
from gendistill.config.constraints import Above, Matches, NotEmpty, OneOf, Unique
from gendistill.config.methods import METHODS
from gendistill.config.schema import RecipeParams

DTYPES = ("float16", "float32")
IMAGE_PIXELS = {
    "uint8": "x / 255, to be standardised",
    "float32": "standardised: pixel = x std + mean, not clamped",
}
"""Type of stored images -> what their values are."""
LABELS = ("class numbers", "soft, centred")


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
Side = Annotated[int, OneOf(IMAGE_SIZES)]
Width = Annotated[float, Above(0), Between(0, 64)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """How the real images were prepared, so that test images can be.

    Attributes:
        fit: how images of another size were brought to `image_shape`, a name in `catalogue.images.FITS`.
        split_seed: drew the test part of a set that has none of its own.
        checksum: of the prepared images.
    """

    fit: Annotated[str, OneOf(tuple(FITS))]
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
    conditioning: Annotated[str, OneOf(tuple(CONDITIONINGS))]


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
        protocol: a name in `catalogue.protocols.PROTOCOLS`.
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

    protocol: Annotated[str, OneOf(tuple(PROTOCOLS))]
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
class AnyCard:
    """The fields of every card that stand for themselves; `legal` checks the rest.

    Attributes:
        format: version of this form.
        method: what made the content, in words.
        dataset: name of the data set.
        classes: their names; the label is the position.
        image_shape: channels, height, width.
        step: training step that the content is of.
        sha256: of tensors and card.
        data: how real images were prepared.
    """

    format: int
    method: Text
    dataset: Text
    classes: Annotated[tuple[Text, ...], NotEmpty(), Unique()]
    image_shape: tuple[Annotated[int, Between(1, 128)], ...]
    step: Whole
    sha256: Digest
    data: Data


@dataclass(frozen=True, kw_only=True, slots=True)
class Card(AnyCard):
    """The card of a generator.

    Attributes:
        kind: what the file holds.
        source: name of what made it in `catalogue.sources.SOURCES`.
        dtype: of the weights in the file; vectors (biases, statistics) are float32 always.
        normalisation: value ranges.
        generator: the architecture.
        recipe: how students are trained.
    """

    kind: Annotated[str, OneOf(("generator",))]
    source: Annotated[str, OneOf(GENERATED_SOURCES)]
    dtype: Annotated[str, OneOf(DTYPES)]
    normalisation: Normalisation
    generator: Architecture
    recipe: Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageNormalisation:
    """Value ranges of stored images.

    Attributes:
        pixels: what the values are, one of `IMAGE_PIXELS`.
        mean: per channel, of pixels in [0, 1], that students see subtracted.
        std: likewise, divided by; > 0.
    """

    pixels: Annotated[str, OneOf(tuple(IMAGE_PIXELS.values()))]
    mean: tuple[Share, ...]
    std: tuple[Annotated[float, Above(0), Between(0, 1)], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """What is stored.

    Attributes:
        ipc: images per class.
        labels: one of `LABELS`; soft ones give the class by their largest entry.
    """

    ipc: Count
    labels: Annotated[str, OneOf(LABELS)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagesRecipe(FixedRecipe):
    """Section ``recipe`` of benchmark/params.yaml, and what is the same for every run.

    Attributes:
        optimizer: of the student.
        loss: of the student.
        schedule: of its learning rate.
    """

    optimizer: Annotated[str, OneOf(("SGD",))]
    loss: Annotated[str, OneOf(("cross-entropy",))]
    schedule: Annotated[str, OneOf(("half",))]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagesCard(AnyCard):
    """The card of a fixed set of images.

    Attributes:
        kind: what the file holds.
        source: name of the method in `gendistill.config.methods.METHODS`.
        dtype: of the images in the file, a key of `IMAGE_PIXELS`.
        normalisation: value ranges.
        images: how many, and how they are labelled.
        recipe: how students are trained.
    """

    kind: Annotated[str, OneOf(("images",))]
    source: Annotated[str, OneOf(tuple(METHODS))]
    dtype: Annotated[str, OneOf(tuple(IMAGE_PIXELS))]
    normalisation: ImageNormalisation
    images: Images
    recipe: ImagesRecipe
