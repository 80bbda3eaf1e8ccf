"""Sections that only the uncached page has: sweeps, what the run cost, and where it was made."""

from collections.abc import Mapping, Sequence
from typing import Any

from gendistill.reporting.charts import Series, plot
from gendistill.reporting.expected import cost_sentence
from gendistill.reporting.grid import ABSENT
from gendistill.reporting.html import Html, join, table, tag
from gendistill.reporting.labels import readable_bytes
from gendistill.reporting.page import Section, charts, note
from gendistill.reporting.summary import Summary
from gendistill.reporting.sweep import places
from gendistill.runtime.progress import clock

COLORS = ("c-1", "c-2", "c-3", "c-4", "c-5", "c-6")


def sweep_section(found: Sequence[Mapping[str, Any]]) -> Section:
    """A chart for every collected sweep, and result by result its numbers."""
    title = "Sweeps"
    if not found:
        gap = "sweeps (Fig. 3 of the paper): none collected; `python -m stages.sweep` does from results/."
        return Section(key="sweep", title=title, short="Sweeps", body=Html(), missing=(gap,))
    parts: list[Html] = []
    for one in found:
        x, log = places(one["values"])
        series = [
            Series(name=name, color=color, x=x, y=result["mean"], spread=result["std"], marked=True)
            for (name, result), color in zip(one["results"].items(), COLORS, strict=False)
        ]
        parts.append(charts([plot(f"{one['key']}", series, one["key"], "test accuracy", log_x=log)]))
        if log and 0 in one["values"]:
            parts.append(note("0 has no place on a logarithmic axis: it is drawn a decade below the next value."))
        rows = [
            [name, *(join([f"{mean:.3f}", tag("small", f"± {std:.3f}")]) for mean, std in _pairs(result))]
            for name, result in one["results"].items()
        ]
        header = [one["key"], *(f"{value:g}" for value in one["values"])]
        parts.append(table(header, rows, f"Runs: {', '.join(one['runs'])}"))
    return Section(key="sweep", title=title, short="Sweeps", body=join(parts))


def cost_section(summary: Summary, origin: Mapping[str, Any], records: Mapping[str, Mapping[str, Any]]) -> Section:
    """Seconds and peak memory of every stage, from the records that stages leave outside of their outputs."""
    run = origin["runs"][0]
    rows = [
        [stage, f"{record['seconds']:,.1f}", readable_bytes(record["peak_memory_bytes"]), record["finished"][:10]]
        for stage, record in sorted(records.items())
    ]
    missing = run["stages_without_cost_record"]
    gaps = (f"cost of {', '.join(missing)}: not run on this checkout (DVC had the outputs).",) if missing else ()
    if not rows:
        return Section(key="cost", title="Cost", short="Cost", body=Html(), missing=gaps)
    caption = f"In all {clock(run['seconds_in_all'])} (h:mm:ss), at most {readable_bytes(run['peak_memory_bytes'])}"
    parts = [table(["stage", "seconds", "peak memory", "finished"], rows, caption)]
    if summary.expected is not None:
        parts.append(note(cost_sentence(summary.expected)))
    return Section(key="cost", title="Cost", short="Cost", body=join(parts), missing=gaps)


def origin_section(origin: Mapping[str, Any]) -> Section:
    """Commit, changes, machine and versions."""
    run = origin["runs"][0]
    modified = run["modified_files"]
    state = ABSENT if modified is None else ", ".join(modified) or "none"
    rows = [
        ["preset", origin["preset"]],
        ["seed", str(run["seed"])],
        ["commit", tag("code", run["commit"] or "not in Git")],
        ["tracked files that differ from it", state],
        *([f"machine {k}", ", ".join(_words(machine))] for k, machine in enumerate(origin["hardware"], start=1)),
        *([name, version] for name, version in origin["versions_when_published"].items()),
    ]
    body = table(["", ""], rows, f"Written {origin['date']}", class_="words")
    return Section(key="origin", title="Where it was made", short="Origin", body=body)


def _pairs(result: Mapping[str, Any]) -> list[tuple[float, float]]:
    return list(zip(result["mean"], result["std"], strict=True))


def _words(machine: Mapping[str, Any]) -> list[str]:
    """A machine's entries as ``key value``, those of its host among them."""
    flat = {**{key: value for key, value in machine.items() if key != "host"}, **machine["host"]}
    return [f"{key} {value}" for key, value in flat.items()]
