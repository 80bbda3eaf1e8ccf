"""Open a split of prepared data: on the device where it fits, else streamed from its file."""

import json
import math
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from gendistill.data.info import load_info, preparing
from gendistill.data.resident import ImageSet, ResidentImages
from gendistill.data.streamed import StreamedImages
from gendistill.runtime.errors import UserError

MIB = 2**20


def load_split(folder: Path, split: str, device: torch.device | str, resident_limit_mib: int) -> ImageSet:
    """Open one split (`train`, `held_out` or `test`) of a prepared folder for use on `device`.

    Args:
        folder: what `prepare` made.
        split: its name.
        device: where labels lie and batches go.
        resident_limit_mib: images of more MiB (2^20 bytes) than this stay on disk and are streamed; 0 = all do.

    Raises:
        UserError: the folder was not prepared, or the split's file is damaged or does not fit `info.json`.
    """
    info = load_info(folder)
    path = folder / f"{split}.safetensors"
    again = f"delete {folder} and run {preparing(folder)}"
    shape = (info.counts[split], info.channels, info.image_size, info.image_size)
    promised = {"images": f"{shape} of U8", "labels": f"{shape[:1]} of I64"}
    mean, std = (torch.tensor(values, dtype=torch.float32, device=device) for values in (info.mean, info.std))
    try:
        with safe_open(path, framework="pt") as file:
            parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
            found = {name: f"{tuple(part.get_shape())} of {part.get_dtype()}" for name, part in parts.items()}
            if found != promised:
                raise UserError(f"{path} holds {found}, but {folder}/info.json promises {promised}: {again}")
            labels = file.get_tensor("labels").to(device, copy=True)  # a copy: what it gives may be mapped
            if math.prod(shape) <= resident_limit_mib * MIB:
                return ResidentImages(file.get_tensor("images").to(device), labels, mean, std)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}): {again}") from None
    return StreamedImages(path, tensor_start(path, "images"), shape, labels, mean, std)


def tensor_start(path: Path, name: str) -> int:
    """Byte at which the data of a tensor begin in a safetensors file: 8 bytes of length, a JSON header, the data."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        begin: int = json.loads(file.read(length))[name]["data_offsets"][0]
    return 8 + length + begin
