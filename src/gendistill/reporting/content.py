"""What the page consists of: the sections that files of one run fill, in their order."""

from pathlib import Path

from gendistill.config.catalogue import DATASETS
from gendistill.reporting.labels import readable_bytes, source_rank
from gendistill.reporting.page import Section, page
from gendistill.reporting.page_accuracy import accuracy_section, bars_section, effort_section, scores_section
from gendistill.reporting.page_images import images_section
from gendistill.reporting.page_training import training_section
from gendistill.reporting.plots import Curves
from gendistill.reporting.summary import Summary, headline


def report_page(summary: Summary, gan: Curves, distilled: dict[str, Curves], root: Path) -> str:
    """The page of a run, a function of its outputs alone."""
    sections = [
        accuracy_section(summary),
        bars_section(summary),
        images_section(summary.params, summary.info, root),
        scores_section(summary),
        effort_section(summary),
        training_section(gan, distilled),
    ]
    return document(summary, sections, "")


def document(summary: Summary, sections: list[Section], foot: str) -> str:
    """The page with the sections given."""
    return page(DATASETS[summary.info.name].title, headline(summary), tiles(summary), sections, foot)


def tiles(summary: Summary) -> list[tuple[str, str]]:
    """The numbers on top: the best-known source, its ceiling, its size, and how many students say so."""
    source = max(summary.params.sources, key=source_rank)
    network, ipc = summary.params.evaluate.networks[0], max(summary.params.evaluate.ipc)
    own = [r for r in summary.of(network) if (r.source, r.ipc) == (source, ipc)]
    found = [(f"{r.mean:.3f}", f"{source}, {r.protocol}, IPC {ipc} (± {r.std:.3f}, {r.n} students)") for r in own[:2]]
    found += [(f"{r.mean:.3f}", "all real training images") for r in summary.of(network) if r.source == "whole"]
    size = summary.artifact_bytes[source]
    return [*found, (readable_bytes(size), f"the generator that stands for {summary.info.counts['train']:,} images")]
