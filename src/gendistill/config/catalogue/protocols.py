"""Protocols: how a student sees the images of a source."""

from dataclasses import dataclass
from typing import Final

from gendistill.config.catalogue.table import table


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolInfo:
    """How often, and under which augmentation, a student sees the images of a source.

    Attributes:
        name: its name in params.yaml and in metrics.
        title: its name in tables.
        fresh_images: every step sees new images; otherwise they are drawn once.
        description: one line.
    """

    name: str
    title: str
    fresh_images: bool
    description: str


PROTOCOLS: Final[dict[str, ProtocolInfo]] = table(
    ProtocolInfo(
        name="fresh",
        title="fresh",
        fresh_images=True,
        description="new images every step; ipc counts images per class and epoch",
    ),
    ProtocolInfo(
        name="fixed",
        title="fixed",
        fresh_images=False,
        description="images drawn once, DSA augmentation; ipc counts images per class in all",
    ),
    ProtocolInfo(
        name="fixed_plain",
        title="fixed, plain",
        fresh_images=False,
        description="images drawn once, no augmentation; ipc counts images per class in all",
    ),
)

FIXED_PROTOCOLS: Final = tuple(name for name, protocol in PROTOCOLS.items() if not protocol.fresh_images)
