"""`losses.png` and `accuracy.png`: how the training went, and where it ended."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gendistill.reporting.cells import Result
from gendistill.reporting.grid import columns_of
from gendistill.reporting.labels import CAPTIONS, source_label, source_rank
from gendistill.reporting.pictures import save_figure
from gendistill.runtime.errors import UserError

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "axes.axisbelow": True,
    "legend.frameon": False,
}
COLORS = {
    "real": "#7f7f7f",
    "random": "#bdbdbd",
    "cgan": "#e6a23c",
    "continued": "#a8567f",
    "dim": "#5b9bd5",
    "ours": "#2a6f5e",
}
WIDE_RANGE = 20.0  # a ratio of largest to smallest value from which a logarithmic axis reads better

# The columns of a distillation's losses: those of one kind of magnitude share a panel.
PANELS = (
    ("matching terms", "loss, unweighted", ("global", "local")),
    ("matching terms as weighted", "loss, weighted", ("global_weighted", "local_weighted")),
    ("adversarial game", "loss", ("total", "gan", "discriminator", "gradient_penalty")),
    (
        "gradient on the generator, matching / GAN",
        "ratio of norms",
        ("global_gradient_ratio", "local_gradient_ratio"),
    ),
)

Curves = dict[str, list[float]]


def read_curves(path: Path, stage: str) -> Curves:
    """Columns of a CSV file of numbers, by name.

    Raises:
        UserError: the file is missing, empty, or holds something else.
    """
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        if not rows or "step" not in rows[0]:
            raise ValueError("no column named step")
        return {name: [float(row[name]) for row in rows] for name in rows[0]}
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run `dvc repro {stage}` first") from None
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is not a table of losses ({error}): delete it, run `dvc repro {stage}`") from None


def write_losses(gan: Curves, distilled: dict[str, Curves], path: Path) -> None:
    """A wide panel for the GAN, then the panels of `PANELS` for each distilled source."""
    with mpl.rc_context(STYLE):
        rows = 1 + len(distilled) * (len(PANELS) // 2)
        figure = Figure(figsize=(11, 3.1 * rows), layout="constrained")
        grid = figure.add_gridspec(rows, 2)
        _draw(figure.add_subplot(grid[0, :]), "Conditional GAN", "loss", _chosen(gan, list(gan)[1:]))
        for number, (source, curves) in enumerate(distilled.items()):
            for place, (title, unit, names) in enumerate(PANELS, start=2 + number * len(PANELS)):
                axes = figure.add_subplot(grid[place // 2, place % 2])
                _draw(axes, f"{CAPTIONS.get(source, source)}: {title}", unit, _chosen(curves, names))
        save_figure(figure, path)


def write_accuracy(results: Sequence[Result], path: Path) -> None:
    """Bars of accuracy with one standard deviation, a panel a network; dashed: the whole training set."""
    networks = list(dict.fromkeys(r.network for r in results))
    with mpl.rc_context(STYLE):
        size = (max(6.0, 1.5 * len(columns_of(results)) + 2.6), 3.4 * len(networks))
        figure = Figure(figsize=size, layout="constrained")
        for axes, network in zip(figure.subplots(len(networks), squeeze=False)[:, 0], networks, strict=True):
            _bars(axes, network, [r for r in results if r.network == network])
        save_figure(figure, path)


def _chosen(curves: Curves, names: Sequence[str]) -> Curves:
    """The step and those of `names` that say something: a term that is switched off is zero throughout."""
    return {"step": curves["step"], **{n: curves[n] for n in names if any(curves.get(n, ()))}}


def _draw(axes: Axes, title: str, unit: str, curves: Curves) -> None:
    """The curves of one panel against the step, on the scale that shows all of them."""
    values = [v for name, column in curves.items() if name != "step" for v in column]
    scale = axis_scale(values)
    for name, column in curves.items():
        if name != "step":
            # A curve of one point would draw nothing as a line.
            marker = "o" if len(column) == 1 else None
            label = name.replace("_weighted", "").replace("_gradient_ratio", "").replace("_", " ")
            axes.plot(curves["step"], column, label=label, linewidth=1.3, marker=marker)
    axes.set_yscale(scale)
    axes.set_title(title, loc="left", weight="bold", size=10)
    axes.set_xlabel("generator step")
    axes.set_ylabel(unit if scale == "linear" else f"{unit} (logarithmic)")
    if values:
        axes.legend(fontsize=8, ncols=2)
    else:
        axes.text(0.5, 0.5, "no such term in this run", transform=axes.transAxes, ha="center", color="0.5")


def axis_scale(values: Sequence[float]) -> str:
    """`log` where all values are positive and of very different size, else `linear`.

    Losses of both signs stay linear: a symmetric logarithmic axis blows up every crossing of zero.
    """
    wide = bool(values) and min(values) > 0 and max(values) >= WIDE_RANGE * min(values)
    return "log" if wide else "linear"


def _bars(axes: Axes, network: str, results: Sequence[Result]) -> None:
    """One panel: groups are pairs of protocol and IPC, bars within a group are sources."""
    pairs = columns_of(results)
    sources = sorted({r.source for r in results if r.ipc is not None}, key=source_rank)
    for source in sources:  # invisible, so that the legend has the order of the table
        axes.bar(0, 0, color=COLORS.get(source, "C9"), label=source_label(source))
    for place, pair in enumerate(pairs):
        group = [r for r in results if (r.protocol, r.ipc) == pair]
        group.sort(key=lambda r: source_rank(r.source))
        width = 0.8 / max(len(group), 1)
        for position, r in enumerate(group):
            x = place + (position - (len(group) - 1) / 2) * width
            color = COLORS.get(r.source, "C9")
            axes.bar(x, r.mean, 0.92 * width, yerr=r.std, color=color, error_kw={"lw": 1, "capsize": 2})
            # On white, so that the line of the whole training set does not cross out a number.
            patch = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
            at = (x, r.mean + r.std)
            axes.annotate(f"{r.mean:.2f}", at, (0, 3), textcoords="offset points", ha="center", size=7, bbox=patch)
    for r in results:
        if r.ipc is None:
            label = f"{source_label('whole')} ({r.mean:.3f})"
            axes.axhline(r.mean, color="0.2", linestyle="--", linewidth=1, label=label)
    axes.set_xticks(range(len(pairs)), [f"{protocol}\nIPC {ipc}" for protocol, ipc in pairs])
    axes.set_ylim(0, 1.08)
    axes.set_ylabel("test accuracy")
    axes.grid(visible=False, axis="x")
    axes.set_title(f"{network}: mean and standard deviation over students", loc="left", weight="bold", size=10)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
