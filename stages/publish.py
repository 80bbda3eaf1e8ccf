"""Copy finished runs to results/, with their origin; no stage of dvc.yaml.

Run with ``python -m stages.publish`` (the workspace) or ``python -m stages.publish seed-0 seed-1 seed-2``
(Git revisions or DVC experiments that differ in the seed only, merged). ``--printed`` declares what the paper prints
for the presets at its settings that nobody has run.
"""

from pathlib import Path
from typing import Annotated

import typer

from gendistill.reporting.expected_printed import write_printed
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
    of_paper: Annotated[
        bool,
        typer.Option(
            "--printed", help="Publish nothing; declare the paper's printed accuracies for its presets not run yet."
        ),
    ] = False,
) -> None:
    """Publish accuracies to results/accuracy/<preset>/ and their origin to results/origin/<preset>.yaml."""
    try:
        if of_paper and revisions:
            raise UserError(
                f"--printed takes no revisions, found {', '.join(revisions)}: leave out the one or the other"
            )
        if of_paper:
            written = [path.relative_to(Path.cwd()).as_posix() for path in write_printed(Path.cwd())]
            typer.echo(f"Ranges to expect: {', '.join(written) or 'every preset has published runs, nothing written'}.")
            return
        typer.echo(publish(Path.cwd(), revisions or [], home() / ".cache" / "costs"))
    except UserError as error:
        leave(str(error), 2)


if __name__ == "__main__":
    typer.run(main)
