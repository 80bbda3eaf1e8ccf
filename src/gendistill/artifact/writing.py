"""A set drawn once as files that other tools read: pictures in folders, .npz, .pt, or one picture of all."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gendistill.artifact.datasets import DistilledImages
from gendistill.artifact.fixed import save_grid
from gendistill.data.resident import ImageSet
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_atomically

FORMATS = ("png", "npz", "pt", "grid")
ORIGIN = "origin.json"  # also says that the folder is one that may be replaced


def class_folders(classes: tuple[str, ...]) -> list[str]:
    """A folder name for every class; their alphabetical order, which ``ImageFolder`` counts by, is that of the labels.

    The classes' own names where they are plain file names in that order; else a number in front of what is left of
    them. No name leads out of the folder.
    """
    plain = all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_ -]{0,80}", name) for name in classes)
    if plain and list(classes) == sorted(classes) and len({name.lower() for name in classes}) == len(classes):
        return list(classes)
    digits = len(str(len(classes) - 1))
    kept = [re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:40].strip("-") for name in classes]
    return [f"{label:0{digits}d}_{name}".rstrip("_") for label, name in enumerate(kept)]


def write_set(
    out: Path,
    data: DistilledImages,
    form: str,
    *,
    origin: dict[str, Any],
    real: ImageSet | None = None,
    force: bool = False,
) -> list[str]:
    """Write a set; the folder appears whole or not at all.

    Args:
        out: folder to make.
        data: the images.
        form: one of `FORMATS`. ``png``: a folder a class. ``npz``: images.npz with train_images (n, h, w) or
            (n, h, w, 3) uint8 and train_labels (n, 1), as MedMNIST names them. ``pt``: images.pt (n, c, h, w) float32,
            standardised, and labels.pt (n,) int64, class after class but for soft labels. ``grid``: grid.png, a row a
            class. Learned images are exact in images.pt only: pixels are rounded and clamped.
        origin: what the set was made from; written beside it.
        real: under ``npz``, test images to put in as test_images and test_labels.
        force: replace a folder that this function wrote before.

    Returns:
        What was written, relative to `out`: files, and folders with a final slash.

    Raises:
        UserError: `out` is there and may not be replaced, or cannot be written.
    """
    check_place(out, force=force)
    with write_atomically(out) as folder:
        folder.mkdir()
        {"png": _pngs, "npz": _npz, "pt": _tensors, "grid": _grid}[form](folder, data, real)
        (folder / ORIGIN).write_text(json.dumps(origin, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written = sorted(path.name + ("/" if path.is_dir() else "") for path in folder.iterdir())
    return written


def check_place(out: Path, *, force: bool) -> None:
    """Refuse to replace what this module did not write.

    Args:
        out: folder to make.
        force: replace a folder that `write_set` wrote.

    Raises:
        UserError: something else is there, or `force` is needed.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not out.is_dir():
        raise UserError(f"{out} is a file; give a folder that is not there yet")
    if not (out / ORIGIN).is_file():
        raise UserError(f"{out} is not empty, and `gendistill sample` did not write it; give another folder")
    if not force:
        raise UserError(f"{out} is not empty; give another folder, or --force to replace it")


def _last(images: Tensor) -> NDArray[np.uint8]:
    """Images (n, c, h, w) as (n, h, w) or (n, h, w, 3)."""
    pixels = images.permute(0, 2, 3, 1).cpu().numpy()
    return np.ascontiguousarray(pixels[..., 0] if pixels.shape[3] == 1 else pixels)


def _pngs(folder: Path, data: DistilledImages, real: ImageSet | None) -> None:
    names = class_folders(data.classes)
    for name in names:
        (folder / name).mkdir()
    digits = len(str(len(data)))
    for number, (pixels, label) in enumerate(zip(_last(data.images), data.labels.tolist(), strict=True)):
        Image.fromarray(pixels).save(folder / names[label] / f"{number:0{digits}d}.png")


def _npz(folder: Path, data: DistilledImages, real: ImageSet | None) -> None:
    arrays = {"train_images": _last(data.images), "train_labels": data.labels[:, None].numpy()}
    if real is not None:
        pixels = real.gather(torch.arange(len(real), device=real.device))
        arrays |= {"test_images": _last(pixels), "test_labels": real.labels[:, None].cpu().numpy()}
    np.savez_compressed(folder / "images.npz", **arrays)  # type: ignore[arg-type]  # of allow_pickle


def _tensors(folder: Path, data: DistilledImages, real: ImageSet | None) -> None:
    torch.save(data.standardised(), folder / "images.pt")
    torch.save(data.labels, folder / "labels.pt")


def _grid(folder: Path, data: DistilledImages, real: ImageSet | None) -> None:
    save_grid(folder / "grid.png", data.images.numpy(), len(data) // len(data.classes))
