"""Where published numbers come from: parameters, commits, hardware, versions, and what every stage cost."""

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from gendistill.config.params import section
from gendistill.reporting.cells import named_cells
from gendistill.reporting.runs import Run, relevant
from gendistill.runtime.errors import UserError

PACKAGES = ("torch", "torchvision", "numpy", "dvc", "scikit-learn", "safetensors", "pillow")
# Of a cost record, what does not describe the machine.
NOT_HARDWARE = ("stage", "params", "seconds", "peak_memory_bytes", "finished")

Record = dict[str, Any]


def origin(runs: Sequence[Run], costs: Path, command: str, params: dict[str, Any]) -> dict[str, Any]:
    """The content of `results/origin/<preset>.yaml`.

    Args:
        runs: what is published, one for each seed.
        costs: folder of cost records, `<stage>/*.json`.
        command: what the user typed.
        params: all parameters of the first run, nested.
    """
    records = [cost_records(run, costs) for run in runs]
    return {
        "preset": runs[0].params.preset,
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "generators": len(runs),
        "students_of_each": runs[0].params.evaluate.students,
        "seeds": [run.params.seed for run in runs],
        "runs": [_entry(run, found) for run, found in zip(runs, records, strict=True)],
        "hardware": hardware([record for found in records for record in found.values()]),
        "versions_when_published": versions(),
        "data": runs[0].data,
        "params": params,
    }


def cost_records(run: Run, costs: Path) -> dict[str, Record]:
    """For every stage of the run, the newest record that was made with the run's parameters.

    Raises:
        UserError: a record cannot be read.
    """
    found: dict[str, Record] = {}
    cells = named_cells(run.params)
    for path in sorted(costs.glob("*/*.json")):
        stage = path.parent.name
        if not relevant(stage, cells):
            continue
        record = read_record(path)
        if _fits(record, run) and (stage not in found or _time(record) > _time(found[stage])):
            found[stage] = record
    return found


def read_record(path: Path) -> Record:
    """One cost record, with the keys that are needed here; UserError where it is none."""
    needed = {"params", "seconds", "peak_memory_bytes", "finished"}
    try:
        record: Record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not a cost record ({error}): delete it") from None
    if needed - set(record):
        raise UserError(f"{path} is not a cost record (no {sorted(needed - set(record))}): delete it")
    return record


def _fits(record: Record, run: Run) -> bool:
    """Whether the record was made with the run's parameters."""
    try:
        return all(section(run.params, key) == value for key, value in record["params"].items())
    except ValueError:  # made when params.yaml had other keys
        return False


def without_record(run: Run, found: dict[str, Record]) -> list[str]:
    """Stages of the run that left no record here."""
    cells = named_cells(run.params)
    return sorted(stage for stage in run.lock or {} if relevant(stage, cells) and stage not in found)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide numbers, as they are now; absent ones left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _entry(run: Run, records: dict[str, Record]) -> dict[str, Any]:
    """One run: its commit, and its cost by stage."""
    seconds = {stage: records[stage]["seconds"] for stage in sorted(records)}
    entry: dict[str, Any] = {"name": run.name, "seed": run.params.seed, "commit": run.commit}
    if run.parent is not None:
        entry["started_from"] = run.parent
    entry["modified_files"] = run.modified
    entry["params_checked_against_dvc_lock"] = run.lock is not None
    entry["seconds"] = seconds
    entry["seconds_in_all"] = round(sum(seconds.values()), 3)
    entry["peak_memory_bytes"] = max((record["peak_memory_bytes"] for record in records.values()), default=None)
    entry["stages_without_cost_record"] = without_record(run, records)
    return entry


def hardware(records: Sequence[Record]) -> list[dict[str, Any]]:
    """The different machines and precisions that the records name."""
    found: list[dict[str, Any]] = []
    for record in records:
        machine = {key: value for key, value in record.items() if key not in NOT_HARDWARE}
        if machine not in found:
            found.append(machine)
    return found


def _time(record: Record) -> datetime:
    return datetime.fromisoformat(record["finished"])
