"""The distilled file: a generator's weights, or images, and a card that says what they are, in one safetensors file.

No pickle is read or written, and loading runs no code of the file. The card is JSON in the file's header; its
``sha256`` covers the tensors and the card without that field, so an altered file is recognised. Against a file made to
do harm the sum helps nothing: the card's fields are checked one by one (`legal`), and the tensors' names, shapes and
types are those that the card's architecture has before one of them is read.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gendistill.artifact.arrays import Arrays, contiguous
from gendistill.artifact.legal import generator_problems, images_problems, strange
from gendistill.artifact.shapes import Stored, generator_tensors, images_tensors
from gendistill.config.checks import Problems
from gendistill.config.constraints import show
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_atomically

FORMAT = 2  # raised when an older reader could not make sense of a newer file
MAX_HEADER = 2**24  # bytes; a card has a few thousand
SHOWN = 8  # problems told at once
KINDS: dict[str, tuple[Callable[[dict[str, Any]], Problems], Callable[[dict[str, Any]], Stored]]] = {
    "generator": (generator_problems, generator_tensors),
    "images": (images_problems, images_tensors),
}
"""What a file may hold -> what is wrong with such a card, and the tensors that a legal one stands for."""


def checksum(tensors: Arrays, card: dict[str, Any]) -> str:
    """Sha256 over names, types, shapes and bytes of the tensors and over the card without its ``sha256``."""
    digest = hashlib.sha256()
    rest = {key: value for key, value in card.items() if key != "sha256"}
    digest.update(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(tensors):
        value = contiguous(tensors[name])
        digest.update(f"{name} {value.dtype.str} {value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def save_artifact(path: Path, tensors: Arrays, card: dict[str, Any]) -> dict[str, Any]:
    """Write an artifact; the same content gives the same bytes.

    Args:
        path: file to write, atomically.
        tensors: the generator's weights and buffers, or images and labels, by name; of the types that the card's
            ``dtype`` asks for.
        card: what they are; ``format`` and ``sha256`` are filled in.

    Returns:
        The card as written.

    Raises:
        UserError: `load_artifact` would refuse the file; nothing is written.
    """
    card = {**card, "format": FORMAT}
    card["sha256"] = checksum(tensors, card)
    text = json.dumps(card, ensure_ascii=False)
    parse_card(path, text)
    kinds = {name: f"{value.dtype.kind.upper()}{8 * value.dtype.itemsize}" for name, value in tensors.items()}
    check_tensors(path, {name: (value.shape, kinds[name]) for name, value in tensors.items()}, card)
    check_values(path, tensors, card)
    # one metadata key only: safetensors writes several in no fixed order
    arrays = {name: contiguous(value) for name, value in tensors.items()}
    with write_atomically(path) as temporary:
        # not save_file, which hides the cause of a full disk
        temporary.write_bytes(save(arrays, metadata={"card": text}))
    return card


def load_artifact(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read and verify an artifact.

    Returns:
        Its tensors and its card.

    Raises:
        UserError: the file is missing, no artifact, of another format, incomplete, contradictory, or altered.
    """
    if not path.is_file():
        there = "is a folder" if path.is_dir() else "is no file" if path.exists() else "does not exist"
        raise UserError(f"{path} {there}; expected an artifact, a .safetensors file that `package` wrote")
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
        if length > MAX_HEADER:
            raise ValueError(f"its header claims {length} bytes, an artifact's has less than {MAX_HEADER}")
        with safe_open(path, framework="numpy") as file:
            card = parse_card(path, (file.metadata() or {}).get("card"))
            parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (no dict)
            found = {name: (tuple(part.get_shape()), str(part.get_dtype())) for name, part in parts.items()}
            check_tensors(path, found, card)
            tensors: Arrays = {name: file.get_tensor(name) for name in found}
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} is not a readable safetensors file ({brief(error)}); it is another kind of file, or truncated: "
            "get it again"
        ) from error
    if checksum(tensors, card) != card["sha256"]:
        raise UserError(
            f"{path}: the checksum in its card does not fit its content; it was altered or damaged: get it again"
        )
    check_values(path, tensors, card)
    return tensors, card


def parse_card(path: Path, text: str | None) -> dict[str, Any]:
    """The card of an artifact, every field checked.

    Raises:
        UserError: there is no card, or it is not one this version can read; names the fields.
    """
    if text is None:
        raise UserError(f"{path} has no card in its header; expected an artifact of gendistill")
    try:
        card = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: the card is not JSON ({brief(error)}); the file was altered or damaged") from error
    if not isinstance(card, dict) or type(card.get("format")) is not int:
        raise UserError(f"{path}: the card has no format number; expected an artifact of gendistill")
    if card["format"] > FORMAT:
        raise UserError(f"{path} has format {show(card['format'])}, this version reads {FORMAT}; update gendistill")
    if card["format"] < FORMAT:
        raise UserError(
            f"{path} has format {show(card['format'])}, this version reads {FORMAT}; make it again: `dvc repro package`"
        )
    problems = strange(card)
    if not problems and card.get("kind") not in KINDS:
        problems = [("kind", f"must be one of {', '.join(KINDS)}, found {show(card.get('kind'))}")]
    problems = problems or KINDS[card["kind"]][0](card)
    if problems:
        lines = [f"{key}: {what}" if key else what for key, what in problems[:SHOWN]]
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        told = "\n  ".join(map(brief, lines + more))
        raise UserError(f"{path}: the card is not one that gendistill writes:\n  {told}")
    return card


def check_kind(path: Path, card: dict[str, Any], kind: str) -> None:
    """Make sure that a file holds what is wanted of it.

    Raises:
        UserError: it holds another of `KINDS`.
    """
    if card["kind"] != kind:
        raise UserError(
            f"{path} holds {card['kind']}, expected {kind}; name an artifact of that kind (gendistill.load reads both)"
        )


def brief(text: object) -> str:
    """Text that a file may have put into a message: bounded, and without what would steer a terminal."""
    line = str(text)[:300]
    return line if line.isprintable() else ascii(line)[1:-1]


def check_tensors(path: Path, found: Stored, card: dict[str, Any]) -> None:
    """Hold names, shapes and types of the tensors against what the card describes.

    Raises:
        UserError: they differ; names one.
    """
    wanted = KINDS[card["kind"]][1](card)
    for name in sorted({*wanted, *found}):
        if found.get(name) != wanted.get(name):
            there, needed = (
                "none" if x is None else f"{x[1]} {list(x[0])}" for x in (found.get(name), wanted.get(name))
            )
            raise UserError(
                f"{path}: the tensors do not fit the {card['kind']} its card describes: "
                f"{show(name)} is {there}, expected {needed}"
            )


def check_values(path: Path, tensors: Arrays, card: dict[str, Any]) -> None:
    """Make sure that weights are numbers that images come out of, and that images lie class after class.

    Raises:
        UserError: a value is not finite, a variance is negative, or labels are not in order; names the tensor.
    """
    what = "images (infinite, or NaN)"
    if card["kind"] == "generator":
        what = "weights (infinite, NaN, or negative variances)"
    for name, value in tensors.items():
        if not np.isfinite(value).all() or (name.endswith("running_var") and (value < 0).any()):
            raise UserError(f"{path}: {name} holds values that are no {what}")
    if card["kind"] == "images" and tensors["labels"].ndim == 1:
        expected = np.arange(len(card["classes"])).repeat(card["images"]["ipc"])
        if not np.array_equal(tensors["labels"], expected):
            raise UserError(
                f"{path}: labels are not those of {card['images']['ipc']} images a class, class after class"
            )
