"""The report as Markdown, `data/report/table.md`."""

from collections.abc import Sequence

from gendistill.reporting.grid import Grid, accuracy_grid, best_grid, columns_of, cost_grid
from gendistill.reporting.labels import data_title, source_label
from gendistill.reporting.paper import Comparison
from gendistill.reporting.robust_rows import ROBUST_TITLE, robust_lines, robust_rows
from gendistill.reporting.summary import (
    PICTURES,
    Summary,
    comparison_note,
    declared,
    headline,
    legend,
    stored,
    student,
)


def markdown(summary: Summary) -> str:
    """The whole report: tables of each network, what its students saw, legend, pictures and files."""
    parts = [f"# {data_title(summary.params.data)}", headline(summary)]
    columns = columns_of(summary.results)
    for network in summary.networks:
        parts += [f"## {network}", student(summary, network)]
        grids = [accuracy_grid(summary.of(network), columns), best_grid(summary.of(network), columns)]
        parts += [f"{grid.title}:\n\n{grid_table(grid)}" for grid in grids if grid is not None]
        if compared := summary.comparisons(network):
            parts += ["Beside the printed numbers:", printed_table(compared), comparison_note(compared)]
    supply = cost_grid(summary.supply, columns)
    parts += ["## What a student sees", f"{supply.title}:\n\n{grid_table(supply)}"]
    parts += [f"## {ROBUST_TITLE}", robust_table(summary), bullets(robust_lines(summary))]
    if lines := declared(summary):
        parts += ["## As declared?", bullets(lines)]
    parts += ["## Legend", bullets(legend(summary)), "## Pictures"]
    parts += [f"![{caption}]({name})" for name, caption in PICTURES.items()]
    parts += ["## Files", bullets([f"`{path}`: {what}" for path, what in stored(summary)])]
    return "\n\n".join(parts) + "\n"


def grid_table(grid: Grid) -> str:
    """A grid as a Markdown table."""
    header = ["", *(f"{protocol}, IPC {ipc}" for protocol, ipc in grid.columns)]
    return table(header, [[label, *texts] for label, texts in grid.rows])


def robust_table(summary: Summary) -> str:
    """HLR, IOR, LRS and ARS as a Markdown table."""
    header, rows = robust_rows(summary)
    return table(["", *header], [[source_label(source), *texts] for source, texts in rows])


def printed_table(compared: Sequence[Comparison]) -> str:
    """Our results and the printed ones in percent, each with its student's width and steps."""
    header = ["", "protocol", "IPC", "here, %", "trained with", "printed, %", "trained with", "differs by"]
    rows = [
        [source_label(pair.result.source), *comparison_texts(pair), ", ".join(pair.differences) or "-"]
        for pair in compared
    ]
    return table(header, rows)


def comparison_texts(pair: Comparison) -> list[str]:
    """Protocol, IPC, and both accuracies in percent, each with its student."""
    here, there = pair.result, pair.printed
    return [
        here.protocol,
        "-" if here.ipc is None else str(here.ipc),
        f"{100 * here.mean:.1f}" + (f" ± {100 * here.std:.1f}" if here.n > 1 else ""),
        pair.trained_here,
        f"{there.mean:.1f}" + ("" if there.std is None else f" ± {there.std:.1f}"),
        pair.trained_there,
    ]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, numbers aligned right."""
    marks = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, marks, *rows])


def bullets(lines: Sequence[str]) -> str:
    """Lines as a Markdown list."""
    return "\n".join(f"- {line}" for line in lines)
