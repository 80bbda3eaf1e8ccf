"""Stage `report`: tracked numbers, the table, and the pictures. Run with ``python -m stages.report``."""

from pathlib import Path

import typer

from gendistill.config.params import load_params
from gendistill.reporting.report import write_report


def main() -> None:
    """Collect the evaluated cells that params.yaml names, and show them."""
    typer.echo(write_report(load_params(), Path.cwd()))


if __name__ == "__main__":
    typer.run(main)
