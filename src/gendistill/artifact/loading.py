"""``gendistill.load(path)``: a distilled set in Python, for any network and any training loop."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gendistill.artifact.datasets import DistilledImages, FreshImages
from gendistill.artifact.file import check_kind, load_artifact
from gendistill.artifact.sampling import build_generator, fixed_set, sample
from gendistill.data.real import FITTERS
from gendistill.data.resident import standardise, to_uint8
from gendistill.networks.generator import Generator
from gendistill.runtime.errors import UserError


def load(path: str | Path, device: str | torch.device = "cpu") -> "Artifact":
    """Open a distilled set.

    Args:
        path: a ``.safetensors`` file that the pipeline or `gendistill export` wrote.
        device: where images are generated.

    Raises:
        UserError: the file is missing, no artifact of a generator, altered, or of a version that cannot be read; or
            there is no such device. No code of the file is run.
    """
    path = Path(path)
    tensors, card = load_artifact(path)
    check_kind(path, card, "generator")
    try:
        place = torch.device(device)
        return Artifact(path, card, build_generator(tensors, card, place))
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
        first = str(error).partition("\n")[0]
        raise UserError(f"device {device!r} cannot be used here ({first}); expected cpu, cuda or cuda:<n>") from error


class Artifact:
    """A distilled set: a generator, and how to use its images.

    Images have three forms. Pixels are uint8 in [0, 255] (`sample`); networks are trained on and tested with
    standardised images (`dataset`, `fresh`, `normalise`, `transform`), ``(p - mean) / std`` with p in [0, 1].

    Attributes:
        path: the file.
        card: everything the file says of itself, as JSON types; checked.
        generator: the network, in eval mode, without gradients.
        mean: (c,) float32 of the real training pixels in [0, 1], on the device.
        std: (c,) likewise.
    """

    def __init__(self, path: Path, card: dict[str, Any], generator: Generator) -> None:
        """Use `load`."""
        self.path, self.card, self.generator = path, card, generator
        ranges = card["normalisation"]
        self.mean, self.std = (torch.tensor(ranges[name], device=self.device) for name in ("mean", "std"))

    @property
    def device(self) -> torch.device:
        """Where images are generated."""
        return next(self.generator.parameters()).device

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; the label is the position."""
        return tuple(self.card["classes"])

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.card["image_shape"]
        return channels, height, width

    def sample(self, labels: Tensor | Sequence[int], generator: torch.Generator | None = None) -> Tensor:
        """A new image for every label.

        Args:
            labels: (n,) whole numbers, each below the number of classes.
            generator: random stream on the device; without one, torch's global stream gives the seed.

        Returns:
            (n, c, h, w) uint8 in [0, 255], on the device; `normalise` makes them what networks see.

        Raises:
            UserError: a label is no class.
        """
        wanted = torch.as_tensor(labels).cpu()
        top = len(self.classes)
        if wanted.ndim != 1 or wanted.is_floating_point() or (wanted < 0).any() or (wanted >= top).any():
            raise UserError(f"sample: labels must be a list of whole numbers from 0 to {top - 1}, found {labels!r:.80}")
        draw = generator or torch.Generator(self.device).manual_seed(int(torch.randint(2**62, ())))
        return to_uint8(sample(self.generator, wanted.to(self.device, torch.int64), draw))

    def dataset(
        self, ipc: int = 10, seed: int | None = None, transform: Callable[[Tensor], Any] | None = None
    ) -> DistilledImages:
        """Images drawn once, `ipc` of every class, on the CPU: the protocol ``fixed``.

        Args:
            ipc: images per class; >= 1.
            seed: of the draw, >= 0; None takes the run's, which gives the images of its `generate` stage.
            transform: called with an image (c, h, w) uint8; without one, items are standardised float32.

        Raises:
            UserError: a number is too small.
        """
        seed = self.card["parameters"]["seed"] if seed is None else seed
        if ipc < 1 or seed < 0:
            raise UserError(f"dataset: ipc is {ipc} and seed is {seed}; expected at least 1 and 0")
        images, labels = fixed_set(self.generator, ipc, seed=seed, source=self.card["source"])
        mean, std = self.mean.cpu(), self.std.cpu()
        return DistilledImages(images, labels, classes=self.classes, mean=mean, std=std, transform=transform)

    def fresh(self, batch_size: int = 100, seed: int = 0, rank: int | None = None) -> FreshImages:
        """New images at every step, without end, in batches on the device: the protocol ``fresh``.

        Args:
            batch_size: images of a batch; >= 1.
            seed: root of its random streams; >= 0.
            rank: see `FreshImages`.
        """
        return FreshImages(self.generator, batch_size=batch_size, seed=seed, mean=self.mean, std=self.std, rank=rank)

    def normalise(self, images: Tensor) -> Tensor:
        """Images as networks see them; on the device that they are on.

        Args:
            images: (..., c, h, w), uint8 in [0, 255] or floating point in [0, 1]; gradients flow to the latter.

        Returns:
            The same shape, floating point, standardised.
        """
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
