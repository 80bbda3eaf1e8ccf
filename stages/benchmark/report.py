"""Collect what benchmark/params.yaml asks for into metrics, a table and a picture."""

from pathlib import Path

import typer

from gendistill.runtime.benchmark import DataOption, open_benchmark
from gendistill.runtime.stage import DryRun


def main(
    data: DataOption = "digits",
    dry_run: DryRun = False,
) -> None:
    """Write metrics/benchmark/<data> and data/benchmark/<data>/report, and print the table."""
    with open_benchmark("report", {"data": data}, dry_run=dry_run) as run:
        from gendistill.reporting.benchmark import write_report

        print(write_report(run.params, Path.cwd()))


if __name__ == "__main__":
    typer.run(main)
