"""Short names for tables and pictures: the data set, sources in their order, and sizes."""

from pathlib import Path
from typing import Final

from gendistill.config.catalogue.datasets import DATASETS
from gendistill.config.schema import ImageParams

SOURCE_ORDER: Final = ("whole", "real", "random", "cgan", "continued", "dim", "ours")

# A few words each: a table's left column has no room for the catalogue's descriptions.
SHORT: Final = {
    "whole": "all real training images",
    "real": "real images, new every step",
    "random": "real images, drawn once",
    "cgan": "conditional GAN, undistilled",
    "continued": "the GAN trained on, no matching",
    "dim": "distilled, global term only",
    "ours": "distilled generator",
}

CAPTIONS: Final = {
    "cgan": "CGAN",
    "continued": "CGAN, continued",
    "dim": "Distilled (DiM)",
    "ours": "Distilled (ours)",
}

# A control belongs to the protocols whose supply of images it imitates.
CONTROL_PROTOCOLS: Final = {"real": ("fresh",), "random": ("fixed", "fixed_plain")}


def data_title(data: ImageParams) -> str:
    """The data set for headings: ``CIFAR-10``, or for one's own by its last part ``pictures (image folder)``."""
    title = DATASETS[data.name].title
    return f"{Path(data.path).name or data.path} ({title})" if data.path else title


def source_label(source: str) -> str:
    """The source's name with its meaning, for the left column of a table."""
    return f"{source}: {SHORT[source]}" if source in SHORT else source


# Classes of the page's style sheet; other sources share the rest.
OWN_COLORS: Final = frozenset(SHORT)
FREE_COLORS: Final = ("c-4", "c-5", "c-6", "c-3")


def source_color(source: str) -> str:
    """The style sheet's class that colours a source, the same in every chart."""
    return f"c-{source}" if source in OWN_COLORS else FREE_COLORS[sum(source.encode()) % len(FREE_COLORS)]


def source_rank(source: str) -> tuple[int, str]:
    """Sort key: the order of `SOURCE_ORDER`, then unknown sources by name."""
    known = SOURCE_ORDER.index(source) if source in SOURCE_ORDER else len(SOURCE_ORDER)
    return known, source


def spread_text(std: float, n: int) -> str:
    """`` ± 0.012``, a sample standard deviation; nothing for n = 1, which has none."""
    return f" ± {std:.3f}" if n > 1 else ""


def students_text(n: int) -> str:
    """``5 students``, ``1 student``."""
    return f"{n} student{'s' if n > 1 else ''}"


def readable_bytes(count: int) -> str:
    """A size in decimal units with at most three digits before the unit, such as ``14.2 MB``."""
    size, units = float(count), ("B", "kB", "MB", "GB")
    for unit in units[:-1]:
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} {units[-1]}"
