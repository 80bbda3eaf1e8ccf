"""A fixed set of labelled images as an artifact: the counterpart of a generator's file, with the same kind of card.

| tensor | meaning |
| --- | --- |
| ``images`` | (n, c, h, w); uint8 in [0, 255], or float32, standardised with the card's mean and std, not clamped |
| ``labels`` | (n,) int64, or (n, K) float32: soft labels, whose largest entry is the class |
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gendistill.artifact.arrays import Arrays
from gendistill.artifact.file import check_kind, load_artifact, save_artifact
from gendistill.data.resident import ImageSet, OnDevice, ResidentImages


@dataclass(frozen=True)
class StandardisedImages(OnDevice):
    """Images that were optimised in the standardised space, where they stay: they may leave the range of pixels.

    `images` is float32, standardised already.
    """

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised float32 images (b, c, h, w) and int64 labels (b,) at `index` (b,), on the device."""
        return self.images[index], self.labels[index]


@dataclass(frozen=True)
class StoredImages:
    """What a file of images holds; `gendistill.load` wraps it for use outside of the pipelines.

    Attributes:
        images: (n, c, h, w) uint8, or float32 standardised; on the CPU, like all of them.
        labels: (n,) int64, or (n, K) float32.
        card: what they are.
    """

    images: Tensor
    labels: Tensor
    card: dict[str, Any]

    @property
    def classes(self) -> Tensor:
        """Labels (n,) int64, soft ones by their largest entry."""
        return self.labels if self.labels.dim() == 1 else self.labels.argmax(1)

    @property
    def stored_bytes(self) -> int:
        """Bytes of images and labels; hard labels are implied by the order and count nothing."""
        soft = self.labels.numel() * self.labels.element_size() if self.labels.dim() == 2 else 0
        return self.images.numel() * self.images.element_size() + soft

    def on(self, device: torch.device | str) -> ImageSet:
        """The set as students see it, on a device, labelled by class."""
        normalisation = self.card["normalisation"]
        mean, std = (torch.tensor(normalisation[key], dtype=torch.float32, device=device) for key in ("mean", "std"))
        kind = ResidentImages if self.images.dtype == torch.uint8 else StandardisedImages
        return kind(self.images.to(device), self.classes.to(device), mean, std)


def save_images(path: Path, images: Tensor, labels: Tensor, card: dict[str, Any]) -> dict[str, Any]:
    """Write an artifact of images; the same content gives the same bytes. Returns the card as written."""
    return save_artifact(path, {"images": images.cpu().numpy(), "labels": labels.cpu().numpy()}, card)


def load_images(path: Path) -> StoredImages:
    """Read and verify an artifact of images.

    Raises:
        UserError: the file is no intact artifact, or holds a generator.
    """
    tensors, card = load_artifact(path)
    check_kind(path, card, "images")
    return stored_images(tensors, card)


def stored_images(tensors: Arrays, card: dict[str, Any]) -> StoredImages:
    """`load_images` for what `load_artifact` gave, which has held the tensors against the card."""
    return StoredImages(torch.from_numpy(tensors["images"]), torch.from_numpy(tensors["labels"]), card)


def pixels(images: Tensor, mean: Tensor, std: Tensor) -> NDArray[np.uint8]:
    """Images (n, c, h, w) as uint8 in [0, 255] to look at: standardised ones are brought back, and clamped."""
    if images.dtype == torch.uint8:
        return images.cpu().numpy()
    shown = (images * std[:, None, None] + mean[:, None, None]).clamp(0, 1) * 255
    return shown.round().to(torch.uint8).cpu().numpy()
