"""The distilled file: a generator's weights, or images, and a card that says what they are, in one safetensors file.

No pickle is read or written, and loading runs no code of the file. The card is JSON in the file's header; its
``sha256`` covers the tensors and the card without that field, so an altered file is recognised.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_atomically

FORMAT = 1  # raised when an older reader could not make sense of a newer file
Arrays = dict[str, NDArray[Any]]
REQUIRED = (
    "format",
    "method",
    "dataset",
    "classes",
    "normalisation",
    "image_shape",
    "generator",
    "recipe",
    "sha256",
)
KINDS = ("generator", "images")  # what a file holds; its card has an entry of that name that describes it


def contiguous(value: NDArray[Any]) -> NDArray[Any]:
    """The array in C order, its shape unchanged; ``np.ascontiguousarray`` would give a scalar one dimension."""
    return np.asarray(value, order="C")


def checksum(tensors: Arrays, card: dict[str, Any]) -> str:
    """Sha256 over names, types, shapes and bytes of the tensors and over the card without its ``sha256``."""
    digest = hashlib.sha256()
    rest = {key: value for key, value in card.items() if key != "sha256"}
    digest.update(json.dumps(rest, sort_keys=True, ensure_ascii=False).encode())
    for name in sorted(tensors):
        value = contiguous(tensors[name])
        digest.update(f"{name} {value.dtype.str} {value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def save_artifact(path: Path, tensors: Arrays, card: dict[str, Any]) -> dict[str, Any]:
    """Write an artifact; the same content gives the same bytes.

    Args:
        path: file to write, atomically.
        tensors: the generator's weights and buffers by name, or images and labels.
        card: what they are; ``format`` and ``sha256`` are filled in.

    Returns:
        The card as written.
    """
    card = {"format": FORMAT, **card}
    card["sha256"] = checksum(tensors, card)
    # one metadata key only: safetensors writes several in no fixed order
    header = {"card": json.dumps(card, ensure_ascii=False)}
    arrays = {name: contiguous(value) for name, value in tensors.items()}
    with write_atomically(path) as temporary:
        temporary.write_bytes(save(arrays, metadata=header))  # not save_file, which hides the cause of a full disk
    return card


def load_artifact(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read and verify an artifact.

    Returns:
        Its tensors and its card.

    Raises:
        UserError: the file is missing, no artifact, of a newer format, incomplete, or altered.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; expected an artifact that `generate` or `package` wrote")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            tensors: Arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} is not a readable safetensors file ({error}); it may be truncated: get it again"
        ) from error
    card = parse_card(path, header.get("card"))
    if checksum(tensors, card) != card["sha256"]:
        raise UserError(
            f"{path}: the checksum in its card does not fit its content; it was altered or damaged: get it again"
        )
    return tensors, card


def parse_card(path: Path, text: str | None) -> dict[str, Any]:
    """The card of an artifact, checked for format and fields.

    Raises:
        UserError: there is no card, or it is not one this version can read.
    """
    if text is None:
        raise UserError(f"{path} has no card in its header; expected an artifact of gendistill")
    try:
        card = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path}: the card is not JSON ({error}); the file was altered or damaged") from error
    if not isinstance(card, dict) or not isinstance(card.get("format"), int):
        raise UserError(f"{path}: the card has no format number; expected an artifact of gendistill")
    if card["format"] > FORMAT:
        raise UserError(f"{path} has format {card['format']}, this version reads up to {FORMAT}; update gendistill")
    # a card without a kind is a generator's
    required = [str(card.get("kind", key)) if key == "generator" else key for key in REQUIRED]
    missing = [key for key in required if key not in card]
    if missing:
        raise UserError(f"{path}: the card lacks {', '.join(missing)}; the file was altered or damaged")
    return card


def check_kind(path: Path, card: dict[str, Any], kind: str) -> None:
    """Make sure that a file holds what is wanted of it.

    Raises:
        UserError: it holds another of `KINDS`.
    """
    found = card.get("kind", "generator")
    if found != kind:
        raise UserError(f"{path} holds {found}, expected {kind}; name an artifact of that kind")
