"""YAML as DVC reads it: PyYAML's safe loader with the scalars of the YAML 1.2 core schema.

DVC writes ``lr: 5e-06`` into params.yaml (ruamel.yaml, YAML 1.2). PyYAML alone follows YAML 1.1, where that
is text and not a number, ``on`` is a boolean, ``010`` is eight and ``1:30`` is ninety. This loader gives the
same values as DVC, and refuses a key that is written twice.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from gendistill.runtime.errors import UserError

_NULL = re.compile(r"(?:~|null|Null|NULL|)$")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)$")
_INT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)


class Yaml12Loader(yaml.SafeLoader):
    """Safe loader with YAML 1.2 scalars and unique keys; merge keys (``<<``) are ordinary keys."""

    # Emptied, so that none of the YAML 1.1 patterns (timestamps, sexagesimals, on/off) is left.
    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a dict from `node`; a key written twice is an error with the line of the second."""
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            # An unhashable key is reported by the base class.
            if isinstance(key, str | int | float | None):
                if key in lines:
                    problem = f"the key {key!r} is written twice (first in line {lines[key]}); remove one"
                    raise ConstructorError(None, None, problem, key_node.start_mark)
                lines[key] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep=deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave merge keys alone: YAML 1.2 has none."""


def _int(text: str) -> int:
    """Value of a YAML 1.2 integer: decimal (leading zeros allowed), 0o octal or 0x hexadecimal."""
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text if base == 10 else text[2:], base)


def _float(text: str) -> float:
    """Value of a YAML 1.2 float, ``.inf`` and ``.nan`` included."""
    word = text.lower().lstrip("+-")
    if word in (".inf", ".nan"):
        value = math.inf if word == ".inf" else math.nan
        return -value if text.startswith("-") else value
    return float(text)


def _number(parse: Callable[[str], Any], kind: str) -> Callable[[Yaml12Loader, yaml.ScalarNode], Any]:
    """Constructor of a scalar that `parse` reads; text that it cannot read is an error with its line."""

    def construct(loader: Yaml12Loader, node: yaml.ScalarNode) -> Any:
        text = str(loader.construct_scalar(node))
        try:
            return parse(text)
        except ValueError as error:
            raise ConstructorError(None, None, f"{text[:40]!r} is not {kind}", node.start_mark) from error

    return construct


# The order matters where two patterns fit: `12` fits both numbers and is an int.
for _tag, _pattern, _first in (
    ("null", _NULL, ["~", "n", "N", ""]),
    ("bool", _BOOL, list("tTfF")),
    ("int", _INT, list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
):
    Yaml12Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, _first)
Yaml12Loader.add_constructor("tag:yaml.org,2002:int", _number(_int, "a whole number"))
Yaml12Loader.add_constructor("tag:yaml.org,2002:float", _number(_float, "a number"))


def read_text(path: Path) -> str:
    """Text of a UTF-8 file.

    Raises:
        UserError: the file is missing, cannot be read or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; run the command in the project's root folder") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def load_yaml(text_or_path: str | Path, origin: str | None = None) -> Any:
    """Plain Python value of one YAML document: dicts, lists, str, int, float, bool and None.

    Args:
        text_or_path: YAML text (`str`) or a file (`Path`).
        origin: what messages call the document; a file's path, or "YAML text", if not given.

    Raises:
        UserError: a missing or unreadable file, a syntax error, a key written twice; with file and line.
    """
    if isinstance(text_or_path, Path):
        text, name = read_text(text_or_path), origin or str(text_or_path)
    else:
        text, name = text_or_path, origin or "YAML text"
    try:
        return yaml.load(text, Loader=Yaml12Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = "; ".join(part for part in (error.context, error.problem) if part)
        raise UserError(f"{name}{where}: {reason}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{name} is not YAML: {' '.join(str(error).split())}") from error
