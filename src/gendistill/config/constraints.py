"""What one value of params.yaml must satisfy, written once beside the field in ``schema``.

A constraint's ``problem(value)`` is None if the value is fine, else what is expected ("must be >= 0").
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol, runtime_checkable

from gendistill.config.catalogue.augmentations import NO_AUGMENT, augment_groups


@runtime_checkable
class Constraint(Protocol):
    """A check of one value whose type is already right."""

    def problem(self, value: Any) -> str | None:
        """What is expected instead of `value`; None if `value` is legal."""


def suggestion(name: object, legal: Collection[str]) -> str:
    """` (did you mean 'x'?)` for the legal name closest to `name`, or nothing."""
    close = get_close_matches(str(name), [str(other) for other in legal], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def show(value: object) -> str:
    """A value as it reads in YAML, for messages; long ones are cut."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif value is None:
        text = "nothing"
    elif isinstance(value, dict):
        text = f"a section with {len(value)} keys"
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(show(item) for item in value)}]"
    elif isinstance(value, float) and not math.isfinite(value):
        text = {math.inf: ".inf", -math.inf: "-.inf"}.get(value, ".nan")
    else:
        text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A number >= `low`."""

    low: float

    def problem(self, value: float) -> str | None:
        """None if `value` >= `low`."""
        return None if value >= self.low else f"must be >= {self.low}"


@dataclass(frozen=True, slots=True)
class AtMost:
    """A number <= `high`."""

    high: float

    def problem(self, value: float) -> str | None:
        """None if `value` <= `high`."""
        return None if value <= self.high else f"must be <= {self.high}"


@dataclass(frozen=True, slots=True)
class Above:
    """A number > `low`."""

    low: float

    def problem(self, value: float) -> str | None:
        """None if `value` > `low`."""
        return None if value > self.low else f"must be > {self.low}"


@dataclass(frozen=True, slots=True)
class Fraction:
    """A number in [0, 1): 1 itself would keep a moving average at its start for ever."""

    def problem(self, value: float) -> str | None:
        """None if 0 <= `value` < 1."""
        return None if 0 <= value < 1 else "must be >= 0 and < 1"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few legal values."""

    legal: tuple[str | int, ...]

    def problem(self, value: str | int) -> str | None:
        """None if `value` is legal."""
        if value in self.legal:
            return None
        names = ", ".join(str(name) for name in self.legal)
        hint = suggestion(value, [name for name in self.legal if isinstance(name, str)])
        return f"must be one of {names}{hint}"


@dataclass(frozen=True, slots=True)
class Matches:
    """Text of a form that a regular expression gives and `meaning` says in words."""

    pattern: str
    meaning: str

    def problem(self, value: str) -> str | None:
        """None if the whole of `value` matches."""
        return None if re.fullmatch(self.pattern, value) else f"must be {self.meaning}"


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Names of augmentation groups joined by ``_``, or ``none``."""

    groups: tuple[str, ...]

    def problem(self, value: str) -> str | None:
        """None if `value` names each of its groups once."""
        legal = f"must be {NO_AUGMENT}, or groups joined by `_`, of {', '.join(self.groups)}"
        for group, times in Counter(augment_groups(value)).items():
            if group not in self.groups:
                return f"{legal}; {group!r} is none of them{suggestion(group, self.groups)}"
            if times > 1:
                return f"{legal}; {group!r} is named {times} times"
        return None


@dataclass(frozen=True, slots=True)
class NotEmpty:
    """A list with at least one item."""

    def problem(self, value: Sequence[object]) -> str | None:
        """None if the list has an item."""
        return None if value else "must have at least one item"


@dataclass(frozen=True, slots=True)
class Unique:
    """A list without repeated items."""

    def problem(self, value: Sequence[object]) -> str | None:
        """None if no item is repeated."""
        # By their text: an item of a wrong type may not be hashable.
        repeated = [item for item, times in Counter(map(show, value)).items() if times > 1]
        return f"must not repeat {', '.join(repeated)}" if repeated else None
