"""Presets: overlays of params.yaml for runs other than the embedded default.

A preset fixes every key but those of `runtime`, so that the run does not depend on what was there before.
Its first line is a comment that describes it.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from gendistill.config.constraints import suggestion
from gendistill.config.edit import is_plain, replace_values, yaml_scalar
from gendistill.config.params import dotted, parse_params
from gendistill.config.yaml12 import load_yaml, read_text
from gendistill.runtime.errors import UserError

FOLDER: Final = Path("presets")
PATH = re.compile(r"[\w.-]*(/[\w.-]+)+", re.ASCII)  # needs quotes neither in a shell nor in Hydra's grammar


def preset_descriptions(folder: Path = FOLDER) -> dict[str, str]:
    """Name -> first comment line of every preset in a folder, by name."""
    return {name: _description(folder / f"{name}.yaml") for name in _names(folder)}


def read_preset(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Values of a preset by dotted key.

    Raises:
        UserError: there is no such preset, or its file is not a YAML mapping.
    """
    names = _names(folder)
    if name not in names:
        known = f"known are {', '.join(names)}" if names else f"there is none in {folder}/"
        raise UserError(f"unknown preset {name!r}{suggestion(name, names)}; {known}")
    path = folder / f"{name}.yaml"
    document = load_yaml(path)
    if not isinstance(document, dict):
        raise UserError(f"{path} must hold sections and keys as params.yaml does")
    return dotted(document)


def apply_preset(
    text: str, values: Mapping[str, Any], origin: str, check: Callable[[Any, str], object] = parse_params
) -> str:
    """Text of params.yaml with the values of a preset, checked; everything else stays as it is.

    Args:
        text: params.yaml.
        values: values by dotted key, from `read_preset`.
        origin: name of the result in messages.
        check: given the document and `origin`, raises where it is not legal; that of benchmark/params.yaml, too.

    Raises:
        UserError: a key is not in params.yaml, or the result is not legal.
    """
    changed = replace_values(text, values, origin)
    check(load_yaml(changed, origin), origin)
    return changed


def preset_options(values: Mapping[str, Any], file: str = "") -> str:
    """`-S key=value` options of `dvc exp run` that set the values of a preset; `file` is named if not params.yaml.

    Only what needs it is quoted, so that the line can be pasted and can stand in ``$(...)``, where the shell
    takes no quotes off.
    """
    prefix = f"{file}:" if file else ""
    return " ".join(f"-S {_quoted(f'{prefix}{key}={_override(value)}')}" for key, value in values.items())


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _description(path: Path) -> str:
    first = read_text(path).partition("\n")[0]
    return first.lstrip("# ") if first.startswith("#") else ""


def _override(value: Any) -> str:
    """A value in the grammar of `-S` (Hydra's): lists in brackets, text quoted unless it is a plain word or path."""
    if isinstance(value, list):
        return f"[{','.join(map(_override, value))}]"
    if isinstance(value, str) and PATH.fullmatch(value):
        return value
    if not isinstance(value, str) or is_plain(value):
        return yaml_scalar(value)
    escaped = value.replace("'", "\\'")
    return f"'{escaped}'" if value else ""


def _quoted(option: str) -> str:
    # Unlike shlex.quote, leaves brackets alone: as patterns they match no file, and are then kept.
    return option if re.fullmatch(r"[\w@%+=:,./\[\]-]+", option) else shlex.quote(option)
