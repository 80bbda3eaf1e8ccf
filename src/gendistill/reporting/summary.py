"""Everything a report says, gathered once from files: results, data, sizes, and the sentences around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gendistill.config.catalogue.networks import NETWORKS
from gendistill.config.catalogue.protocols import PROTOCOLS
from gendistill.config.schema import Params
from gendistill.data.info import DataInfo, load_info
from gendistill.reporting.cells import Result, read_cells
from gendistill.reporting.expected import Expected, cost_sentence, range_sentence, read_expected, verdicts
from gendistill.reporting.labels import readable_bytes, source_rank
from gendistill.reporting.paper import Comparison, comparisons
from gendistill.runtime.errors import UserError

# What a reader opens first, then the pictures on it by themselves.
PAGE = ("index.html", "all of it as one page; opens offline")
PICTURES = {
    "samples.png": "real and generated images side by side",
    "losses.png": "loss curves",
    "accuracy.png": "accuracy as bars",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """The content of a report.

    Attributes:
        params: the run.
        info: the prepared data.
        results: every named result, in table order.
        artifact_bytes: size of the deployed generator of each generated source.
        expected: declared ranges of the preset that the run is of; None where there are none.
    """

    params: Params
    info: DataInfo
    results: tuple[Result, ...]
    artifact_bytes: dict[str, int]
    expected: Expected | None

    @property
    def networks(self) -> tuple[str, ...]:
        """Students, in table order."""
        return tuple(dict.fromkeys(r.network for r in self.results))

    def of(self, network: str) -> list[Result]:
        """The results of one student."""
        return [r for r in self.results if r.network == network]

    @property
    def supply(self) -> list[Result]:
        """One result for each source, protocol and IPC: images and bytes are the same for every network."""
        found: dict[tuple[str, str, int | None], Result] = {}
        for r in self.results:
            found.setdefault((r.source, r.protocol, r.ipc), r)
        return sorted(found.values(), key=lambda r: source_rank(r.source))

    @property
    def headline(self) -> Result:
        """The result to remember: the best-known generated source, first network and protocol, largest IPC."""
        source = max(self.params.sources, key=source_rank)
        own = self.of(self.params.evaluate.networks[0])
        return next(r for r in own if r.source == source and r.ipc == max(self.params.evaluate.ipc))

    @property
    def inside(self) -> bool:
        """Whether no accuracy is outside its declared range."""
        return self.expected is None or all(v.inside for v in verdicts(self.results, self.expected))

    def comparisons(self, network: str) -> list[Comparison]:
        """The results of one student that have a printed counterpart."""
        return comparisons(self.of(network), self.info.name, self.info.image_size)


def gather(params: Params, root: Path) -> Summary:
    """Read what a report needs.

    Raises:
        UserError: a stage has not run; names the file and the command.
    """
    info = load_info(root / "data/prepared")
    results = read_cells(params, root / "data/cells")
    sizes = {}
    for source in sorted(params.sources, key=source_rank):
        path = root / f"data/artifacts/{source}.safetensors"
        if not path.is_file():
            raise UserError(f"{path} does not exist: run `dvc repro` to make the source {source} first")
        sizes[source] = path.stat().st_size
    expected = read_expected(params, root)
    return Summary(params=params, info=info, results=tuple(results), artifact_bytes=sizes, expected=expected)


def headline(summary: Summary) -> str:
    """The one sentence to remember: the best-known generated source against the whole training set."""
    mine = summary.headline
    whole = next((r for r in summary.of(mine.network) if r.source == "whole"), None)
    count = f"{summary.info.counts['train']:,}"
    gan = next((r for r in summary.of(mine.network) if _cell(r) == ("cgan", mine.protocol, mine.ipc)), None)
    before = f", of the GAN before distillation {gan.mean:.3f}" if gan and mine.source != "cgan" else ""
    ceiling = f"; trained on all {count} real images it reaches {whole.mean:.3f}" if whole else ""
    return (
        f"A {mine.network} that saw only images of '{mine.source}' ({mine.protocol}, IPC {mine.ipc}) "
        f"reaches a test accuracy of {mine.mean:.3f}{before}{ceiling}."
    )


def _cell(result: Result) -> tuple[str, str, int | None]:
    return result.source, result.protocol, result.ipc


def declared(summary: Summary) -> list[str]:
    """Whether the accuracies are inside the declared ranges, and what the run was expected to cost; may be empty."""
    if summary.expected is None:
        return []
    return [f"{range_sentence(summary.results, summary.expected)}.", cost_sentence(summary.expected)]


def student(summary: Summary, network: str) -> str:
    """The network of a table."""
    first = summary.of(network)[0]
    return (
        f"Student: {network} of width {first.channels} (standard {NETWORKS[network].channels}), "
        "with new random weights each time."
    )


def legend(summary: Summary) -> list[str]:
    """What the words of the tables mean, a line each."""
    results = summary.supply
    used = [p for p in PROTOCOLS if any(r.protocol == p for r in results)]
    lines = [f"{protocol}: {PROTOCOLS[protocol].description}." for protocol in used]
    if any(r.source == "whole" for r in results):
        lines.append("whole: the real training set, no IPC; one number, repeated as the ceiling of every column.")
    lines.append("IPC: images per class. Accuracy is a fraction of the test images, read once after the last step.")
    lines += [f"Training under {text}." for text in budgets(results)]
    counts = summary.info.counts
    held_out = f", {counts['held_out']:,} held out" if counts["held_out"] else ""
    lines.append(
        f"Data: {summary.info.name}, {summary.info.num_classes} classes; "
        f"images of {summary.info.image_size} x {summary.info.image_size} pixels: "
        f"{counts['train']:,} training{held_out}, {counts['test']:,} test."
    )
    lines += [f"Note: {note}" for note in summary.info.notes]
    seed = summary.params.seed
    lines.append(f"One run, seed {seed}: ± covers the students, not the chance in training a generator.")
    return lines


def budgets(results: Sequence[Result]) -> list[str]:
    """Epochs and optimiser steps of each protocol, such as ``fresh: 300 epochs; steps 300 (IPC 1)``."""
    lines = []
    for protocol in dict.fromkeys(r.protocol for r in results):
        of = {r.ipc: r for r in results if r.protocol == protocol}
        epochs = next(iter(of.values())).epochs
        if None in of:
            lines.append(f"{protocol}: {epochs:,} epochs, {of[None].steps:,} steps of {of[None].batch} images")
            continue
        steps = ", ".join(f"{of[ipc].steps:,} (IPC {ipc})" for ipc in sorted(k for k in of if k is not None))
        lines.append(f"{protocol}: {epochs:,} epochs; steps {steps}")
    return lines


def stored(summary: Summary) -> list[tuple[str, str]]:
    """Path and size of each deployed generator."""
    return [
        (f"data/artifacts/{source}.safetensors", f"the generator, {readable_bytes(size)} ({size:,} bytes)")
        for source, size in summary.artifact_bytes.items()
    ]


def comparison_note(pairs: Sequence[Comparison]) -> str:
    """How the printed numbers were obtained, and whether ours are like for like."""
    unlike = sorted({difference for pair in pairs for difference in pair.differences})
    verdict = f"NOT like for like here: {', '.join(unlike)}. " if unlike else ""
    unknown = " ?: not stated." if any(pair.printed.steps is None for pair in pairs) else ""
    return (
        f"{verdict}Printed: arXiv 2404.17732, five students of one generator. The code its generative rows "
        "build on picks checkpoint and epoch on the test set; "
        f"here nothing is chosen on it.{unknown}"
    )


def next_commands(params: Params) -> list[tuple[str, str]]:
    """Commands to try next, each with what it does."""
    weight = "0.001" if params.loss.omega_l != 0.001 else "0.01"
    commands = [
        ("git add -A && git commit -m 'My run'", "so that the next run is compared with this one"),
        (f"dvc exp run -S loss.omega_l={weight}", "another weight of the local term"),
        ("dvc metrics diff", "what that changed: against the last commit"),
    ]
    if params.data.name == "digits":
        commands.append(("python -m stages.preset mnist-quick && dvc repro", "a larger data set"))
    return commands
