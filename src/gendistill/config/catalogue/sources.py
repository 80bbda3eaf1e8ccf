"""Sources: where the images that a student learns from come from."""

from dataclasses import dataclass
from typing import Final, Literal

from gendistill.config.catalogue.table import table


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceInfo:
    """Where the images that a student learns from come from.

    Attributes:
        name: its name in params.yaml and in file names.
        title: its name in tables.
        kind: `generated` sets are chosen by `sources`; a `control` runs with `evaluate.control_networks`.
        description: one line.
        terms: of the matching terms ``global`` and ``local`` of Eq. 8, those its distillation has; the others weigh 0.
    """

    name: str
    title: str
    kind: Literal["generated", "control"]
    description: str
    terms: tuple[str, ...] = ()


SOURCES: Final[dict[str, SourceInfo]] = table(
    SourceInfo(
        name="cgan",
        title="CGAN",
        kind="generated",
        description="the conditional GAN alone (step 1 of the paper)",
    ),
    SourceInfo(
        name="continued",
        title="CGAN, continued",
        kind="generated",
        description="the GAN trained on by the steps of a distillation, without matching: what the steps alone do",
    ),
    SourceInfo(
        name="dim",
        title="DiM",
        kind="generated",
        description="distilled with the global term only (omega_l = 0)",
        terms=("global",),
    ),
    SourceInfo(
        name="ours",
        title="Ours",
        kind="generated",
        description="distilled with the global and the local term",
        terms=("global", "local"),
    ),
    SourceInfo(
        name="real",
        title="Real, fresh",
        kind="control",
        description="real training images, new ones every step, under the budget of `fresh`",
    ),
    SourceInfo(
        name="random",
        title="Real, random",
        kind="control",
        description="real training images, drawn once per class, under the budget of `fixed`",
    ),
    SourceInfo(
        name="whole",
        title="Whole training set",
        kind="control",
        description="every training image, under a recipe of its own",
    ),
)
GENERATED_SOURCES: Final = tuple(source.name for source in SOURCES.values() if source.kind == "generated")
CONTROL_SOURCES: Final = tuple(source.name for source in SOURCES.values() if source.kind == "control")
