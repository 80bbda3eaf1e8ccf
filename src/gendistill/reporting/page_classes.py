"""Section of the page about classes: which are taken for which, and how well each is told apart."""

from gendistill.reporting.charts import matrix
from gendistill.reporting.grid import columns_of
from gendistill.reporting.html import Html, join, table
from gendistill.reporting.labels import source_rank
from gendistill.reporting.page import Section, charts, note
from gendistill.reporting.page_accuracy import source_cell
from gendistill.reporting.summary import Summary

TABLE_CLASSES = 20  # up to which a table of accuracies by class can be read


def classes_section(summary: Summary) -> Section:
    """Confusion matrices of the first network at the largest IPC, and a table of accuracies by class."""
    network, ipc = summary.params.evaluate.networks[0], max(summary.params.evaluate.ipc)
    names = summary.info.classes
    results = summary.of(network)
    protocol = columns_of(results)[0][0]
    sources = sorted(summary.params.sources, key=source_rank)
    shown = [r for r in results if r.source in sources and (r.protocol, r.ipc) == (protocol, ipc)]
    parts: list[Html] = [charts([matrix(f"{r.source}: {protocol}, IPC {ipc}", r.confusion, names) for r in shown])]
    missing = []
    if len(names) <= TABLE_CLASSES:
        rows = [
            [source_cell(r.source), *(f"{value:.3f}" for value in r.class_accuracy)]
            for r in results
            if r.ipc is None or (r.protocol, r.ipc) == (protocol, ipc)
        ]
        caption = f"Test accuracy by class, {network}, {protocol}, IPC {ipc}"
        parts.append(table(["", *names], rows, caption, strong=lambda label: label.startswith("ours")))
    else:
        missing.append(f"accuracy by class as a table: {len(names)} classes; it is in class_accuracy.csv beside this.")
    parts.append(note(f"Test images of all {shown[0].n} students of {network} together."))
    return Section(key="classes", title="Class by class", short="Classes", body=join(parts), missing=tuple(missing))
