"""Write a preset into params.yaml: ``python -m stages.preset mnist-quick``, then ``dvc repro``.

``--list`` shows the presets; ``--options`` prints the preset as ``-S`` options and writes nothing:
``dvc exp run --queue $(python -m stages.preset cifar10-paper --options)``.
"""

from pathlib import Path
from typing import Annotated

import typer

from gendistill.config.presets import apply_preset, preset_descriptions, preset_options, read_preset
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
            _use(name, options)
    except UserError as error:
        leave(str(error), 2)


def _use(name: str, options: bool) -> None:
    """Write the preset, or print its options; either only if the resulting parameters are legal."""
    values = read_preset(name)
    text = read_text(PARAMS)
    changed = apply_preset(text, values, f"{PARAMS} with preset {name}")
    if options:
        typer.echo(preset_options(values))
    elif changed == text:
        typer.echo(f"{PARAMS} holds {name} already")
    else:
        write_text(PARAMS, changed)
        typer.echo(f"{PARAMS} holds {name} now; run `dvc repro`")


if __name__ == "__main__":
    typer.run(main)
