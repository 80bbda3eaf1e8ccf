"""Declared ranges: what a run of a preset is expected to reach and to cost, `presets/expected/<preset>.yaml`.

`python -m stages.publish` writes them from what it publishes, by one rule: each accuracy's range is its mean ± the
larger of three standard deviations of its students and what another seed or machine was seen to change
(`least_reach`), within [0, 1], outwards to three digits. A run of the same seed on the same machine gives the same
numbers. For presets that nobody has run, `expected_printed` declares what the paper prints.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gendistill.config.catalogue.sources import GENERATED_SOURCES
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
DEVIATIONS = 3.0
# of accuracies whose images are the same, or new at every step; drawn from another generator; drawn once
LEAST_REAL, LEAST_GENERATED, LEAST_DRAWN = 0.01, 0.04, 0.06
# Another seed is what a range is for; the label and where it runs change no result.
FREE = ("seed", *LEFT_OUT)
HEADING = """\
# Expected of a run of this preset; see reporting/expected.py. Written by `python -m stages.publish` from results/.
# Ranges, as fractions: mean ± {deviations:g} standard deviations of the students; at least {real:g}, where images come
# from a generator {generated:g}, where they are drawn once {drawn:g}.
"""


BASES = {"results": "", "paper": "the paper (checkpoints picked on the test set; nobody has run this preset here), "}


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What a preset declares.

    Attributes:
        preset: its name.
        basis: where the ranges come from: ``results`` (published runs) or ``paper`` (its printed numbers).
        generators, students: n that the ranges come from.
        accuracy: lowest and highest by metrics file and key, such as `ours-convnet3`, `fresh_ipc10`.
        seconds: of the whole pipeline; None where not known.
        peak_memory_bytes: of its largest stage; None where not known.
        hardware: that it took so long on.
    """

    preset: str
    basis: str
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


def least_reach(group: str, key: str) -> float:
    """How far another seed or machine may be off at the least, whatever the students' spread.

    One short GAN differs from the next by 0.02 to 0.03 under `fresh`; one draw of the images of `fixed` from the next
    by up to 0.06 with few images a class.

    Args:
        group: ``<source>-<network>``.
        key: ``<protocol>_ipc<k>``, or ``whole``.
    """
    if key.startswith("fixed"):
        return LEAST_DRAWN
    return LEAST_GENERATED if group.partition("-")[0] in GENERATED_SOURCES else LEAST_REAL


def accuracy_range(mean: float, std: float, least: float) -> tuple[float, float]:
    """The declared range of an accuracy, a fraction, by the rule above."""
    reach = max(least, DEVIATIONS * std)
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
        "basis": "results",
        "generators": origin["generators"],
        "students": origin["students_of_each"],
        "accuracy": {
            group: {
                key: list(accuracy_range(entry["mean"], entry["std"], least_reach(group, key)))
                for key, entry in sorted(entries.items())
            }
            for group, entries in sorted(accuracy.items())
        },
        "seconds": round(costs["seconds_in_all"]) or None,
        "peak_memory_bytes": costs["peak_memory_bytes"],
        "hardware": hardware(origin["hardware"]),
    }
    heading = HEADING.format(deviations=DEVIATIONS, real=LEAST_REAL, generated=LEAST_GENERATED, drawn=LEAST_DRAWN)
    return write_declaration(folder / f"{origin['preset']}.yaml", heading, content)


def write_declaration(path: Path, heading: str, content: Mapping[str, Any]) -> Path:
    """Write a declaration below its heading."""
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
        if content["basis"] not in BASES:
            raise ValueError(f"basis {content['basis']!r}")
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
        f"{BASES[expected.basis]}{expected.generators} generator{plural} x {expected.students} students{named}"
    )


def cost_sentence(expected: Expected) -> str:
    """What the preset is expected to take."""
    memory = (
        "" if expected.peak_memory_bytes is None else f" and {readable_bytes(expected.peak_memory_bytes)} of memory"
    )
    took = "time not known" if expected.seconds is None else f"{clock(expected.seconds)} (h:mm:ss){memory}"
    return f"Cost to expect: {took} on {expected.hardware}."
