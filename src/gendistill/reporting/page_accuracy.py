"""Sections of the page about accuracy: tables, scores, printed numbers, bars, and what an accuracy cost to get."""

from collections.abc import Sequence

from gendistill.reporting.cells import Result
from gendistill.reporting.charts import Series, bars, plot, wide
from gendistill.reporting.grid import Grid, accuracy_grid, best_grid, columns_of, cost_grid
from gendistill.reporting.html import Html, join, table, tag
from gendistill.reporting.labels import SHORT, source_color, source_label, source_rank
from gendistill.reporting.markdown import comparison_texts
from gendistill.reporting.page import Section, bullets, charts, note
from gendistill.reporting.paper import Comparison
from gendistill.reporting.robust_rows import ROBUST_TITLE, robust_lines, robust_rows
from gendistill.reporting.summary import Summary, comparison_note, declared, legend, student

ASIDE = 3.5  # user units between marks of different sources at one place


def accuracy_section(summary: Summary) -> Section:
    """The tables of every network, the scores beside them, and the legend."""
    columns = columns_of(summary.results)
    parts: list[Html] = []
    for network in summary.networks:
        results = summary.of(network)
        parts += [tag("h3", network), note(student(summary, network))]
        grids = [accuracy_grid(results, columns), best_grid(results, columns)]
        parts += [grid_table(grid) for grid in grids if grid is not None]
        if compared := summary.comparisons(network):
            parts += [printed(compared), note(comparison_note(compared))]
    parts += [note(line) for line in declared(summary)[:1]]
    parts += [tag("h3", "What a student sees"), grid_table(cost_grid(summary.supply, columns))]
    parts += [tag("details", tag("summary", "What the words mean"), bullets(legend(summary)))]
    return Section(
        key="accuracy", title="Accuracy on real test images", short="Accuracy", body=join(parts), missing=gaps(summary)
    )


def gaps(summary: Summary) -> tuple[str, ...]:
    """Rows that a reader would look for and this run does not have, each with what adds it."""
    found = []
    for source, what in (("ours", "the distilled generator"), ("cgan", "the undistilled GAN")):
        if source not in summary.params.sources:
            found.append(f"{source}, {what}: not among sources in params.yaml.")
    for network in summary.networks:
        if not any(r.source == "whole" for r in summary.of(network)):
            found.append(f"controls of {network}: add it to evaluate.control_networks.")
    return tuple(found)


def scores_section(summary: Summary) -> Section:
    """HLR, IOR, LRS and ARS, and the accuracies that enter."""
    header, rows = robust_rows(summary)
    texts = [[source_cell(source), *own] for source, own in rows]
    body = join([table(["", *header], texts, "Fractions of 1"), bullets(robust_lines(summary))])
    return Section(key="scores", title=ROBUST_TITLE, short="Scores", body=body)


def bars_section(summary: Summary) -> Section:
    """Bars for every protocol and IPC; with several networks also across them."""
    panels = []
    for network in summary.networks:
        results = summary.of(network)
        for protocol, ipc in columns_of(results):
            own = [r for r in results if (r.protocol, r.ipc) == (protocol, ipc) or r.ipc is None]
            title = f"{protocol}, IPC {ipc}" + (f", {network}" if len(summary.networks) > 1 else "")
            panels.append(bars(title, [_bar(r, source_label(r.source)) for r in own], "test accuracy"))
    parts = [charts(panels)]
    across = cross_architecture(summary)
    if across:
        parts += [tag("h3", "Across architectures"), charts(across)]
    missing = () if across else ("accuracies across architectures: name several in evaluate.networks.",)
    return Section(key="bars", title="The same as bars", short="Bars", body=join(parts), missing=missing)


def cross_architecture(summary: Summary) -> list[Html]:
    """For every generated source, its accuracies by network at the largest IPC, under each protocol."""
    networks = summary.params.evaluate.networks
    if len(networks) < 2:
        return []
    ipc = max(summary.params.evaluate.ipc)
    panels = []
    for source in sorted(summary.params.sources, key=source_rank):
        for protocol in summary.params.evaluate.protocols:
            key = (source, protocol, ipc)
            own = [r for r in summary.results if (r.source, r.protocol, r.ipc) == key]
            rows = [_bar(r, r.network) for r in own]
            panels.append(bars(f"{source}: {protocol}, IPC {ipc}", rows, "test accuracy"))
    return panels


