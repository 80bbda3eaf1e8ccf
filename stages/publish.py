"""Copy finished runs to results/, with their origin; no stage of dvc.yaml.

Run with ``python -m stages.publish`` (the workspace) or ``python -m stages.publish seed-0 seed-1 seed-2``
(Git revisions or DVC experiments that differ in the seed only, merged).
"""

from pathlib import Path
from typing import Annotated

import typer

from gendistill.reporting.publish import publish
from gendistill.runtime.errors import UserError
from gendistill.runtime.home import home
from gendistill.runtime.stage import leave


def main(
    revisions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[REVISION]...",
            help="Git revisions or DVC experiments that differ in the seed only; none: the workspace.",
        ),
    ] = None,
) -> None:
    """Publish accuracies to results/accuracy/<preset>/ and their origin to results/origin/<preset>.yaml."""
    try:
        typer.echo(publish(Path.cwd(), revisions or [], home() / ".cache" / "costs"))
    except UserError as error:
        leave(str(error), 2)


if __name__ == "__main__":
    typer.run(main)
