"""Collect what params.yaml asks for into metrics, tables and pictures."""

from pathlib import Path

import typer

from gendistill.runtime.stage import DryRun, open_stage


def main(dry_run: DryRun = False) -> None:
    """Write metrics/accuracy, metrics/accuracy.csv and data/report, and print the table."""
    with open_stage("report", dry_run=dry_run) as run:
        from gendistill.reporting.report import write_report

        print(write_report(run.params, Path.cwd()))


if __name__ == "__main__":
    typer.run(main)