def effort_section(summary: Summary) -> Section:
    """Accuracy against what the students were given: optimiser steps, and different images."""
    parts: list[Html] = []
    for network in summary.networks:
        results = summary.of(network)
        several = f" ({network})" if len(summary.networks) > 1 else ""
        parts.append(_effort(results, f"Optimiser steps{several}", "optimiser steps", [r.steps for r in results]))
        seen = [r.distinct_images for r in results]
        parts.append(_effort(results, f"Different images seen{several}", "different images", seen))
        if curves := [r for r in results if len(r.held_out_curve["steps"]) > 1]:
            parts += along_training(curves, several)
    told = note(
        "One mark a result of the table, whiskers one standard deviation of its students; sources a little apart. "
        "Along training, held-out training images are read."
    )
    absent = all(not r.held_out_curve["steps"] for r in summary.results)
    missing = ("accuracy along training: no held-out images (data.held_out).",) if absent else ()
    return Section(
        key="effort", title="Accuracy against effort", short="Effort", body=join([charts(parts), told]), missing=missing
    )


def along_training(results: Sequence[Result], several: str) -> list[Html]:
    """For every protocol and IPC, accuracy on held-out images along the training, a colour a source."""
    whole = [r for r in results if r.ipc is None]
    panels = []
    for protocol, ipc in columns_of(results):
        own = [r for r in results if (r.protocol, r.ipc) == (protocol, ipc)]
        series = []
        for r in sorted([*own, *whole], key=lambda r: source_rank(r.source)):
            x, y, spread = (r.held_out_curve[name] for name in ("steps", "mean", "std"))
            series.append(Series(name=r.source, color=source_color(r.source), x=x, y=y, spread=spread, marked=True))
        title = f"{protocol}, IPC {ipc}{several}: along training"
        steps = [step for one in series for step in one.x]
        panels.append(plot(title, series, "optimiser step", "held-out accuracy", log_x=wide(steps)))
    return panels


def _effort(results: Sequence[Result], title: str, label: str, xs: Sequence[int]) -> Html:
    """Accuracies against a count, a colour a source."""
    series = []
    sources = sorted({r.source for r in results}, key=source_rank)
    for place, source in enumerate(sources):
        own = sorted((x, r.mean, r.std) for x, r in zip(xs, results, strict=True) if r.source == source)
        x, y, spread = ([row[k] for row in own] for k in range(3))
        color = source_color(source)
        aside = ASIDE * (place - (len(sources) - 1) / 2)
        series.append(Series(name=source, color=color, x=x, y=y, spread=spread, joined=False, marked=True, aside=aside))
    return plot(title, series, label, "test accuracy", log_x=wide(xs))


def source_cell(source: str) -> Html:
    """A source's name with its meaning below."""
    return join([source, *([tag("small", SHORT[source])] if source in SHORT else [])])


def grid_table(grid: Grid) -> Html:
    """A grid with the spread below the value, so that columns stay narrow."""
    header = ["", *(join([protocol, tag("small", f"IPC {ipc}")]) for protocol, ipc in grid.columns)]
    rows = []
    for label, texts in grid.rows:
        source = label.partition(":")[0]
        rows.append([source_cell(source), *(_two_lines(text) for text in texts)])
    return table(header, rows, grid.title, strong=lambda label: label.startswith("ours"))


def printed(compared: Sequence[Comparison]) -> Html:
    """Our results beside the printed ones."""
    header = ["", "protocol", "IPC", "here, %", "trained with", "printed, %", "trained with"]
    rows = [[source_cell(pair.result.source), *comparison_texts(pair)] for pair in compared]
    return table(header, rows, "Beside the printed numbers")


def _two_lines(text: str) -> Html:
    """``0.958 ± 0.013`` and ``7,500 / 1.1 MB`` with their second part below the first."""
    for mark, kept in ((" ± ", "± "), (" / ", "")):
        first, found, second = text.partition(mark)
        if found:
            return join([first, tag("small", f"{kept}{second}")])
    return join([text])


def _bar(result: Result, label: str) -> tuple[str, str, float, float]:
    return label, source_color(result.source), result.mean, result.std
