"""Write the report's page with cost, origin and sweeps; no stage of dvc.yaml, since equal runs differ in these.

Run with ``python -m stages.page`` after ``dvc repro``.
"""

from pathlib import Path

import typer

from gendistill.runtime.errors import UserError
from gendistill.runtime.home import home
from gendistill.runtime.stage import leave


def main() -> None:
    """Write data/page.html, one file to hand on."""
    try:
        from gendistill.config.params import load_params
        from gendistill.reporting.full_page import write_page

        path = write_page(load_params(), Path.cwd(), home() / ".cache" / "costs")
        typer.echo(f"Written: {path.relative_to(Path.cwd())}, one file that opens in any browser, offline.")
    except UserError as error:
        leave(str(error), 2)


if __name__ == "__main__":
    typer.run(main)
