"""`benchmark.png`: accuracy against what is stored and against how many different images a student saw."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gendistill.config.methods import METHODS
from gendistill.reporting.benchmark_rows import Row
from gendistill.reporting.benchmark_table import label
from gendistill.reporting.pictures import save_figure
from gendistill.reporting.plots import COLORS, STYLE

PANELS = {"bytes": "bytes stored", "distinct_images": "different images a student saw"}
# dark ones, none of which is near a generator's or a control's
METHOD_COLORS = ("#1f77b4", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#393b79", "#bcbd22", "#ff7f0e")
MARKERS = {"fixed": "o", "fixed_plain": "s", "fresh": "^", "whole": "*"}


def write_benchmark(rows: Sequence[Row], path: Path) -> None:
    """A line of panels for each network and protocol of the methods: a line each, IPC by IPC.

    Generators and controls stand in every panel, but for those under the other fixed protocol.
    """
    pairs = list(dict.fromkeys((row.network, row.protocol) for row in rows if not row.beside))
    others = {protocol for _, protocol in pairs}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12, 4.2 * len(pairs)), layout="constrained")
        grid = figure.subplots(len(pairs), len(PANELS), squeeze=False, sharey="row")
        for line, (network, protocol) in zip(grid, pairs, strict=True):
            own = [row for row in rows if row.network == network and row.protocol not in others - {protocol}]
            for axes, (name, title) in zip(line, PANELS.items(), strict=True):
                _panel(axes, own, name, f"{network}, {protocol}: accuracy against {title}")
                axes.set_xlabel(f"{title} (logarithmic)")
            line[0].set_ylabel("test accuracy")
            line[-1].legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        save_figure(figure, path)


def _panel(axes: Axes, rows: Sequence[Row], name: str, title: str) -> None:
    methods = list(METHODS)
    for key in dict.fromkeys((row.method, row.protocol, row.beside) for row in rows):
        series = [row for row in rows if (row.method, row.protocol, row.beside) == key]
        series.sort(key=lambda row: getattr(row, name))
        method, protocol, beside = key
        color = COLORS.get(method, "0.2") if beside else METHOD_COLORS[methods.index(method) % len(METHOD_COLORS)]
        axes.errorbar(
            [getattr(row, name) for row in series],
            [row.mean for row in series],
            yerr=[row.std_students if row.std_sets is None else row.std_sets for row in series],
            label=f"{label(series[0])}, {protocol}",
            color=color,
            marker=MARKERS.get(protocol, "x"),
            markerfacecolor="white" if protocol == "fixed_plain" else color,
            linestyle="--" if beside else "-",
            linewidth=1.0,
            markersize=5,
            capsize=2,
        )
    axes.set_xscale("log")
    axes.set_title(title, loc="left", weight="bold", size=10)
