"""Fetch a data set for the benchmark and store it as one uint8 tensor file per split."""

from pathlib import Path
from typing import Annotated

import typer

from gendistill.runtime.benchmark import open_benchmark
from gendistill.runtime.stage import DryRun


def main(
    data: Annotated[str, typer.Option(help="The data set that benchmark/params.yaml names.")] = "digits",
    dry_run: DryRun = False,
) -> None:
    """Write data/benchmark/<data>/prepared."""
    with open_benchmark("prepare", {"data": data}, dry_run=dry_run) as run:
        from gendistill.data.prepare import prepare
        from gendistill.data.sources import data_root

        folder = Path("data/benchmark") / data / "prepared"
        info = prepare(run.params.data, data_root(run.runtime.data_root), folder)
        counts = ", ".join(f"{count} {split.replace('_', '-')}" for split, count in info.counts.items())
        print(f"{info.name}: {counts} images of {len(info.classes)} classes, {info.image_size} x {info.image_size}")


if __name__ == "__main__":
    typer.run(main)
