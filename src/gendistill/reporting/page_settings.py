"""Section of the page about where numbers come from, as far as equal runs have it in common: data and settings."""

from dataclasses import asdict

from gendistill.config.params import dotted
from gendistill.reporting.html import join, table, tag
from gendistill.reporting.page import Section, note
from gendistill.reporting.summary import Summary

# The label is no setting, and where a run was made changes no result.
LEFT_OUT = ("preset", "runtime")
ELSEWHERE = (
    "Seconds, memory, machine, versions and commit are not part of this page, so that equal runs give equal files: "
    "`python -m stages.page` writes data/page.html, this page with them and with the sweeps collected by "
    "`python -m stages.sweep`."
)


def settings_section(summary: Summary, remark: str = ELSEWHERE) -> Section:
    """Data with its checksum, and every parameter.

    Args:
        summary: of the run.
        remark: what is told beside it, on the page without the cost; empty for none.
    """
    info = summary.info
    counts = ", ".join(f"{count:,} {split.replace('_', ' ')}" for split, count in info.counts.items())
    data = [
        ["data set", f"{info.name}, {info.num_classes} classes, {info.image_size} x {info.image_size} pixels"],
        ["images", counts],
        ["checksum", tag("code", info.checksum)],
        *([f"file {name}", join(["MD5 ", tag("code", value)])] for name, value in info.source.items()),
    ]
    # Name by name, so that the label is not read: it is no parameter of the report.
    names = [name for name in type(summary.params).__dataclass_fields__ if name not in LEFT_OUT]
    values = dotted({name: _plain(getattr(summary.params, name)) for name in names})
    rows = [[tag("code", key), _text(value)] for key, value in values.items()]
    settings = table(
        ["parameter", "value"], rows, "params.yaml without runtime, which changes no result", class_="words"
    )
    parts = [
        table(["", ""], data, "Data", class_="words"),
        tag("details", tag("summary", f"All {len(rows)} parameters"), settings),
        *([note(remark)] if remark else []),
    ]
    return Section(key="settings", title="Data and settings", short="Settings", body=join(parts))


def _plain(value: object) -> object:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value  # type: ignore[call-overload]


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else f"{value}"
