"""Fetch a data set for the benchmark and store it as one uint8 tensor file per split."""

import os

import typer

from gendistill.runtime.benchmark import DataOption, open_benchmark, outputs
from gendistill.runtime.stage import DryRun


def main(
    data: DataOption = "digits",
    dry_run: DryRun = False,
) -> None:
    """Write data/benchmark/<data>/prepared."""
    with open_benchmark("prepare", {"data": data}, dry_run=dry_run) as run:
        from gendistill.config.benchmark import FILE
        from gendistill.config.benchmark_rules import broken_rules
        from gendistill.config.params import check_data
        from gendistill.data.prepare import prepare
        from gendistill.data.sources import data_root

        folder = outputs(data) / "prepared"
        params, runtime = run.params, run.runtime
        info = prepare(
            params.data,
            data_root(runtime.data_root),
            folder,
            check=lambda known: check_data(params, known, broken_rules, str(FILE)),
            processes=runtime.threads or os.cpu_count() or 1,
            log_seconds=runtime.log_seconds,
        )
        counts = ", ".join(f"{count} {split.replace('_', '-')}" for split, count in info.counts.items())
        print(f"{info.name}: {counts} images of {len(info.classes)} classes, {info.image_size} x {info.image_size}")


if __name__ == "__main__":
    typer.run(main)
