"""What the page consists of: the sections that files of one run fill, in their order."""

from pathlib import Path

from gendistill.reporting.cells import Result
from gendistill.reporting.labels import data_title, readable_bytes, spread_text, students_text
from gendistill.reporting.page import Section, page
from gendistill.reporting.page_accuracy import accuracy_section, bars_section, effort_section, scores_section
from gendistill.reporting.page_classes import classes_section
from gendistill.reporting.page_expected import expected_section
from gendistill.reporting.page_images import images_section
from gendistill.reporting.page_quality import quality_section
from gendistill.reporting.page_settings import settings_section
from gendistill.reporting.page_training import training_section
from gendistill.reporting.plots import Curves
from gendistill.reporting.quality import read_quality
from gendistill.reporting.summary import Summary, headline


def report_page(summary: Summary, gan: Curves, distilled: dict[str, Curves], root: Path) -> str:
    """The page of a run, a function of its outputs, its parameters and the declared ranges."""
    sections = [*run_sections(summary, gan, distilled, root), settings_section(summary)]
    return document(summary, sections, "")


def run_sections(summary: Summary, gan: Curves, distilled: dict[str, Curves], root: Path) -> list[Section]:
    """What the outputs of a run fill."""
    return [
        accuracy_section(summary),
        bars_section(summary),
        images_section(summary.params, summary.info, root),
        quality_section(read_quality(root, summary.params.sources)),
        classes_section(summary),
        scores_section(summary),
        effort_section(summary),
        training_section(gan, distilled),
        expected_section(summary),
    ]


def document(summary: Summary, sections: list[Section], foot: str) -> str:
    """The page with the sections and the last line given."""
    return page(data_title(summary.params.data), headline(summary), tiles(summary), sections, foot)


def tiles(summary: Summary) -> list[tuple[str, str]]:
    """The numbers on top: the best-known source, its ceiling, its size, and how many students say so."""
    mine = summary.headline
    source, network, ipc = mine.source, mine.network, mine.ipc
    own = [r for r in summary.of(network) if (r.source, r.ipc) == (source, ipc)]
    found = [(f"{r.mean:.3f}", f"{source}, {r.protocol}, IPC {ipc} ({_count(r)})") for r in own[:2]]
    found += [(f"{r.mean:.3f}", "all real training images") for r in summary.of(network) if r.source == "whole"]
    size = summary.artifact_bytes[source]
    counts, side = summary.info.counts, summary.info.image_size
    real = counts["train"] * summary.info.channels * side * side
    what = f"the generator that stands for {counts['train']:,} images of {readable_bytes(real)}"
    return [*found, (readable_bytes(size), what)]


def _count(result: Result) -> str:
    """How many students a mean is of, and their spread."""
    spread = spread_text(result.std, result.n).strip()
    return ", ".join([*([spread] if spread else []), students_text(result.n)])
