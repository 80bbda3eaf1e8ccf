"""The file of results: a list of entries, one a name, and the table that is printed.

Tests: tests/benchmarks/test_results.py.
"""

import importlib.metadata
import json
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_origin

import torch
from rich import box
from rich.table import Table

from gendistill import __version__
from gendistill.runtime.device import Compute
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_json
from gendistill.runtime.stage import host

DIM = "DiM"
CONDENSATION = "DatasetCondensation"
PUBLISHED = (DIM, CONDENSATION)  # code of others
PLAIN = "plain twin"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One hot path on one machine.

    Attributes:
        name: of the benchmark.
        what: what one timed call does, on both sides.
        ours_seconds: median seconds of our calls.
        reference_seconds: median seconds of the reference's calls.
        reference: what that was; holds ``DiM`` or ``DatasetCondensation`` where it was their code.
        ratio: of the two medians, as `ratio_is` says.
        ratio_is: ``reference / ours`` (a speed-up), or ``ours / reference`` (1 + the overhead).
        n: timed calls of each side.
        spread: (max - min) / median of that quotient over the repeats.
        floor_seconds: below which our call's work does not go on this machine (`benchmarks.floors`).
        device: starts with ``cpu`` or ``cuda`` and names the processor.
        precision: of our side.
        threads: CPU threads of an operation.
        versions: of Python and the libraries.
        ours_samples: seconds of every call.
        reference_samples: likewise, in the order of time.
    """

    name: str
    what: str
    ours_seconds: float
    reference_seconds: float
    reference: str
    ratio: float
    ratio_is: str
    n: int
    spread: float
    floor_seconds: float
    device: str
    precision: str
    threads: int
    versions: dict[str, str]
    ours_samples: list[float]
    reference_samples: list[float]


def device_name(compute: Compute) -> str:
    """``cpu`` or ``cuda`` and the processor's name."""
    name = torch.cuda.get_device_name(compute.device) if compute.device.type == "cuda" else host()["cpu"]
    return f"{compute.device.type} {name}"


def file_name(device: str) -> str:
    """A device's name as that of a file, without its ending."""
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def versions() -> dict[str, str]:
    """Versions that a time depends on."""
    found = {
        "python": platform.python_version(),
        "gendistill": __version__,
        "torch": torch.__version__,
        "torchvision": importlib.metadata.version("torchvision"),
    }
    return found | ({"cuda": torch.version.cuda} if torch.version.cuda else {})


def read_entries(path: Path) -> list[Entry]:
    """The entries of a file; none if it is not there.

    Raises:
        UserError: the file does not hold a list of entries.
    """
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [entry_from(row) for row in rows]
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is not a file of benchmark results ({error}); move it away and run again") from None


def entry_from(row: Any) -> Entry:
    """An entry from JSON; ValueError if a field is missing, unknown or of another type."""
    if not isinstance(row, dict):
        raise ValueError(f"an entry is {row!r}, expected an object")
    kinds = {field.name: field.type for field in fields(Entry)}
    if row.keys() != kinds.keys():
        raise ValueError(f"the fields of an entry differ in {', '.join(sorted(row.keys() ^ kinds.keys()))}")
    for name, kind in kinds.items():
        expected = (int, float) if kind is float else get_origin(kind) or kind
        if not isinstance(row[name], expected):  # type: ignore[arg-type]  # the field types above are all classes
            raise ValueError(f"{name} is {row[name]!r}, expected {kind}")
    return Entry(**row)


def merge(old: Sequence[Entry], new: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Old and new entries by name, the old ones' order kept.

    A new entry takes the place of the old one of its name, except that one against the plain twin does not take the
    place of one against published code, which is harder to come by.

    Returns:
        The entries, and the names of those new ones that were left out.
    """
    kept = {entry.name: entry for entry in old}
    left_out = [
        entry.name
        for entry in new
        if entry.name in kept and published(kept[entry.name].reference) and PLAIN in entry.reference
    ]
    kept |= {entry.name: entry for entry in new if entry.name not in left_out}
    return list(kept.values()), left_out


def published(reference: str) -> str | None:
    """The name of the published code that an entry was measured against; None for a twin."""
    return next((short for short in PUBLISHED if short in reference), None)


def write_entries(path: Path, entries: Sequence[Entry]) -> None:
    """Write the entries as JSON.

    Raises:
        UserError: the place cannot be written.
    """
    write_json(path, [asdict(entry) for entry in entries])


def table(entries: Sequence[Entry]) -> Table:
    """The entries for a terminal."""
    result = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="")
    for name in ("", "against", "ours, s", "its, s", "ratio", "n", "spread", "floor, s", "x floor"):
        result.add_column(name, justify="left" if name in ("", "against") else "right", no_wrap=True)
    for entry in entries:
        result.add_row(
            entry.name,
            published(entry.reference) or (PLAIN if PLAIN in entry.reference else "preloaded"),
            f"{entry.ours_seconds:.3g}",
            f"{entry.reference_seconds:.3g}",
            f"{entry.ratio:.3f}" if entry.ratio_is == "ours / reference" else f"{entry.ratio:.2f} x",
            str(entry.n),
            f"{entry.spread:.0%}",
            f"{entry.floor_seconds:.3g}",
            f"{entry.ours_seconds / entry.floor_seconds:.1f}",
        )
    return result
