"""Snapshots of a generator along its distillation: one safetensors file each, in one folder."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from gendistill.artifact.arrays import Arrays
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_atomically


def save_snapshots(folder: Path, snapshots: dict[int, Arrays]) -> None:
    """Write ``step<k>.safetensors`` for every step; the folder appears whole or not at all."""
    with write_atomically(folder) as temporary:
        temporary.mkdir()
        for step, tensors in snapshots.items():
            # not save_file, which hides the cause of a full disk
            (temporary / f"step{step}.safetensors").write_bytes(save(tensors))


def load_snapshots(folder: Path) -> dict[int, Arrays]:
    """Read what `save_snapshots` wrote.

    Raises:
        UserError: there are none, or one is damaged.
    """
    files = sorted(folder.glob("step*.safetensors"))
    if not files:
        raise UserError(f"{folder} holds no generator; run `dvc repro distill` first")
    return {int(path.stem.removeprefix("step")): _load(path) for path in files}


def _load(path: Path) -> Arrays:
    """One snapshot."""
    try:
        tensors: Arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}); delete it and run `dvc repro distill`") from error
    return tensors
