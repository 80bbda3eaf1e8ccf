"""Declared ranges: what a run of a preset is expected to reach and to cost, `presets/expected/<preset>.yaml`.

`python -m stages.publish` writes them from what it publishes, by one rule: each accuracy's range is its mean ± the
larger of 0.01 and three standard deviations of its students, within [0, 1], outwards to three digits. It allows for
other seeds and machines; a run of the same seed on the same machine gives the same numbers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gendistill.config.presets import preset_descriptions, read_preset
from gendistill.config.schema import Params
from gendistill.config.yaml12 import load_yaml
from gendistill.reporting.cells import Result
from gendistill.reporting.labels import readable_bytes
from gendistill.reporting.settings import LEFT_OUT, settings
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_text
from gendistill.runtime.progress import clock

FOLDER = Path("presets/expected")
LEAST, DEVIATIONS = 0.01, 3.0
# Another seed is what a range is for; the label and where it runs change no result.
FREE = ("seed", *LEFT_OUT)
HEADING = """\
# Expected of a run of this preset; see reporting/expected.py. Written by `python -m stages.publish` from results/.
# Ranges: mean ± max({least:g}, {deviations:g} standard deviations of the students), as fractions.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What a preset declares.

    Attributes:
        preset: its name.
        generators, students: n that the ranges come from.
        accuracy: lowest and highest by metrics file and key, such as `ours-convnet3`, `fresh_ipc10`.
        seconds: of the whole pipeline; None where not known.
        peak_memory_bytes: of its largest stage; None where not known.
        hardware: that it took so long on.
    """

    preset: str
    generators: int
    students: int
    accuracy: dict[str, dict[str, tuple[float, float]]]
    seconds: float | None
    peak_memory_bytes: int | None
    hardware: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A result beside its declared range."""

    result: Result
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the mean is within the range, ends included."""
        return self.low <= round(self.result.mean, 6) <= self.high


def accuracy_range(mean: float, std: float) -> tuple[float, float]:
    """The declared range of an accuracy, a fraction, by the rule above."""
    reach = max(LEAST, DEVIATIONS * std)
    low, high = max(mean - reach, 0.0), min(mean + reach, 1.0)
    return math.floor(round(1000 * low, 6)) / 1000, math.ceil(round(1000 * high, 6)) / 1000


def write_expected(accuracy: Mapping[str, Mapping[str, Any]], origin: Mapping[str, Any], folder: Path) -> Path:
    """Declare ranges from what was published.

    Args:
        accuracy: statistics by metrics file and key.
        origin: the content of the preset's `results/origin` file.
        folder: of the declarations.
    """
    costs = origin["runs"][0]
    content = {
        "generators": origin["generators"],
        "students": origin["students_of_each"],
        "accuracy": {
            group: {key: list(accuracy_range(entry["mean"], entry["std"])) for key, entry in sorted(entries.items())}
            for group, entries in sorted(accuracy.items())
        },
        "seconds": round(costs["seconds_in_all"]) or None,
        "peak_memory_bytes": costs["peak_memory_bytes"],
        "hardware": hardware(origin["hardware"]),
    }
    path = folder / f"{origin['preset']}.yaml"
    heading = HEADING.format(least=LEAST, deviations=DEVIATIONS)
    write_text(path, heading + yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=120))
    return path


def hardware(machines: Sequence[Mapping[str, Any]]) -> str:
    """The machine that computed, in a few words: of several, the one with a device."""
    if not machines:
        return "unknown"
    chosen = next((machine for machine in machines if "device" in machine), machines[0])
    host = chosen["host"]
    device = [chosen["device"], chosen["precision"]] if "device" in chosen else []
    return ", ".join([f"{host['cores']} cores of {host['cpu']}", *device])


def matches(params: Params, values: Mapping[str, Any]) -> bool:
    """Whether a run has the values of a preset, all but those of `FREE`."""
    own = settings(params)
    return all(own.get(key) == value for key, value in values.items() if key.split(".")[0] not in FREE)


def read_expected(params: Params, root: Path) -> Expected | None:
    """The declaration of the preset whose settings a run has; None if it has no preset's, or nothing is declared.

    Raises:
        UserError: a declaration is not of this form.
    """
    presets = root / FOLDER.parent
    for name in preset_descriptions(presets):
        path = root / FOLDER / f"{name}.yaml"
        if path.is_file() and matches(params, read_preset(name, presets)):
            return load_expected(path)
    return None


def load_expected(path: Path) -> Expected:
    """Read one declaration.

    Raises:
        UserError: it is not of the form that `write_expected` gives.
    """
    try:
        content = dict(load_yaml(path))
        ranges = {
            group: {key: (float(low), float(high)) for key, (low, high) in entries.items()}
            for group, entries in content.pop("accuracy").items()
        }
        return Expected(preset=path.stem, accuracy=ranges, **content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path} does not declare ranges ({error!r}): restore it, or publish the preset again"
        ) from None


def verdicts(results: Sequence[Result], expected: Expected) -> list[Verdict]:
    """The results that have a declared range, in their order."""
    found = []
    for result in results:
        own = expected.accuracy.get(f"{result.source}-{result.network}", {}).get(result.key)
        if own is not None:
            found.append(Verdict(result=result, low=own[0], high=own[1]))
    return found


def range_sentence(results: Sequence[Result], expected: Expected) -> str:
    """How many accuracies are inside the declared ranges, and what these are."""
    found = verdicts(results, expected)
    inside = sum(verdict.inside for verdict in found)
    outside = [f"{v.result.source}-{v.result.network} {v.result.key}" for v in found if not v.inside]
    named = f"; outside: {', '.join(outside)}" if outside else ""
    plural = "s" if expected.generators > 1 else ""
    return (
        f"{inside} of {len(found)} accuracies inside the ranges of preset {expected.preset}, which come from "
        f"{expected.generators} generator{plural} x {expected.students} students{named}"
    )


def cost_sentence(expected: Expected) -> str:
    """What the preset is expected to take."""
    memory = (
        "" if expected.peak_memory_bytes is None else f" and {readable_bytes(expected.peak_memory_bytes)} of memory"
    )
    took = "time not known" if expected.seconds is None else f"{clock(expected.seconds)} (h:mm:ss){memory}"
    return f"Cost to expect: {took} on {expected.hardware}."
