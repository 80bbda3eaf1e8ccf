"""Write a preset into params.yaml: ``python -m stages.preset mnist-quick``, then ``dvc repro``.

``--list`` shows the presets; ``--options`` prints the preset as ``-S`` options and writes nothing:
``dvc exp run --queue $(python -m stages.preset cifar10-paper --options)``. ``--benchmark`` does so for the benchmark.
``--path`` names your own data: ``python -m stages.preset folder-quick --path ~/pictures``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from gendistill.config import benchmark
from gendistill.config.params import parse_params
from gendistill.config.presets import FOLDER, apply_preset, preset_descriptions, preset_options, read_preset
from gendistill.config.rules import OWN
from gendistill.config.yaml12 import read_text
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_text
from gendistill.runtime.stage import leave

PARAMS = Path("params.yaml")


def main(
    name: Annotated[str | None, typer.Argument(help="Name of a file in presets/, without .yaml.")] = None,
    options: Annotated[
        bool, typer.Option("--options", help="Print -S options for `dvc exp run`; write nothing.")
    ] = False,
    path: Annotated[
        Path | None, typer.Option("--path", help="Your folder of images or .npz file, for the presets folder-*.")
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List the presets and exit.")] = False,
    of_benchmark: Annotated[
        bool, typer.Option("--benchmark", help="Presets of benchmark/presets, for benchmark/params.yaml.")
    ] = False,
) -> None:
    """Write a preset into params.yaml; comments and the section `runtime` stay as they are."""
    folder = benchmark.FILE.parent / FOLDER if of_benchmark else FOLDER
    try:
        if list_all:
            known = preset_descriptions(folder)
            width = max(map(len, known), default=0)
            typer.echo("\n".join(f"{key:<{width}}  {text}" for key, text in known.items()))
        elif name is None:
            raise UserError(f"name a preset; known are {', '.join(preset_descriptions(folder))}")
        else:
            _use(name, options, path, folder, of_benchmark)
    except UserError as error:
        leave(str(error), 2)


def _use(name: str, options: bool, own: Path | None, folder: Path, of_benchmark: bool) -> None:
    """Write the preset, or print its options; either only if the resulting parameters are legal."""
    path = benchmark.FILE if of_benchmark else PARAMS
    check: Callable[[Any, str], object] = benchmark.parse_benchmark if of_benchmark else parse_params
    values = read_preset(name, folder)
    if own is not None:
        values |= _own_data(name, values, own.expanduser())
    text = read_text(path)
    changed = apply_preset(text, values, f"{path} with preset {name}", check)
    if options:
        typer.echo(preset_options(values, str(path) if of_benchmark else ""))
    elif changed == text:
        typer.echo(f"{path} holds {name} already")
    else:
        write_text(path, changed)
        command = f"`dvc repro{' benchmark/dvc.yaml' if of_benchmark else ''}`"
        needs = values["data.name"] in OWN and own is None and not of_benchmark
        todo = f"set data.path in it to your folder or .npz file (or give --path), then run {command}"
        typer.echo(f"{path} holds {name} now; {todo if needs else f'run {command}'}")


def _own_data(name: str, values: dict[str, Any], path: Path) -> dict[str, str]:
    """The values that make a preset use a folder or an .npz file, wherever it is used from."""
    if values["data.name"] not in OWN:
        raise UserError(f"--path: {name} is for {values['data.name']}; choose a preset whose name begins with folder-")
    if not path.exists():
        raise UserError(f"--path: {path} does not exist")
    if not path.is_dir() and path.suffix != ".npz":
        raise UserError(f"--path: {path} is neither a folder nor an .npz file; unpack an archive first")
    return {"data.name": "folder" if path.is_dir() else "npz", "data.path": str(path.absolute())}


if __name__ == "__main__":
    typer.run(main)
