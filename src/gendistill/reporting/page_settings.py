"""Section of the page about where numbers come from, as far as equal runs have it in common: data and settings."""

from gendistill.reporting.html import join, table, tag
from gendistill.reporting.page import Section, note
from gendistill.reporting.settings import settings
from gendistill.reporting.summary import Summary

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
    values = settings(summary.params)
    rows = [[tag("code", key), _text(value)] for key, value in values.items()]
    parameters = table(
        ["parameter", "value"], rows, "params.yaml without runtime, which changes no result", class_="words"
    )
    parts = [
        table(["", ""], data, "Data", class_="words"),
        tag("details", tag("summary", f"All {len(rows)} parameters"), parameters),
        *([note(remark)] if remark else []),
    ]
    return Section(key="settings", title="Data and settings", short="Settings", body=join(parts))


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else f"{value}"
