"""Section of the page about the declared ranges of the preset: inside or outside."""

from gendistill.reporting.expected import cost_sentence, range_sentence, verdicts
from gendistill.reporting.html import Html, join, table, tag
from gendistill.reporting.page import Section, note
from gendistill.reporting.page_accuracy import source_cell
from gendistill.reporting.summary import Summary

NOT_DECLARED = (
    "declared ranges: these settings are no preset's, or of one for your own images (presets/expected has those "
    "that there are)."
)


def expected_section(summary: Summary) -> Section:
    """Every accuracy beside its range, and the cost to expect."""
    title = "As declared?"
    expected = summary.expected
    if expected is None:
        return Section(key="expected", title=title, short="Declared", body=Html(), missing=(NOT_DECLARED,))
    rows = []
    for verdict in verdicts(summary.results, expected):
        r = verdict.result
        under = r.protocol if r.ipc is None else f"{r.protocol}, IPC {r.ipc}"
        word = "inside" if verdict.inside else "outside"
        declared = f"{verdict.low:.3f} to {verdict.high:.3f}"
        said = tag("span", word, class_=word)
        rows.append([source_cell(r.source), r.network, under, f"{r.mean:.3f}", declared, said])
    header = ["", "network", "trained under", "here", "declared", ""]
    body = [table(header, rows, range_sentence(summary.results, expected)), note(cost_sentence(expected))]
    return Section(key="expected", title=title, short="Declared", body=join(body))
