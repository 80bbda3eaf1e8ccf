"""Copy a finished benchmark to results/, with its origin; no stage of benchmark/dvc.yaml."""

from pathlib import Path

import typer

from gendistill.config.benchmark import load_benchmark
from gendistill.reporting.benchmark_publish import publish_benchmark
from gendistill.runtime.home import home
from gendistill.runtime.stage import ending


def main() -> None:
    """Publish to results/accuracy/<preset>/, results/benchmark/<preset>.md and results/origin/<preset>.yaml."""
    with ending("publish"):
        typer.echo(publish_benchmark(load_benchmark(), Path.cwd(), home() / ".cache" / "costs"))


if __name__ == "__main__":
    typer.run(main)
