"""The last stage of the benchmark: tracked numbers, the table, and the picture, from files alone."""

from pathlib import Path

from gendistill.config.benchmark import BenchmarkParams
from gendistill.data.info import load_info
from gendistill.reporting.benchmark_plot import write_benchmark
from gendistill.reporting.benchmark_rows import grouped, read_beside, read_rows
from gendistill.reporting.benchmark_table import Benchmark, Seconds, accuracy_table, markdown
from gendistill.reporting.metrics import write_groups
from gendistill.runtime.benchmark import outputs
from gendistill.runtime.files import write_atomically


def gather(params: BenchmarkParams, root: Path, seconds: Seconds | None = None) -> Benchmark:
    """Read what a report needs.

    Raises:
        UserError: a stage has not run, or a file is damaged; names the file and the command.
    """
    folder = root / outputs(params.data.name)
    info = load_info(folder / "prepared")
    rows = [*read_rows(params, folder / "cells"), *read_beside(params, root)]
    return Benchmark(params=params, info=info, rows=tuple(rows), seconds=seconds or {})


def write_report(params: BenchmarkParams, root: Path) -> str:
    """Write `metrics/benchmark/<data>/` and `data/benchmark/<data>/report/`.

    Returns:
        The accuracies for the terminal, a table for each network.

    Raises:
        UserError: a stage has not run; nothing is written then.
    """
    benchmark = gather(params, root)
    name = params.data.name
    report = outputs(name) / "report"
    with write_atomically(root / report) as temporary:
        temporary.mkdir()
        (temporary / "table.md").write_text(markdown(benchmark), encoding="utf-8")
        write_benchmark(benchmark.rows, temporary / "benchmark.png")
    own = [row for row in benchmark.rows if not row.beside]
    write_groups(grouped(own), root / "metrics/benchmark" / name)
    tables = [
        f"{network}\n\n{accuracy_table([row for row in benchmark.rows if row.network == network])}"
        for network in params.evaluate.networks
    ]
    return "\n\n".join([*tables, f"The whole report: {report}/table.md"])
