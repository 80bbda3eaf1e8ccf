"""What an artifact can be asked for, by the kind that its card names; imports no torch."""

from pathlib import Path
from typing import Any

from gendistill.runtime.errors import UserError

DRAWN_IPC = 10  # images per class that a generator draws where nobody says how many


def images_per_class(path: Path, card: dict[str, Any], asked: int | None) -> int:
    """How many images of every class are meant.

    Args:
        path: the artifact, for the message.
        card: its card.
        asked: images per class; None means `DRAWN_IPC` of a generator, and all that is stored of a set of images.

    Raises:
        UserError: another number than a set of images has.
    """
    if card["kind"] == "generator":
        return DRAWN_IPC if asked is None else asked
    stored: int = card["images"]["ipc"]
    if asked not in (None, stored):
        raise UserError(
            f"{path} holds {stored} images per class and no generator, so it cannot give {asked} (IPC); "
            f"ask for {stored}, or leave the number out"
        )
    return stored


def check_protocol(path: Path, card: dict[str, Any], protocol: str) -> None:
    """Make sure that students can be trained on it under a protocol.

    Raises:
        UserError: ``fresh``, which draws new images, is asked of a set of images.
    """
    if card["kind"] == "images" and protocol == "fresh":
        raise UserError(
            f"{path} holds {card['images']['ipc']} images per class and no generator, so there are no new ones for the "
            "protocol fresh; take fixed or fixed_plain"
        )
