"""A split written to its tensor file as its images arrive, so that no more than a block of them is in memory."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gendistill.data.raw import Histogram, Labels, Pixels


def header(counts: int, image: tuple[int, int, int]) -> bytes:
    """What a safetensors file of `counts` labels and images (c, h, w) begins with.

    Eight bytes of length, then JSON padded with spaces to a multiple of eight; the wider type comes first.
    """
    labels, pixels = 8 * counts, counts * int(np.prod(image))
    content = {
        "labels": {"dtype": "I64", "shape": [counts], "data_offsets": [0, labels]},
        "images": {"dtype": "U8", "shape": [counts, *image], "data_offsets": [labels, labels + pixels]},
    }
    text = json.dumps(content, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def write_split(
    path: Path, split: str, labels: Labels, image: tuple[int, int, int], blocks: Iterable[tuple[Pixels, Histogram]],
    digest: "hashlib._Hash",
) -> Histogram:  # fmt: skip
    """Write the labels (n,) and the images of one split, and add both to the data set's checksum.

    Args:
        path: the file.
        split: its name in the checksum.
        labels: (n,) int64.
        image: (c, h, w).
        blocks: n images, some at a time, each block with the counts of its pixel values.
        digest: SHA-256 over names, types, shapes and bytes, images before labels; updated.

    Returns:
        How often each pixel value occurs, (c, 256) int64.
    """
    total = np.zeros((image[0], 256), np.int64)
    n = len(labels)
    digest.update(f"{split}/images/|u1/{(n, *image)}".encode())
    with path.open("wb") as file:
        file.write(header(n, image))
        file.write(np.ascontiguousarray(labels, "<i8").tobytes())
        for pixels, counts in blocks:
            file.write(pixels.data)
            digest.update(pixels.data)
            total += counts
    digest.update(f"{split}/labels/<i8/{(n,)}".encode())
    digest.update(np.ascontiguousarray(labels, "<i8").tobytes())
    return total
