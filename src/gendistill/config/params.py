"""params.yaml -> `Params`, with every problem of the file in one message.

Used by all stages; imports neither torch nor numpy nor DVC. Tests: tests/config/test_params.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from gendistill.config.catalogue.datasets import DatasetInfo
from gendistill.config.checks import Problems, annotations, read_section
from gendistill.config.rules import broken_rules
from gendistill.config.schema import Params
from gendistill.config.yaml12 import load_yaml
from gendistill.runtime.errors import UserError

Content = TypeVar("Content")
Rules = Callable[[Mapping[str, Any]], Problems]
DataRules = Callable[[Mapping[str, Any], DatasetInfo], Problems]


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Parameters in a YAML file.

    Raises:
        UserError: no such file, broken YAML, or values that are not legal; all of these in one message.
    """
    return parse_params(load_yaml(path), str(path))


def parse_params(document: Any, origin: str) -> Params:
    """Parameters in a loaded YAML document.

    Args:
        document: nested dicts as `load_yaml` returns them.
        origin: name of the document in messages, such as its path.

    Raises:
        UserError: anything missing, unknown, of the wrong type or out of range; all in one message.
    """
    return parse(Params, document, origin, broken_rules)


def parse(cls: type[Content], document: Any, origin: str, rules: Rules) -> Content:
    """A dataclass of sections from a loaded YAML document.

    Args:
        cls: the dataclass; its fields are values, or dataclasses of values.
        document: nested dicts as `load_yaml` returns them.
        origin: name of the document in messages.
        rules: problems among legal values, by dotted key.

    Raises:
        UserError: anything missing, unknown, of the wrong type or out of range; all in one message.
    """
    problems: Problems = []
    values = read_section(cls, document, "", problems)
    problems += rules(dotted(values))
    if problems:
        raise UserError(_message(cls, problems, origin))
    plain: type = cls
    for name, kind in annotations(plain).items():
        if is_dataclass(kind) and isinstance(kind, type):
            values[name] = kind(**values[name])
    return cls(**values)


def check_data(params: Any, data: DatasetInfo, rules: DataRules = broken_rules, origin: str = "params.yaml") -> None:
    """Hold the parameters against what the files of a data set hold, before anything is made of them.

    Args:
        params: `Params`, or another dataclass with a section ``data``.
        data: what the files hold.
        rules: problems among values by dotted key, given `data`.
        origin: name of the parameter file in the message.

    Raises:
        UserError: what does not fit; all of it in one message.
    """
    problems = rules(flatten(params), data)
    if problems:
        raise UserError(_message(type(params), problems, f"{origin}, for the images of {params.data.path},"))


def flatten(params: Any) -> dict[str, Any]:
    """Every value by its dotted key, in the order of params.yaml; lists are lists, so that JSON holds it."""
    return dotted(_plain(asdict(params)))


def section(params: Any, dotted_key: str) -> Any:
    """Plain value (dict, list or scalar, as JSON has them) of a key such as `gan`, `evaluate.ipc` or `seed`.

    Raises:
        ValueError: there is no such key.
    """
    value = _plain(asdict(params))
    for part in dotted_key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise ValueError(f"params.yaml has no key {dotted_key!r}")
        value = value[part]
    return value


def dotted(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values of nested dicts by dotted key, in their order."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _plain(value: Any) -> Any:
    """`value` with its tuples as lists."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _message(cls: type, problems: Problems, origin: str) -> str:
    """All problems, one a line, section by section in the order of the fields; unknown sections last."""
    order = list(annotations(cls))

    def place(problem: tuple[str, str]) -> int:
        name = problem[0].partition(".")[0]
        return order.index(name) if name in order else len(order)

    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    lines = [f"{key}: {text}" if key else text for key, text in sorted(problems, key=place)]
    return "\n  ".join([f"{origin} has {count}:", *lines])
