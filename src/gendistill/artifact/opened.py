"""What opened artifacts of both kinds share: what the card says, ranges, and the way of real images to them."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gendistill.artifact.datasets import DistilledImages
from gendistill.data.real import FITTERS
from gendistill.data.resident import standardise
from gendistill.runtime.errors import UserError


class Artifact(ABC):
    """A distilled set, and how to use its images; `gendistill.load` gives one of the two kinds.

    Images have two forms. Pixels are uint8 in [0, 255]; networks are trained on and tested with standardised images
    (`dataset`, `normalise`, `transform`), ``(p - mean) / std`` with p in [0, 1].

    Attributes:
        path: the file.
        card: everything the file says of itself, as JSON types; checked.
        mean: (c,) float32 of the real training pixels in [0, 1], on the device.
        std: (c,) likewise.
    """

    def __init__(self, path: Path, card: dict[str, Any], device: torch.device) -> None:
        """Use `gendistill.load`."""
        self.path, self.card = path, card
        ranges = card["normalisation"]
        self.mean, self.std = (
            torch.tensor(ranges[name], dtype=torch.float32, device=device) for name in ("mean", "std")
        )

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.image_shape))
        return (
            f"{type(self).__name__}({str(self.path)!r}: {self.card['dataset']}, {len(self.classes)} classes, {shape})"
        )

    @abstractmethod
    def dataset(
        self, ipc: int | None = None, seed: int | None = None, transform: Callable[[Tensor], Any] | None = None
    ) -> DistilledImages:
        """Images that stay, on the CPU: the protocol ``fixed``.

        Args:
            ipc: images per class; None: what the kind has.
            seed: of the draw; None: the run's.
            transform: called with an image (c, h, w) uint8; without one, items are standardised float32.
        """

    @property
    def device(self) -> torch.device:
        """Where the artifact was loaded to."""
        return self.mean.device

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; the label is the position."""
        return tuple(self.card["classes"])

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.card["image_shape"]
        return channels, height, width

    def normalise(self, images: Tensor) -> Tensor:
        """Images as networks see them; on the device that they are on.

        Args:
            images: (..., c, h, w), uint8 in [0, 255] or floating point in [0, 1]; gradients flow to the latter.

        Returns:
            The same shape, floating point, standardised.

        Raises:
            UserError: the images have other channels than the artifact's.
        """
        if images.ndim < 3 or images.shape[-3] != len(self.mean):  # else one mean would spread over all channels
            raise UserError(
                f"normalise: images have shape {list(images.shape)}, expected (..., {len(self.mean)}, height, width)"
            )
        return standardise(images, self.mean.to(images.device), self.std.to(images.device))

    def transform(self, image: Image.Image | NDArray[np.uint8] | Tensor) -> Tensor:
        """A real image as networks see it: what goes into ``transform=`` of torchvision's data sets.

        It is brought to the artifact's channels and size as the training images were (`card["data"]["fit"]`).

        Args:
            image: a PIL image, an array (h, w) or (h, w, c) uint8, or a tensor (c, h, w) uint8.

        Returns:
            (c, height, width) float32, standardised, on the CPU.

        Raises:
            UserError: the image cannot be brought to that form.
        """
        channels, size, _ = self.image_shape
        if isinstance(image, Image.Image):
            image = np.asarray(image.convert("L" if channels == 1 else "RGB"))
        pixels = image.cpu().movedim(0, -1).numpy() if isinstance(image, Tensor) else np.asarray(image)
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != channels:
            raise UserError(
                f"transform: the image is {pixels.dtype} of shape {list(pixels.shape)} (height, width, channels), "
                f"but the artifact needs uint8 with {channels} channel{'s' if channels > 1 else ''}"
            )
        fit = FITTERS[self.card["data"]["fit"]]
        fitted = torch.from_numpy(np.ascontiguousarray(fit(pixels[None], size)[0].transpose(2, 0, 1)))
        return standardise(fitted, self.mean.cpu(), self.std.cpu())
