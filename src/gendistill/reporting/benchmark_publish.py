"""Copy a finished benchmark to `results/`: accuracies, the table with its seconds, and where they come from."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from gendistill.config.benchmark import BenchmarkParams
from gendistill.config.params import section
from gendistill.reporting.benchmark import gather
from gendistill.reporting.benchmark_rows import blocks, grouped
from gendistill.reporting.benchmark_table import Seconds, markdown
from gendistill.reporting.metrics import write_groups
from gendistill.reporting.origin import hardware, read_record, versions
from gendistill.reporting.publish import plain
from gendistill.reporting.runs import checked_out, locked_params
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_text

Record = dict[str, Any]


def publish_benchmark(params: BenchmarkParams, root: Path, costs: Path) -> str:
    """Write `results/accuracy/<preset>/`, `results/benchmark/<preset>.md` and `results/origin/<preset>.yaml`.

    Args:
        params: of the benchmark.
        root: the project.
        costs: folder of cost records.

    Returns:
        What was done, for the terminal.

    Raises:
        UserError: the benchmark is not finished, or was run with other parameters. Nothing is written then.
    """
    check_lock(params, root)
    records = {name: found for name in stages_of(params) if (found := newest(params, name, costs)) is not None}
    benchmark = gather(params, root, seconds_of(params, records))
    own = [row for row in benchmark.rows if not row.beside]
    preset = params.preset
    commit, modified = checked_out(root)
    missing = sorted(set(stages_of(params)) - set(records))
    origin = {
        "preset": preset,
        "command": "python -m stages.benchmark.publish",
        "date": datetime.now(UTC).date().isoformat(),
        "sets": len(params.sets),
        "students_of_each": params.evaluate.students,
        "commit": commit,
        "modified_files": modified,
        "params_checked_against_dvc_lock": (root / "benchmark/dvc.lock").is_file(),
        "seconds": {name: records[name]["seconds"] for name in sorted(records)},
        "seconds_in_all": round(sum(record["seconds"] for record in records.values()), 3),
        "stages_without_cost_record": missing,
        "hardware": hardware(list(records.values())),
        "versions_when_published": versions(),
        "data": {"checksum": benchmark.info.checksum, "counts": benchmark.info.counts, "source": benchmark.info.source},
        "params": plain(asdict(params)),
    }
    write_groups(grouped(own), root / "results/accuracy" / preset)
    write_text(root / f"results/benchmark/{preset}.md", markdown(benchmark, picture=False))
    text = yaml.safe_dump(origin, sort_keys=False, allow_unicode=True, width=100)
    write_text(root / f"results/origin/{preset}.yaml", text)
    lines = [
        f"Published {len(own)} accuracies of {len(params.sets)} sets x {params.evaluate.students} students to "
        f"results/accuracy/{preset}, results/benchmark/{preset}.md and results/origin/{preset}.yaml."
    ]
    if missing:
        lines.append(f"No cost record for {len(missing)} stages: left out of the seconds.")
    return "\n".join(lines)


def stages_of(params: BenchmarkParams) -> dict[str, tuple[str, int] | None]:
    """Every stage that the parameters name, and the method and IPC of those that make a set."""
    data = params.data.name
    found: dict[str, tuple[str, int] | None] = {f"prepare@{data}": None}
    for matched, methods, ipcs in blocks(params):
        suffix = "_matched" if matched else ""
        for method, ipc, number in product(methods, ipcs, params.sets):
            found[f"distil{suffix}@{data}-{method}-{ipc}-{number}"] = (method, ipc)
            for network in params.evaluate.networks:
                found[f"evaluate{suffix}@{data}-{method}-{network}-{ipc}-{number}"] = None
    return found


def seconds_of(params: BenchmarkParams, records: Mapping[str, Record]) -> Seconds:
    """Mean seconds of making a set, by method and IPC."""
    found: dict[tuple[str, int], list[float]] = {}
    for name, of in stages_of(params).items():
        if of is not None and name in records:
            found.setdefault(of, []).append(records[name]["seconds"])
    return {key: fmean(values) for key, values in found.items()}


def newest(params: BenchmarkParams, stage: str, costs: Path) -> Record | None:
    """The newest record of a stage that was made with these parameters.

    Raises:
        UserError: a record cannot be read.
    """
    records = [read_record(path) for path in sorted((costs / f"benchmark-{stage}").glob("*.json"))]
    fitting = [record for record in records if not list(stale(params, record["params"]))]
    return max(fitting, key=lambda record: datetime.fromisoformat(record["finished"]), default=None)


def stale(params: BenchmarkParams, values: Mapping[str, Any]) -> Iterator[str]:
    """Parameters, by dotted key, that a stage was run with and that have another value now."""
    for key, value in values.items():
        try:
            now = section(params, key)
        except ValueError:
            now = None
        # compared as JSON has them: 1 and 1.0 are one number there
        if json.dumps(now, sort_keys=True) != json.dumps(value, sort_keys=True) and now != value:
            yield f"{key} (ran with {value}, now {now})"


def check_lock(params: BenchmarkParams, root: Path) -> None:
    """Compare what DVC recorded with benchmark/params.yaml: it may have been edited after the run.

    Raises:
        UserError: it was.
    """
    lock = root / "benchmark/dvc.lock"
    if not lock.is_file():
        return
    ran = locked_params(lock.read_text(encoding="utf-8"), "benchmark/dvc.lock", "benchmark/params.yaml")
    changed = [text for stage in stages_of(params) for text in stale(params, ran.get(stage, {}))]
    if changed:
        raise UserError(
            f"benchmark/params.yaml changed after the run: {', '.join(dict.fromkeys(changed))}; run "
            "`dvc repro benchmark/dvc.yaml` first"
        )
