"""A set drawn once, on disk: images and labels as a tensor file, and a picture of it."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_atomically

COLUMNS = 50  # images of one class in a picture, at most
GAP = 2  # pixels between images


def save_fixed_set(path: Path, images: Tensor, labels: Tensor) -> None:
    """Write images (n, c, h, w) uint8 and labels (n,) int64."""
    with write_atomically(path) as temporary:
        # not save_file, which hides the cause of a full disk
        temporary.write_bytes(save({"images": images, "labels": labels}))


def load_fixed_set(path: Path) -> tuple[Tensor, Tensor]:
    """Images (n, c, h, w) uint8 and labels (n,) int64, on the CPU.

    Raises:
        UserError: the set was not generated, or its file is damaged.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; run `dvc repro generate` first")
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}); delete it and run `dvc repro generate`") from error
    return tensors["images"], tensors["labels"]


def grid(images: NDArray[np.uint8], ipc: int) -> NDArray[np.uint8]:
    """Arrange class-major images (n, c, h, w) as one picture (H, W, c): a row a class, up to `COLUMNS` columns."""
    classes, (channels, height, width) = len(images) // ipc, images.shape[1:]
    shown = images.reshape(classes, ipc, channels, height, width)[:, :COLUMNS]
    padded = np.pad(shown, ((0, 0), (0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=255)
    rows = padded.transpose(0, 3, 1, 4, 2)  # class, y, column, x, channel
    return rows.reshape(classes * (height + GAP), shown.shape[1] * (width + GAP), channels)[:-GAP, :-GAP]


def save_grid(path: Path, images: NDArray[np.uint8], ipc: int) -> None:
    """Write the picture as PNG; the same images give the same bytes."""
    picture: NDArray[Any] = grid(images, ipc)
    with write_atomically(path) as temporary:
        Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(temporary, format="PNG")
