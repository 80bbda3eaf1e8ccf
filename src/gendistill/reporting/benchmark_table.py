"""The benchmark as Markdown: accuracies, then what each was got with, beside the printed numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from gendistill.config.benchmark import BenchmarkParams
from gendistill.config.catalogue.protocols import PROTOCOLS
from gendistill.config.catalogue.sources import GENERATED_SOURCES, SOURCES
from gendistill.config.methods import METHODS
from gendistill.data.info import DataInfo
from gendistill.reporting.benchmark_paper import footnotes, paper_epochs, paper_updates, printed
from gendistill.reporting.benchmark_rows import Row
from gendistill.reporting.labels import data_title, readable_bytes
from gendistill.reporting.markdown import bullets, table

ABSENT = "-"
Seconds = dict[tuple[str, int], float]  # of making one set, by method and IPC


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """The content of a report.

    Attributes:
        params: of the benchmark.
        info: the prepared data.
        rows: of the methods, then those beside.
        seconds: mean over sets of making one; empty where costs are not told.
    """

    params: BenchmarkParams
    info: DataInfo
    rows: tuple[Row, ...]
    seconds: Seconds


def markdown(benchmark: Benchmark, *, picture: bool = True) -> str:
    """The whole report; without the picture where it lies alone."""
    parts = [f"# Benchmark: {data_title(benchmark.params.data)}"]
    for network in benchmark.params.evaluate.networks:
        rows = [row for row in benchmark.rows if row.network == network]
        parts += [f"## {network}", accuracy_table(rows), "### What each number was got with"]
        parts.append(detail_table(benchmark, rows))
    parts += ["## Legend", bullets(legend(benchmark))]
    if picture:
        parts.append("![accuracy against bytes and images](benchmark.png)")
    return "\n\n".join(parts) + "\n"


def label(row: Row) -> str:
    """The row's method or source as tables call it."""
    if row.beside:
        return f"{SOURCES[row.method].title if row.method in SOURCES else row.method} (main pipeline)"
    return METHODS[row.method].title


def accuracy_text(row: Row) -> str:
    """Mean, spread of sets, and spread of students in parentheses."""
    sets = "" if row.std_sets is None else f" ± {row.std_sets:.3f}"
    return f"{row.mean:.3f}{sets} ({row.std_students:.3f})"


def accuracy_table(rows: Sequence[Row]) -> str:
    """Methods x protocol and IPC, one network."""
    columns = list(dict.fromkeys((row.protocol, row.ipc) for row in rows if row.ipc is not None))
    order = list(PROTOCOLS)
    columns.sort(key=lambda column: (order.index(column[0]), column[1] or 0))
    found = {(label(row), row.protocol, row.ipc): accuracy_text(row) for row in rows}
    lines = []
    for name in dict.fromkeys(label(row) for row in rows):
        whole = found.get((name, "whole", None))
        lines.append([name, *(whole or found.get((name, *column), ABSENT) for column in columns)])
    return table(["", *(f"{protocol}, IPC {ipc}" for protocol, ipc in columns)], lines)


def detail_table(benchmark: Benchmark, rows: Sequence[Row]) -> str:
    """One line a number: counts, bytes, schedule, cost, and the printed number."""
    header = ["", "protocol", "IPC", "accuracy, %", "sets x students", "bytes", "distinct images", "steps", "updates"]
    header += ["seconds a set", "of the paper's schedule: made / trained", "printed, %"]
    return table(header, [_detail(benchmark, row) for row in rows])


def _detail(benchmark: Benchmark, row: Row) -> list[str]:
    name, of = benchmark.info.name, row.statistics
    there = None if row.beside or row.ipc is None else printed(name, row.method, row.network, row.protocol, row.ipc)
    seconds = None if row.ipc is None else benchmark.seconds.get((row.method, row.ipc))
    spread = "" if row.std_sets is None else f" ± {100 * row.std_sets:.1f}"
    native = f"; kernel regression {100 * of['native']:.1f}" if "native" in of else ""
    return [
        label(row) + (share_of_generator(benchmark, row) if row.matched else ""),
        row.protocol,
        ABSENT if row.ipc is None else str(row.ipc),
        f"{100 * row.mean:.1f}{spread} ({100 * row.std_students:.1f}){native}",
        f"{row.sets} x {row.students // row.sets}",
        readable_bytes(row.bytes),
        f"{row.distinct_images:,}",
        f"{of['steps']:,}",
        f"{of['updates']:,}" if of.get("updates") else ABSENT,
        ABSENT if seconds is None else f"{seconds:.0f}",
        ABSENT if row.beside else f"{_made(row)} / {_share(of['epochs'], paper_epochs(name, row.protocol))}",
        ABSENT if there is None else f"{there.mean:.1f} ± {there.std:.1f}",
    ]


def _made(row: Row) -> str:
    """Updates of the images as a share of the paper's; selections have none."""
    paper = None if row.ipc is None else paper_updates(row.method, row.ipc)
    return ABSENT if paper is None else _share(row.statistics["updates"], paper)


def _share(count: int, paper: int) -> str:
    return f"{100 * count / paper:.3g} %"


def legend(benchmark: Benchmark) -> list[str]:
    """What the words of the tables mean, a line each."""
    params, info = benchmark.params, benchmark.info
    width = params.evaluate.width
    sets = "1 synthetic set" if len(params.sets) == 1 else f"{len(params.sets)} synthetic sets"
    lines = [
        f"Accuracy: mean over {sets} ± standard deviation of the sets' means (standard "
        "deviation of students within a set); rows of the main pipeline: of students of one generator.",
        f"Students have {width:g} of their standard width; images are {info.image_size} x {info.image_size} pixels. "
        "Printed numbers are of width 1 and 32 x 32.",
        *(
            f"{name}: {PROTOCOLS[name].description}."
            for name in dict.fromkeys(r.protocol for r in benchmark.rows)
            if name in PROTOCOLS
        ),
        "bytes: uint8 where training images were chosen, float32 where images were optimised. steps: of a student. "
        "updates: of the images; of the network that chose them for selections.",
        *storage_notes(benchmark),
    ]
    unlike = sorted({label(r) for r in benchmark.rows if r.beside and r.statistics.get("width") != width})
    if unlike:
        lines.append(f"NOT like for like, students of another width: {', '.join(unlike)}.")
    return [*lines, *footnotes(params.methods)]


def generator_bytes(benchmark: Benchmark) -> dict[str, int]:
    """Bytes of the generators beside, by source; empty where there are none."""
    rows = [row for row in benchmark.rows if row.beside and row.method in GENERATED_SOURCES and row.protocol == "fresh"]
    return {row.method: row.bytes for row in rows}


def share_of_generator(benchmark: Benchmark, row: Row) -> str:
    """A matched row's bytes beside those of the largest generator: chosen and optimised images differ in them."""
    sizes = generator_bytes(benchmark)
    return f" ({100 * row.bytes / max(sizes.values()):.3g} % of a generator's bytes)" if sizes else " (section matched)"


def storage_notes(benchmark: Benchmark) -> list[str]:
    """For each generator beside: how many images per class its bytes would hold."""
    info = benchmark.info
    image = info.channels * info.image_size**2
    each = image * info.num_classes
    lines = [
        f"The generator {method} takes {readable_bytes(size)}: as much as IPC {size // each} of uint8 images or "
        f"IPC {size // (4 * each)} of float32 images."
        for method, size in generator_bytes(benchmark).items()
    ]
    return [*lines, f"The whole training set takes {readable_bytes(info.counts['train'] * image)} as uint8."]
