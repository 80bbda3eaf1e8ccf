"""Accuracy against one parameter, over published runs or DVC experiments: Fig. 3 of the paper for `loss.omega_l`.

Runs form a sweep when they differ in that parameter only; the label, the seed and section `runtime` may differ too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from gendistill.config.params import flatten
from gendistill.config.yaml12 import load_yaml
from gendistill.reporting.labels import source_label
from gendistill.reporting.pictures import save_figure
from gendistill.reporting.plots import STYLE
from gendistill.reporting.runs import revision_run
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_json

FOLDER = Path("data/sweep")
FREE = ("seed", "preset", "runtime")


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepRun:
    """One run of a sweep: its name, its parameters by dotted key, and its accuracies by metrics file and key."""

    name: str
    params: dict[str, Any]
    accuracy: dict[str, dict[str, Any]]


def published_runs(root: Path) -> list[SweepRun]:
    """Every run of `results/`, with the parameters of its origin.

    Raises:
        UserError: an origin or an accuracy cannot be read.
    """
    found = []
    for path in sorted((root / "results/origin").glob("*.yaml")):
        files = sorted((root / "results/accuracy" / path.stem).glob("*.json"))
        try:
            params = _flat(load_yaml(path)["params"])
            accuracy = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: not the origin of published results ({error!r}): publish them again") from None
        found.append(SweepRun(name=path.stem, params=params, accuracy=accuracy))
    return found


def experiment_runs(root: Path, revisions: Sequence[str]) -> list[SweepRun]:
    """Git revisions or DVC experiments.

    Raises:
        UserError: one of them does not exist or holds no finished run.
    """
    runs = [revision_run(root, name) for name in revisions]
    return [SweepRun(name=run.name, params=flatten(run.params), accuracy=run.accuracy) for run in runs]


def sweeps(runs: Sequence[SweepRun], key: str) -> list[list[SweepRun]]:
    """Groups of runs that differ in `key` only, each sorted by its value, those of one value left out.

    Raises:
        UserError: no run has that parameter, it is no number, or no two runs form a sweep.
    """
    known = sorted({name for run in runs for name in run.params})
    having = [run for run in runs if key in run.params]
    if not having:
        close = [name for name in known if name.split(".")[-1] == key.split(".")[-1]]
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise UserError(f"none of {len(runs)} runs has a parameter {key}{hint}")
    if not all(isinstance(run.params[key], int | float) for run in having):
        raise UserError(f"{key} is {having[0].params[key]!r}, not a number: a sweep is drawn along numbers")
    groups: dict[str, list[SweepRun]] = {}
    for run in having:
        rest = {name: value for name, value in run.params.items() if name != key and name.split(".")[0] not in FREE}
        groups.setdefault(json.dumps(rest, sort_keys=True, default=list), []).append(run)
    found = [sorted(group, key=lambda run: float(run.params[key])) for group in groups.values()]
    kept = [group for group in found if len({run.params[key] for run in group}) > 1]
    if not kept:
        raise UserError(
            f"no two of {len(having)} runs differ in {key} only: make some by "
            f"`dvc exp run --queue -S '{key}=...'`, and give their names or publish them"
        )
    return kept


def collect(group: Sequence[SweepRun], key: str) -> dict[str, Any]:
    """One sweep as JSON: values, run names, and for every generated result that all have its means and deviations."""
    shared = set.intersection(*({(g, k) for g, own in run.accuracy.items() for k in own} for run in group))
    results = {}
    for name, entry in sorted(shared):
        if name.split("-")[0] not in ("whole", "real", "random", "cgan"):  # which no such weight reaches
            own = [run.accuracy[name][entry] for run in group]
            results[f"{name} {entry}"] = {part: [each[part] for each in own] for part in ("mean", "std", "n")}
    values = [run.params[key] for run in group]
    return {"key": key, "values": values, "runs": [run.name for run in group], "results": results}


def write_sweeps(root: Path, key: str, revisions: Sequence[str]) -> str:
    """Write `data/sweep/<key>.json` and its picture.

    Returns:
        What was done, for the terminal.

    Raises:
        UserError: there is no such sweep. Nothing is written then.
    """
    runs = experiment_runs(root, revisions) if revisions else published_runs(root)
    content = [collect(group, key) for group in sweeps(runs, key)]
    path, drawing = root / FOLDER / f"{key}.json", root / FOLDER / f"{key}.png"
    write_json(path, content)
    draw(content, drawing)
    lines = [
        f"{key} = {', '.join(f'{value:g}' for value in one['values'])}: {', '.join(one['runs'])}" for one in content
    ]
    return "\n".join([*lines, f"Written: {path.relative_to(root)}, {drawing.relative_to(root)}."])


def read_sweeps(root: Path) -> list[dict[str, Any]]:
    """All sweeps that were collected.

    Raises:
        UserError: a file is not what `write_sweeps` gives.
    """
    found: list[dict[str, Any]] = []
    for path in sorted((root / FOLDER).glob("*.json")):
        try:
            found += json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, TypeError) as error:
            raise UserError(f"{path} is not a sweep ({error}): collect it again by `python -m stages.sweep`") from None
    return found


def places(values: Sequence[float]) -> tuple[list[float], bool]:
    """Where values are drawn, and whether on a logarithmic axis: 0 then stands a decade below the smallest other."""
    positive = [value for value in values if value > 0]
    log = len(positive) > 1 and max(positive) >= 10 * min(positive) and min(values) >= 0
    return ([value or min(positive) / 10 for value in values], True) if log else (list(values), False)


def draw(content: Sequence[dict[str, Any]], path: Path) -> None:
    """A panel for every sweep: mean and one standard deviation of each result."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.6 * len(content)), layout="constrained")
        for axes, one in zip(figure.subplots(len(content), squeeze=False)[:, 0], content, strict=True):
            x, log = places(one["values"])
            for name, result in one["results"].items():
                group, _, entry = name.partition(" ")
                label = f"{source_label(group.split('-')[0])}; {entry.replace('_', ', ')}"
                axes.errorbar(x, result["mean"], yerr=result["std"], marker="o", capsize=2, linewidth=1.3, label=label)
            axes.set_xscale("log" if log else "linear")
            axes.set_xticks(x, [f"{value:g}" for value in one["values"]])
            axes.minorticks_off()
            axes.set_xlabel(one["key"])
            axes.set_ylabel("test accuracy")
            axes.set_title(f"{one['runs'][0]} and {len(x) - 1} more", loc="left", weight="bold", size=10)
            axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        save_figure(figure, path)


def _flat(document: Any, above: str = "") -> dict[str, Any]:
    """A nested document by dotted key."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        found |= _flat(value, f"{above}{name}.") if isinstance(value, dict) else {f"{above}{name}": value}
    return found
