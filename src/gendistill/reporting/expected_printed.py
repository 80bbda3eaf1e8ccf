"""Declared ranges of presets that nobody has run yet: what the paper prints, and what the run is estimated to take.

`python -m stages.publish --printed` writes them; publishing a run of the preset replaces them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gendistill.config.presets import read_preset
from gendistill.reporting.expected import FOLDER, accuracy_range, write_declaration
from gendistill.reporting.paper import printed

MINUTES: Final = {"mnist-paper": 256, "fashion_mnist-paper": 264, "cifar10-paper": 256, "cifar10-paper-table2": 184}
"""Of one H200, the sums of results/QUEUE.md: FLOP counts over assumed rates."""
STUDENTS: Final = 5  # of one generator, in the paper
REACH: Final = 0.04
HEADING: Final = """\
# Expected of a run of this preset, which nobody has run: the numbers of arXiv 2404.17732, whose checkpoints are picked
# on the test set, as fractions ± {reach:g}. By `python -m stages.publish --printed`; see reporting/expected_printed.py.
"""


def write_printed(root: Path) -> list[Path]:
    """Declare what the paper prints, for the presets at its settings of which nothing is published.

    Args:
        root: the project.

    Returns:
        The declarations written.
    """
    todo = [preset for preset in MINUTES if not (root / "results/accuracy" / preset).is_dir()]
    return [
        write_declaration(root / FOLDER / f"{preset}.yaml", HEADING.format(reach=REACH), declaration(preset, root))
        for preset in todo
    ]


def declaration(preset: str, root: Path) -> dict[str, Any]:
    """The content of one declaration."""
    return {
        "basis": "paper",
        "generators": 1,
        "students": STUDENTS,
        "accuracy": printed_ranges(read_preset(preset, root / FOLDER.parent)),
        "seconds": 60 * MINUTES[preset],
        "peak_memory_bytes": None,
        "hardware": "one H200 (by FLOP counts, within a factor of two)",
    }


def printed_ranges(values: Mapping[str, Any]) -> dict[str, dict[str, list[float]]]:
    """Ranges by metrics file and key, of those of a preset's accuracies that the paper prints.

    Args:
        values: of the preset, by dotted key.
    """
    dataset = values["data.name"]
    cells = [
        (f"{source}-{network}", f"{protocol}_ipc{ipc}", printed(dataset, source, network, protocol, ipc))
        for source in ("random", *values["sources"])
        for network in values["evaluate.networks"]
        for protocol in values["evaluate.protocols"]
        for ipc in values["evaluate.ipc"]
    ]
    cells += [
        (f"whole-{network}", "whole", printed(dataset, "whole", network, "whole", None))
        for network in values["evaluate.control_networks"]
    ]
    ranges: dict[str, dict[str, list[float]]] = {}
    for group, key, found in cells:
        if found is not None:
            std = 0.0 if found.std is None else found.std / 100
            ranges.setdefault(group, {})[key] = list(accuracy_range(found.mean / 100, std, REACH))
    return ranges
