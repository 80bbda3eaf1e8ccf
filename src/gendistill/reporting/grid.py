"""Results laid out as text cells, the common ground of the Markdown and the terminal table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gendistill.reporting.cells import Result
from gendistill.reporting.labels import readable_bytes, source_label, spread_text, students_text

ABSENT = "-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A table of text: a row a source, a column a pair of protocol and IPC.

    Attributes:
        title: what the cells are.
        columns: pairs of protocol and IPC.
        rows: label, then one text for each column.
    """

    title: str
    columns: tuple[tuple[str, int], ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]

    def select(self, columns: Sequence[tuple[str, int]]) -> "Grid":
        """The part with these columns, without rows that are empty there."""
        places = [self.columns.index(column) for column in columns]
        rows = [(label, tuple(texts[place] for place in places)) for label, texts in self.rows]
        kept = tuple(row for row in rows if any(text != ABSENT for text in row[1]))
        return replace(self, columns=tuple(columns), rows=kept)


def columns_of(results: Sequence[Result]) -> tuple[tuple[str, int], ...]:
    """The pairs of protocol and IPC that occur, in order of first appearance of the protocol, then by IPC."""
    pairs = {(r.protocol, r.ipc) for r in results if r.ipc is not None}
    order = list(dict.fromkeys(r.protocol for r in results))
    return tuple(sorted(pairs, key=lambda pair: (order.index(pair[0]), pair[1])))


def accuracy_grid(results: Sequence[Result], columns: tuple[tuple[str, int], ...]) -> Grid:
    """Accuracy as ``mean ± std`` of one network's students; the count is in the title, or in the cells."""
    counts = {r.n for r in results}
    alike = len(counts) == 1
    students = students_text(max(counts)) if alike else "n students"
    of = f"mean ± standard deviation of {students} each" if max(counts) > 1 else "one student each"

    def text(result: Result) -> str:
        return f"{result.mean:.3f}{spread_text(result.std, result.n)}" + ("" if alike else f" (n {result.n})")

    grid = _grid(f"Test accuracy, {of}", results, columns, text)
    return replace(grid, rows=tuple((source_label(source), texts) for source, texts in grid.rows))


def cost_grid(results: Sequence[Result], columns: tuple[tuple[str, int], ...]) -> Grid:
    """Distinct images a student saw, and what must be stored to train it."""

    def text(result: Result) -> str:
        return f"{result.distinct_images:,} / {readable_bytes(result.bytes)}"

    return _grid("Different images a student saw / what is stored to train it", results, columns, text)


def best_grid(results: Sequence[Result], columns: tuple[tuple[str, int], ...]) -> Grid | None:
    """Best of several test points, or None where none were recorded."""
    picked = [r for r in results if r.best_of_test_points is not None]

    def text(result: Result) -> str:
        return f"{result.best_of_test_points:.3f}"

    title = "Mean of the best of several test points, CHOSEN ON THE TEST SET, as printed numbers often are"
    return _grid(title, picked, columns, text) if picked else None


def _grid(
    title: str,
    results: Sequence[Result],
    columns: tuple[tuple[str, int], ...],
    text: Callable[[Result], str],
) -> Grid:
    """Lay out the results of one network; the whole training set has no IPC and fills its row."""
    found = {(r.source, r.protocol, r.ipc): text(r) for r in results}
    rows = []
    for source in dict.fromkeys(r.source for r in results):
        whole = found.get((source, "whole", None))
        texts = tuple(whole or found.get((source, protocol, ipc), ABSENT) for protocol, ipc in columns)
        rows.append((source, texts))
    return Grid(title=title, columns=columns, rows=tuple(rows))
