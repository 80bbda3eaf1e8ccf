"""An artifact to give away: half precision where it is asked for, and a card that says how good it is."""

from pathlib import Path
from typing import Any

import numpy as np

from gendistill.artifact.arrays import Arrays
from gendistill.artifact.file import load_artifact, save_artifact
from gendistill.artifact.shapes import stored_type
from gendistill.runtime.errors import UserError

LARGEST = 65504.0  # of half precision
NUMPY = {"F16": np.float16, "F32": np.float32, "I64": np.int64}


def export_artifact(
    source: Path,
    out: Path,
    *,
    dtype: str | None = None,
    accuracies: list[dict[str, Any]] | None = None,
    provenance: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write a copy of an artifact.

    Args:
        source: the artifact.
        out: file to write.
        dtype: of weights, ``float16`` (None, too) or ``float32``; None for images, which stay as they are.
        accuracies: entries of the card, see `gendistill.artifact.schema.Accuracy`; None keeps those of `source`.
        provenance: where they come from; None keeps that of `source`.

    Returns:
        The card as written.

    Raises:
        UserError: `source` cannot be read, a weight is too large for half precision, images are to have another
            precision, or the card would not be legal.
    """
    tensors, card = load_artifact(source)
    if card["kind"] == "images" and dtype is not None:
        raise UserError(f"{source} holds images, which stay in {card['dtype']}; only weights are told a precision")
    if accuracies is not None:
        # what was measured are images of the weights in their precision then
        card["accuracies"], card["provenance"] = accuracies, {**(provenance or {}), "measured_in": card["dtype"]}
    if card["kind"] == "generator":
        card["dtype"] = dtype or "float16"
        tensors = converted(source, tensors, card["dtype"])
    return save_artifact(out, tensors, card)


def converted(source: Path, tensors: Arrays, dtype: str) -> Arrays:
    """The tensors in the types that an artifact of this precision has.

    Raises:
        UserError: a weight is beyond half precision.
    """
    types = {name: NUMPY[stored_type(value.shape, name, dtype)] for name, value in tensors.items()}
    for name, value in tensors.items():
        largest = float(np.abs(value).max(initial=0))
        if types[name] is np.float16 and largest > LARGEST:
            raise UserError(
                f"{source}: {name} holds {largest:g}, which float16 cannot hold ({LARGEST:g}); export float32"
            )
    return {name: value.astype(types[name]) for name, value in tensors.items()}
