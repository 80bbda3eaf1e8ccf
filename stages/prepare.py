"""Fetch a data set, check it, and store it as one uint8 tensor file per split."""

import os
from pathlib import Path

import typer

from gendistill.runtime.stage import DryRun, open_stage


def main(dry_run: DryRun = False) -> None:
    """Write data/prepared (train, held_out and test as tensor files, and info.json) and metrics/data.json."""
    with open_stage("prepare", dry_run=dry_run) as run:
        from gendistill.config.params import check_data
        from gendistill.data.prepare import prepare
        from gendistill.data.sources import data_root
        from gendistill.runtime.files import write_json

        runtime = run.params.runtime
        info = prepare(
            run.params.data,
            data_root(runtime.data_root),
            Path("data/prepared"),
            check=lambda known: check_data(run.params, known),
            processes=runtime.threads or os.cpu_count() or 1,
            log_seconds=runtime.log_seconds,
        )
        tracked = {key: getattr(info, key) for key in ("counts", "checksum", "source")}
        write_json(Path("metrics/data.json"), {**tracked, "notes": list(info.notes)})
        counts = ", ".join(f"{count} {split.replace('_', '-')}" for split, count in info.counts.items())
        print(f"{info.name}: {counts} images of {len(info.classes)} classes, {info.image_size} x {info.image_size}")


if __name__ == "__main__":
    typer.run(main)
