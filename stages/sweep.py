"""Collect accuracy against one parameter from finished runs; no stage of dvc.yaml.

Run with ``python -m stages.sweep`` (published runs, weight of the local term) or
``python -m stages.sweep --key gan.width first second third`` (Git revisions or DVC experiments).
"""

from pathlib import Path
from typing import Annotated

import typer

from gendistill.runtime.errors import UserError
from gendistill.runtime.stage import leave


def main(
    revisions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REVISION]...", help="Git revisions or DVC experiments; none: the runs in results/."),
    ] = None,
    key: Annotated[str, typer.Option(help="The parameter that the runs differ in.")] = "loss.omega_l",
) -> None:
    """Write data/sweep/<key>.json and its picture; `python -m stages.page` shows it."""
    try:
        from gendistill.reporting.sweep import write_sweeps

        typer.echo(write_sweeps(Path.cwd(), key, revisions or []))
    except UserError as error:
        leave(str(error), 2)


if __name__ == "__main__":
    typer.run(main)
