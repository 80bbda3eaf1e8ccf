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
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for r in results:
        cell = " ".join([r.source, r.network, *([] if r.ipc is None else [f"{r.protocol} ipc{r.ipc}"])])
        ipc = "" if r.ipc is None else r.ipc
        writer.writerow([cell, r.source, r.network, r.protocol, ipc, round(r.mean, 6), round(r.std, 6), r.n])
    write_text(path, text.getvalue())
