"""A trained GAN on disk: networks and optimiser states in one safetensors file, equal bytes for equal content."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from gendistill.gan.train import GanState
from gendistill.networks.generator import Generator
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_atomically

NETWORKS = ("generator", "discriminator", "average")
OPTIMIZERS = ("generator_optimizer", "discriminator_optimizer")


def save_gan(path: Path, state: GanState) -> None:
    """Write networks and optimiser states, atomically."""
    dump = state.dump()
    tensors: dict[str, Tensor] = {}
    for part in NETWORKS:
        for name, value in (dump[part] or {}).items():
            tensors[f"{part}/{name}"] = value.detach().cpu().contiguous().clone()
    for part in OPTIMIZERS:
        for index, slots in dump[part]["state"].items():
            for slot, value in slots.items():
                tensors[f"{part}/{index}/{slot}"] = value.detach().cpu().contiguous().clone()
    with write_atomically(path) as temporary:
        temporary.write_bytes(save(tensors))  # not save_file, which hides the cause of a full disk


def load_gan(path: Path, state: GanState) -> None:
    """Put a saved GAN into freshly built networks and optimisers of the same parameters.

    Raises:
        UserError: the file is missing, or was written with other parameters.
    """
    tensors = _read(path)
    dump = state.dump()
    saved: dict[str, Any] = {"step": state.step}
    for part in NETWORKS:
        saved[part] = _part(tensors, part)
    for part in OPTIMIZERS:
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith(f"{part}/"):
                _, index, slot = name.split("/")
                slots.setdefault(int(index), {})[slot] = value
        saved[part] = {"state": slots, "param_groups": dump[part]["param_groups"]}
    try:
        state.load(saved)
    except (RuntimeError, ValueError) as error:
        raise _misfit(path, error) from error


def load_deployed(path: Path, generator: Generator) -> None:
    """Put the generator that a saved GAN hands on into `generator`: the moving average where one was kept.

    Raises:
        UserError: as `load_gan`.
    """
    tensors = _read(path)
    try:
        generator.load_state_dict(_part(tensors, "average") or _part(tensors, "generator"))
    except RuntimeError as error:
        raise _misfit(path, error) from error


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(f"{path} does not exist; run `dvc repro train_gan` first")
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}); delete it and run `dvc repro train_gan`") from error


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}/"): value for name, value in tensors.items() if name.startswith(f"{part}/")}


def _misfit(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} does not fit params.yaml, section gan ({error}); run `dvc repro train_gan`")
