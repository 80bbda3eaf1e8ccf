"""``gendistill.load(path)``: a distilled set in Python, for any network and any training loop."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import Tensor

from gendistill.artifact.datasets import DistilledImages, FreshImages
from gendistill.artifact.file import load_artifact
from gendistill.artifact.images import StoredImages, pixels, stored_images
from gendistill.artifact.kinds import images_per_class
from gendistill.artifact.opened import Artifact
from gendistill.artifact.sampling import build_generator, fixed_set, sample
from gendistill.data.resident import to_uint8
from gendistill.networks.generator import Generator
from gendistill.runtime.errors import UserError


def load(path: str | Path, device: str | torch.device = "cpu") -> "GeneratorArtifact | ImageArtifact":
    """Open a distilled set.

    Args:
        path: a ``.safetensors`` file that a pipeline or `gendistill export` wrote.
        device: where images are generated; stored ones stay on the CPU.

    Returns:
        By what the file holds, a `GeneratorArtifact` or an `ImageArtifact`; both have a `dataset`.

    Raises:
        UserError: the file is missing, no artifact, altered, or of a version that cannot be read; or there is no such
            device. No code of the file is run.
    """
    path = Path(path)
    tensors, card = load_artifact(path)
    try:
        place = torch.device(device)
        if card["kind"] == "images":
            return ImageArtifact(path, stored_images(tensors, card), place)
        return GeneratorArtifact(path, card, build_generator(tensors, card, place))
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
        first = str(error).partition("\n")[0]
        raise UserError(f"device {device!r} cannot be used here ({first}); expected cpu, cuda or cuda:<n>") from error


class GeneratorArtifact(Artifact):
    """A generator: as many images as are wanted, drawn once (`dataset`), or new ones without end (`fresh`, `sample`).

    Attributes:
        generator: the network, in eval mode, without gradients, on the device.
    """

    def __init__(self, path: Path, card: dict[str, Any], generator: Generator) -> None:
        """Use `load`."""
        super().__init__(path, card, next(generator.parameters()).device)
        self.generator = generator

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
        self, ipc: int | None = None, seed: int | None = None, transform: Callable[[Tensor], Any] | None = None
    ) -> DistilledImages:
        """Images drawn once, `ipc` of every class, on the CPU: the protocol ``fixed``.

        Args:
            ipc: images per class; >= 1; None: 10.
            seed: of the draw, >= 0; None takes the run's, which gives the images of its `generate` stage.
            transform: called with an image (c, h, w) uint8; without one, items are standardised float32.

        Raises:
            UserError: a number is too small.
        """
        ipc = images_per_class(self.path, self.card, ipc)
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


class ImageArtifact(Artifact):
    """A fixed set of images. Nothing can be drawn from it, so it has neither `sample` nor `fresh`.

    Attributes:
        stored: images and labels as they lie in the file.
    """

    def __init__(self, path: Path, stored: StoredImages, device: torch.device) -> None:
        """Use `load`."""
        super().__init__(path, stored.card, device)
        self.stored = stored

    if not TYPE_CHECKING:  # checkers know that there is none; who asks all the same is told why

        def __getattr__(self, name: str) -> NoReturn:
            why = ": it holds images and no generator, so nothing new can be drawn; take `dataset`"
            told = why if name in ("sample", "fresh", "generator") else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{told}")

    def dataset(
        self, ipc: int | None = None, seed: int | None = None, transform: Callable[[Tensor], Any] | None = None
    ) -> DistilledImages:
        """The stored images, on the CPU, in the order of the file: the protocol ``fixed``.

        Images that were learned lie in the standardised space and may leave the range of pixels: items are exactly the
        stored values, as in the evaluation. A soft label gives the class of its largest entry.

        Args:
            ipc: images per class; None, or as many as are stored.
            seed: None, or the one that the set was made with: nothing is drawn here.
            transform: called with an image (c, h, w) uint8, for which learned ones are brought back to pixels, rounded
                and clamped; without one, items are standardised float32.

        Raises:
            UserError: there is no such number of images, or another seed is asked for.
        """
        images_per_class(self.path, self.card, ipc)
        made = self.card["parameters"]["seed"]
        if seed not in (None, made):
            raise UserError(f"dataset: {self.path} holds the images of seed {made} and draws none for seed {seed}")
        mean, std, images = self.mean.cpu(), self.std.cpu(), self.stored.images
        return DistilledImages(
            torch.from_numpy(pixels(images, mean, std)),
            self.stored.classes,
            classes=self.classes,
            mean=mean,
            std=std,
            transform=transform,
            learned=None if images.dtype == torch.uint8 else images,
        )
