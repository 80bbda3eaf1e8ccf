"""The report as a stranger meets it on the terminal: at most 100 columns, plain where colour is unwanted."""

import io
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gendistill.reporting.grid import Grid, accuracy_grid, best_grid, columns_of, cost_grid
from gendistill.reporting.markdown import comparison_texts
from gendistill.reporting.paper import Comparison
from gendistill.reporting.robust_rows import ROBUST_TITLE, robust_rows
from gendistill.reporting.summary import (
    PAGE,
    PICTURES,
    Summary,
    comparison_note,
    declared,
    headline,
    legend,
    next_commands,
    stored,
    student,
)

WIDTH = 100


def terminal_text(summary: Summary, folder: str) -> str:
    """The report as text; styled only when the standard output is a terminal that wants it.

    Args:
        summary: what to show.
        folder: where the pictures are, as the reader would type it.
    """
    # Rendered into memory; rich itself looks at NO_COLOR and TERM.
    console = Console(file=io.StringIO(), width=WIDTH, force_terminal=sys.stdout.isatty(), highlight=False)
    console.print(Text(f"{summary.params.preset}: {headline(summary)}\n", style="bold"))
    columns = columns_of(summary.results)
    for network in summary.networks:
        results = summary.of(network)
        for grid in (accuracy_grid(results, columns), best_grid(results, columns)):
            if grid is not None:
                _print_grid(console, grid, f"{network}. ")
        console.print(Text(f"{student(summary, network)}\n", style="dim"))
        if compared := summary.comparisons(network):
            console.print(Text(f"{network}. Beside the printed numbers, in %", style="bold"))
            console.print(printed_table(compared))
            console.print(Text(f"{comparison_note(compared)}\n", style="dim"))
    _print_grid(console, cost_grid(summary.supply, columns))
    console.print(Text(f"{ROBUST_TITLE}, fractions of 1", style="bold"))
    console.print(robust_table(summary))
    console.print()
    console.print(Text("\n".join(legend(summary)), style="dim"))
    if told := declared(summary):
        console.print(Text("\nAs declared?", style="bold"))
        console.print(Text("\n".join(told), style="" if summary.inside else "bold red"))
    console.print(Text("\nPictures and files", style="bold"))
    lines = [(f"{folder}/{name}", caption) for name, caption in (PAGE, *PICTURES.items())]
    lines.append((f"{folder}/table.md", "this report as Markdown"))
    console.print(pairs([*lines, *stored(summary)]))
    console.print(Text("\nNext", style="bold"))
    console.print(pairs(next_commands(summary.params)))
    return _captured(console)


def parts(grid: Grid) -> list[Grid]:
    """The grid in pieces that fit: whole where it is narrow, else by protocol, and those as need be."""
    if grid_width(grid) <= WIDTH:
        return [grid]
    pieces: list[Grid] = []
    for protocol in dict.fromkeys(protocol for protocol, _ in grid.columns):
        own = [column for column in grid.columns if column[0] == protocol]
        fitting = [k for k in range(1, len(own) + 1) if grid_width(grid.select(own[:k])) <= WIDTH]
        count = max(fitting, default=1)
        pieces += [grid.select(own[start : start + count]) for start in range(0, len(own), count)]
    return pieces


def grid_width(grid: Grid) -> int:
    """Columns of the terminal that the grid takes."""
    return Console(width=10 * WIDTH).measure(grid_table(grid)).maximum


def grid_table(grid: Grid) -> Table:
    """A grid with the protocol above the IPC."""
    table = _table()
    table.add_column("")
    for protocol, ipc in grid.columns:
        table.add_column(f"{protocol}\nIPC {ipc}", justify="right", no_wrap=True)
    for label, texts in grid.rows:
        table.add_row(label, *texts, style=row_style(label.split(":")[0]))
    return table


def printed_table(compared: Sequence[Comparison]) -> Table:
    """Our results beside the printed ones, each with its student's width and steps."""
    table = _table()
    for name in ("", "protocol", "IPC", "here", "trained with", "printed", "trained with"):
        table.add_column(name, no_wrap=True)
    for pair in compared:
        table.add_row(pair.result.source, *comparison_texts(pair))
    return table


def robust_table(summary: Summary) -> Table:
    """HLR, IOR, LRS and ARS of every generated result; the Markdown and the page say what enters."""
    header, rows = robust_rows(summary)
    table = _table()
    table.add_column("")
    for name in header:
        table.add_column(name, justify="right", no_wrap=True)
    for source, texts in rows:
        table.add_row(source, *texts, style=row_style(source))
    return table


def row_style(source: str) -> str:
    """What makes the row of a source stand out on a terminal with colours; controls stay in the background."""
    return {"ours": "bold green", "real": "dim", "random": "dim", "whole": "dim"}.get(source, "")


def pairs(lines: Sequence[tuple[str, str]]) -> Table:
    """Two columns without a frame: what to type or open, and why."""
    table = Table.grid(padding=(0, 3))
    table.add_column(no_wrap=True)  # a command must stay in one piece to be copied
    table.add_column()
    for left, right in lines:
        table.add_row(f"  {left}", Text(right, style="dim"))
    return table


def _print_grid(console: Console, grid: Grid, prefix: str = "") -> None:
    """A grid under its title, in as many tables as it takes."""
    console.print(Text(f"{prefix}{grid.title}", style="bold"))
    for part in parts(grid):
        console.print(grid_table(part))
        console.print()


def _table() -> Table:
    """An empty table with a rule below its header and no other lines."""
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="")


def _captured(console: Console) -> str:
    """What was printed, without the blanks that fill its lines."""
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"
