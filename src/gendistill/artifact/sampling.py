"""Images from an artifact: any number, any labels, on any device."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gendistill.artifact.arrays import Arrays
from gendistill.artifact.file import check_kind, load_artifact
from gendistill.data.order import class_major_labels
from gendistill.data.resident import to_uint8
from gendistill.networks.generator import Generator
from gendistill.networks.latent import sample_latent
from gendistill.runtime.streams import generator as stream

CHUNK = 1024  # images generated at a time


def load_generator(path: Path, device: torch.device | str) -> Generator:
    """The generator of an artifact, in eval mode, without gradients, its weights in float32.

    Raises:
        UserError: the file is no intact artifact of a generator.
    """
    tensors, card = load_artifact(path)
    check_kind(path, card, "generator")
    return build_generator(tensors, card, device)


def build_generator(tensors: Arrays, card: dict[str, Any], device: torch.device | str) -> Generator:
    """`load_generator` for what `load_artifact` gave, which has held the tensors against the card."""
    with torch.random.fork_rng(devices=[]):  # what it is initialised with is replaced
        network = Generator(**card["generator"])
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    # generating takes half the time in this layout, a quarter together with bf16 (2 CPU cores, 64 channels)
    network.to(device).to(memory_format=torch.channels_last)
    return network.eval().requires_grad_(False)


@torch.no_grad()
def sample(generator: Generator, labels: Tensor, draw: torch.Generator) -> Tensor:
    """One image for every label.

    Args:
        generator: in eval mode.
        labels: (n,) int64 on the generator's device.
        draw: random stream on that device.

    Returns:
        (n, c, h, w) in [-1, 1], contiguous. Latents are drawn for all labels at once, so the images do not depend on
        how they are chunked.
    """
    latents = sample_latent(len(labels), generator.latent, labels.device, draw)
    chunks = zip(latents.split(CHUNK), labels.split(CHUNK), strict=True)
    images = torch.cat([generator(z, y).float() for z, y in chunks])
    return images.contiguous()  # files want it, and students are slower in the generator's channels-last layout


def fixed_set(generator: Generator, ipc: int, *, seed: int, source: str) -> tuple[Tensor, Tensor]:
    """A set drawn once: `ipc` images of every class as uint8, and their labels, on the CPU.

    A function of (seed, source, ipc); sets of different `ipc` are independent draws.
    """
    device = next(generator.parameters()).device
    labels = class_major_labels(generator.num_classes, ipc, device)
    draw = stream(device, seed, "generate", source, ipc)
    images = to_uint8(sample(generator, labels, draw)).contiguous()  # from channels last, which files do not take
    return images.cpu(), labels.cpu()
