"""Evaluated sets as files, and the rows of the benchmark's table: one a method, protocol and IPC, over all its sets."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from gendistill.config.benchmark import BenchmarkParams
from gendistill.reporting.cells import rounded
from gendistill.reporting.merge import merge
from gendistill.runtime.benchmark import set_name
from gendistill.runtime.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One number of the benchmark, or of the published results beside it.

    Attributes:
        method: a name in `gendistill.config.methods.METHODS`, or a source of the main pipeline.
        network: the student.
        protocol: `fixed`, `fixed_plain`; beside them `fresh` and `whole`.
        ipc: images per class; None for the whole training set.
        mean: mean accuracy over sets, a fraction.
        std_sets: sample standard deviation of the sets' means; None for one set.
        std_students: within a set: sqrt(sum (n_s - 1) s_s^2 / sum (n_s - 1)); 0 for one student.
        sets: synthetic sets, or generators.
        students: networks in all.
        statistics: everything that is tracked, by name.
        matched: a row at the bytes of a generator.
        beside: a row of published results of the main pipeline.
    """

    method: str
    network: str
    protocol: str
    ipc: int | None
    mean: float
    std_sets: float | None
    std_students: float
    sets: int
    students: int
    statistics: dict[str, Any]
    matched: bool = False
    beside: bool = False

    @property
    def bytes(self) -> int:
        """What must be stored to train a student."""
        return int(self.statistics["bytes"])

    @property
    def distinct_images(self) -> int:
        """Different images that a student saw."""
        return int(self.statistics["distinct_images"])


def read_rows(params: BenchmarkParams, folder: Path) -> list[Row]:
    """The rows that benchmark/params.yaml names, in the order of the table: network, method, IPC, protocol.

    Raises:
        UserError: files are missing (all are named), or one is not what the evaluation writes.
    """
    rows, missing = [], []
    for network in params.evaluate.networks:
        for matched, methods, ipcs in blocks(params):
            for method, ipc in product(methods, ipcs):
                paths = [folder / f"{set_name(method, ipc, number, network)}.json" for number in params.sets]
                missing += [path.name for path in paths if not path.is_file()]
                if not missing:
                    cells = [_read(path) for path in paths]
                    for protocol in params.evaluate.protocols:
                        statistics = _over_sets(cells, protocol, paths[0])
                        rows.append(_row(method, network, protocol, ipc, statistics, matched=matched))
    if missing:
        raise UserError(
            f"{folder}: missing {', '.join(missing)}, named by benchmark/params.yaml: run "
            "`dvc repro benchmark/dvc.yaml` first"
        )
    return rows


def blocks(params: BenchmarkParams) -> list[tuple[bool, tuple[str, ...], tuple[int, ...]]]:
    """Whether rows are those of section `matched`, their methods, and their images per class."""
    return [(False, params.methods, params.ipc), (True, params.matched.methods, params.matched.ipc)]


def _read(path: Path) -> dict[str, Any]:
    try:
        cell = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(cell["results"], dict):
            raise TypeError("results are no mapping")
    except (ValueError, KeyError, TypeError) as error:
        raise _unusable(path, error) from None
    found: dict[str, Any] = cell
    return found


def _unusable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is not an evaluated set ({error!r}): delete it and run the evaluation again")


def _over_sets(cells: Sequence[dict[str, Any]], protocol: str, path: Path) -> dict[str, Any]:
    """What is tracked of one row, by name in their order, from the cells of all its sets; `path` is one of them."""
    try:
        entries = [cell["results"][protocol] for cell in cells]
        merged = merge(entries)
        statistics = {key: merged[key] for key in merged if key not in ("generators", "std_generators")}
        statistics |= {
            "sets": len(cells),
            "std_sets": merged["std_generators"],
            "std_students": rounded(within(entries)),
            "updates": cells[0]["updates"],
        }
        if "native" in cells[0]:
            statistics["native"] = rounded(math.fsum(cell["native"] for cell in cells) / len(cells))
    except (KeyError, TypeError) as error:
        raise _unusable(path, error) from None
    return {key: statistics[key] for key in sorted(statistics)}


def _row(
    method: str,
    network: str,
    protocol: str,
    ipc: int | None,
    statistics: dict[str, Any],
    *,
    matched: bool = False,
    beside: bool = False,
) -> Row:
    return Row(
        method=method,
        network=network,
        protocol=protocol,
        ipc=ipc,
        mean=statistics["mean"],
        std_sets=statistics["std_sets"],
        std_students=statistics["std_students"],
        sets=statistics["sets"],
        students=statistics["n"],
        statistics=statistics,
        matched=matched,
        beside=beside,
    )


def within(entries: Sequence[dict[str, Any]]) -> float:
    """Pooled standard deviation of students within a set; 0 where each set has one."""
    freedom = sum(entry["n"] - 1 for entry in entries)
    return math.sqrt(math.fsum((e["n"] - 1) * e["std"] ** 2 for e in entries) / freedom) if freedom else 0.0


def grouped(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """``{"<method>-<network>": {"<protocol>_ipc<k>": statistics}}``, sorted, as the main pipeline has it."""
    groups: dict[str, dict[str, Any]] = {}
    for row in rows:
        groups.setdefault(f"{row.method}-{row.network}", {})[f"{row.protocol}_ipc{row.ipc}"] = row.statistics
    return {name: dict(sorted(groups[name].items())) for name in sorted(groups)}


def read_beside(params: BenchmarkParams, root: Path) -> list[Row]:
    """Generators and controls of published results, for the same students' architectures; none where `beside` is ''.

    Raises:
        UserError: there are no such results, or they are not what `publish` writes.
    """
    if not params.beside:
        return []
    folder = root / "results/accuracy" / params.beside
    files = sorted(folder.glob("*.json"))
    if not files:
        known = ", ".join(sorted(path.name for path in folder.parent.glob("*"))) or "none"
        raise UserError(f"beside: no results in {folder.relative_to(root)}; write '' or one of: {known}")
    rows = []
    for path in files:
        source, _, network = path.stem.partition("-")
        # what the benchmark measures itself is not shown twice
        if network not in params.evaluate.networks or source in params.methods:
            continue
        try:
            for key, entry in json.loads(path.read_text(encoding="utf-8")).items():
                protocol, _, ipc = key.partition("_ipc")
                statistics = _of_published(entry)
                rows.append(_row(source, network, protocol, int(ipc) if ipc else None, statistics, beside=True))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{path.relative_to(root)} is not a published result ({error!r}); publish it again"
            ) from None
    return rows


def _of_published(entry: dict[str, Any]) -> dict[str, Any]:
    """A published result, with what a row of the benchmark calls it: a set is a generator there."""
    named = {
        "std_sets": entry.get("std_generators"),
        "std_students": entry["std"],
        "sets": entry.get("generators", 1),
        "bytes": entry["bytes"],
        "distinct_images": entry["distinct_images"],
    }
    return {**entry, **named}
