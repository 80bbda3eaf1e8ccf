"""Generic reading of a document against the annotations of dataclasses: types, constraints, unknown keys."""

import math
from dataclasses import is_dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from gendistill.config.constraints import Constraint, show, suggestion

_EXPECTED: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    int | str: "a whole number or a name",
}

Problems = list[tuple[str, str]]  # (dotted key, what is wrong with it)


@cache
def annotations(cls: type) -> dict[str, Any]:
    """Field name -> annotation of a dataclass, constraints included, in the order of the fields."""
    return get_type_hints(cls, include_extras=True)


def read_section(cls: type, document: Any, prefix: str, problems: Problems) -> dict[str, Any]:
    """Legal values of one section by key; what is wrong with the others is added to `problems`.

    Args:
        cls: dataclass of the section; fields that are dataclasses themselves are read as sections.
        document: what the file holds there.
        prefix: dotted key of the section with a final dot, empty at the top.
        problems: where problems are added.
    """
    known = annotations(cls)
    if not isinstance(document, dict):
        expected = f"hold keys such as `{next(iter(known))}:`" if known else "be {}, as it has no keys"
        problems.append((prefix.rstrip("."), f"must {expected}, found {show(document)}"))
        return {}
    values: dict[str, Any] = {}
    for name, annotation in known.items():
        key = prefix + name
        if name not in document:
            problems.append((key, f"is missing, expected {_expected(annotation)}"))
        elif is_dataclass(annotation) and isinstance(annotation, type):
            values[name] = read_section(annotation, document[name], f"{key}.", problems)
        else:
            before = len(problems)
            value = _read_value(annotation, document[name], key, problems)
            if len(problems) == before:
                values[name] = value
    for name in document:
        if name not in known:
            message = f"unknown key{suggestion(name, known)}; known are {', '.join(known)}"
            problems.append((f"{prefix}{name}", message))
    return values


def _unwrap(annotation: Any) -> tuple[Any, tuple[Constraint, ...]]:
    """The bare type of an annotation and its constraints."""
    if get_origin(annotation) is Annotated:
        base, *extras = get_args(annotation)
        return base, tuple(extra for extra in extras if isinstance(extra, Constraint))
    return annotation, ()


def _expected(annotation: Any) -> str:
    """What a missing key should hold, in words."""
    if is_dataclass(annotation):
        return "a section"
    base, _ = _unwrap(annotation)
    return "a list" if get_origin(base) is tuple else _EXPECTED[base]


def _read_value(annotation: Any, raw: Any, key: str, problems: Problems) -> Any:
    """The value that `raw` stands for: an int becomes a float where one is expected, a list a tuple."""
    base, constraints = _unwrap(annotation)
    if get_origin(base) is not tuple:
        message, value = _read_scalar(base, raw)
    elif isinstance(raw, list):
        message, value = None, tuple(_read_value(get_args(base)[0], item, key, problems) for item in raw)
    else:
        # `networks: convnet3`, or -S evaluate.networks=convnet3
        advice = "" if raw is None or isinstance(raw, dict) else f"; write it in brackets: [{raw}]"
        message, value = f"must be a list, found {show(raw)}{advice}", ()
    if message is None:
        broken = (constraint.problem(value) for constraint in constraints)
        problems.extend((key, f"{problem}, found {show(raw)}") for problem in broken if problem)
    else:
        problems.append((key, message))
    return value


def _read_scalar(base: Any, raw: Any) -> tuple[str | None, Any]:
    """What is wrong with the type of `raw` (None: nothing), and the value that it stands for."""
    value: Any = raw
    # `type() is`, as bool is a subclass of int but `steps: true` is a mistake.
    if base is float and type(raw) is int:
        # Beyond 1e308 there is no float; the test below says so.
        value = float(raw) if abs(raw) < 10**308 else math.inf
    if type(value) not in (get_args(base) or (base,)):  # a union has arguments
        quotes = f"; write it in quotes: '{show(raw)}'" if base is str and isinstance(raw, int | float) else ""
        return f"must be {_EXPECTED[base]}, found {show(raw)}{quotes}", raw
    if isinstance(value, float) and not math.isfinite(value):
        return f"must be a finite number, found {show(raw)}", raw
    return None, value
