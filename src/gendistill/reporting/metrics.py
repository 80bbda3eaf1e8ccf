"""The tracked numbers of a run: a JSON file for each source and network, and one long CSV file for plots."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gendistill.reporting.cells import Result
from gendistill.runtime.files import write_atomically, write_text

COLUMNS = ("cell", "source", "network", "protocol", "ipc", "accuracy", "std", "n")


def grouped(results: Sequence[Result]) -> dict[str, dict[str, Any]]:
    """``{"<source>-<network>": {"<protocol>_ipc<k>": statistics}}``, sorted."""
    groups: dict[str, dict[str, Any]] = {}
    for result in results:
        groups.setdefault(f"{result.source}-{result.network}", {})[result.key] = result.metrics()
    return {name: dict(sorted(groups[name].items())) for name in sorted(groups)}


def write_groups(groups: dict[str, dict[str, Any]], folder: Path) -> None:
    """Replace `folder` by one JSON file for each group."""
    with write_atomically(folder) as temporary:
        temporary.mkdir()
        for name, content in groups.items():
            text = json.dumps(content, indent=1, sort_keys=True)
            (temporary / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def write_csv(results: Sequence[Result], path: Path) -> None:
    """One line a result; `cell` is unique, so that a bar chart needs no other column."""
    rows: list[list[object]] = []
    for r in results:
        cell = " ".join([r.source, r.network, *([] if r.ipc is None else [f"{r.protocol} ipc{r.ipc}"])])
        ipc = "" if r.ipc is None else r.ipc
        rows.append([cell, r.source, r.network, r.protocol, ipc, round(r.mean, 6), round(r.std, 6), r.n])
    write_text(path, _csv(COLUMNS, rows))


def write_classes(result: Result, names: Sequence[str], path: Path) -> None:
    """One line a class: its accuracy over all students of a result, for a bar chart."""
    rows = [[name, round(value, 6)] for name, value in zip(names, result.class_accuracy, strict=True)]
    write_text(path, _csv(("class", "accuracy"), rows))


def write_confusion(result: Result, names: Sequence[str], path: Path) -> None:
    """One line a test image and student: true and predicted class, as DVC's confusion matrix counts them."""
    rows = [
        [names[true], names[predicted]]
        for true, row in enumerate(result.confusion)
        for predicted, count in enumerate(row)
        for _ in range(count)
    ]
    write_text(path, _csv(("actual", "predicted"), rows))


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()
