"""Prepared images as they lie on the device: uint8, standardised when used; the one home of value ranges.

Three ranges occur. Stored images are uint8 in [0, 255]. Generators give tanh range [-1, 1]. Networks see
standardised pixels: (p - mean) / std with p in [0, 1] and the statistics of the training set.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gendistill.data.info import load_info
from gendistill.runtime.errors import UserError
from gendistill.runtime.streams import generator


def standardise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """``(p - mean) / std`` per channel, with p the pixel in [0, 1].

    Args:
        images: (n, c, h, w); uint8 in [0, 255], which is divided by 255, or floating point in [0, 1].
        mean: (c,) floating point, of pixels in [0, 1].
        std: (c,) likewise, positive.

    Returns:
        (n, c, h, w) floating point, standardised. Gradients flow to floating-point images.
    """
    pixels = images.to(mean.dtype) / 255 if images.dtype == torch.uint8 else images
    return (pixels - mean[:, None, None]) / std[:, None, None]


def from_tanh(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Generated images (n, c, h, w) in [-1, 1], standardised as real images are.

    The generator ends in tanh, so p = (x + 1) / 2 is its pixel in [0, 1]. Gradients flow through.
    """
    return standardise((images + 1) / 2, mean, std)


def to_tanh(images: Tensor) -> Tensor:
    """Stored images (n, c, h, w) uint8 in [0, 255] as float32 in [-1, 1], the generator's range."""
    return images.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Generated images in [-1, 1] as uint8 in [0, 255], rounded to nearest and clamped; no gradients."""
    return ((images.detach().float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)


@dataclass(frozen=True)
class ResidentImages:
    """One split of a prepared data set on one device.

    Attributes:
        images: (n, c, h, w) uint8.
        labels: (n,) int64.
        mean: (c,) float32, of the training pixels in [0, 1], whatever the split.
        std: (c,) float32, likewise.
    """

    images: Tensor
    labels: Tensor
    mean: Tensor
    std: Tensor

    def __len__(self) -> int:
        return self.images.shape[0]

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised float32 images (b, c, h, w) and int64 labels (b,) at `index` (b,), on the device."""
        return standardise(self.images[index], self.mean, self.std), self.labels[index]

    def random_batch(self, batch_size: int, seed: int, purpose: str, step: int) -> tuple[Tensor, Tensor]:
        """`batch` of images drawn uniformly with replacement; a pure function of its arguments."""
        device = self.images.device
        stream = generator(device, seed, purpose, "batch", step)
        return self.batch(torch.randint(len(self), (batch_size,), generator=stream, device=device))


def load_split(folder: Path, split: str, device: torch.device | str) -> ResidentImages:
    """Put one split (`train`, `held_out` or `test`) of a prepared folder on `device`.

    Raises:
        UserError: the folder was not prepared, or the split's file is damaged or does not fit `info.json`.
    """
    info = load_info(folder)
    path = folder / f"{split}.safetensors"
    again = f"delete {folder} and run `dvc repro prepare`"
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}): {again}") from None
    images, labels = tensors.get("images"), tensors.get("labels")
    shape = (info.counts[split], info.channels, info.image_size, info.image_size)
    if images is None or labels is None or tuple(images.shape) != shape or labels.shape != shape[:1]:
        found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        raise UserError(f"{path} holds {found}, but {folder}/info.json promises images {shape}: {again}")
    mean, std = (torch.tensor(values, dtype=torch.float32) for values in (info.mean, info.std))
    return ResidentImages(images.to(device), labels.to(device), mean.to(device), std.to(device))
