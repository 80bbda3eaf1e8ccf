"""Write a preset into params.yaml: ``python -m stages.preset mnist-quick``, then ``dvc repro``.

``--list`` shows the presets; ``--options`` prints the preset as ``-S`` options and writes nothing:
``dvc exp run --queue $(python -m stages.preset cifar10-paper --options)``. ``--path`` names your own data:
``python -m stages.preset folder-quick --path ~/pictures``.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from gendistill.config.presets import apply_preset, preset_descriptions, preset_options, read_preset
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
) -> None:
    """Write a preset into params.yaml; comments and the section `runtime` stay as they are."""
    try:
        if list_all:
            known = preset_descriptions()
            width = max(map(len, known), default=0)
            typer.echo("\n".join(f"{key:<{width}}  {text}" for key, text in known.items()))
        elif name is None:
            raise UserError(f"name a preset; known are {', '.join(preset_descriptions())}")
        else:
            _use(name, options, path)
    except UserError as error:
        leave(str(error), 2)


def _use(name: str, options: bool, path: Path | None) -> None:
    """Write the preset, or print its options; either only if the resulting parameters are legal."""
    values = read_preset(name)
    if path is not None:
        values |= _own_data(name, values, path.expanduser())
    text = read_text(PARAMS)
    changed = apply_preset(text, values, f"{PARAMS} with preset {name}")
    if options:
        typer.echo(preset_options(values))
    elif changed == text:
        typer.echo(f"{PARAMS} holds {name} already")
    else:
        write_text(PARAMS, changed)
        typer.echo(f"{PARAMS} holds {name} now; run `dvc repro`")


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
