"""Change values in the text of a YAML file and leave every other character, comments included, as it is.

Positions come from PyYAML's parser; nothing is written out again. Used by ``presets``.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import yaml

from gendistill.config.yaml12 import Yaml12Loader, load_yaml
from gendistill.runtime.errors import UserError

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")  # text that needs no quotes unless it reads as another type

Change = tuple[int, int, str]  # start and end index in the text, what to write there


def is_plain(text: str) -> bool:
    """Whether text needs no quotes in YAML: one word that does not read as another type."""
    return _PLAIN.fullmatch(text) is not None and isinstance(load_yaml(text), str)


def yaml_scalar(value: str | int | float | bool) -> str:
    """One value in YAML; 5e-06 is written ``5.0e-06``, which YAML 1.1 readers take for a number too."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        digits, mark, exponent = repr(value).partition("e")
        return f"{digits if '.' in digits else f'{digits}.0'}{mark}{exponent}"
    if isinstance(value, int):
        return str(value)
    if is_plain(value):
        return value
    quoted = value.replace("'", "''")
    return f"'{quoted}'"


def yaml_value(value: Any) -> str:
    """One value or list in YAML, on one line."""
    return f"[{', '.join(map(yaml_scalar, value))}]" if isinstance(value, list) else yaml_scalar(value)


def replace_values(text: str, values: Mapping[str, Any], origin: str) -> str:
    """`text` with the values of some keys replaced.

    A value that is there already is not touched. List items that stay keep their comments.

    Args:
        text: YAML whose top is a mapping, of mappings or values.
        values: scalars, or lists of scalars, by dotted key.
        origin: name of the document in messages.

    Raises:
        UserError: a key is not there, or the text is laid out in a way that cannot be edited in place.
    """
    wanted = load_yaml(text, origin)
    root = yaml.compose(text, Loader=Yaml12Loader)
    column = _comment_column(text)
    changes: list[Change] = []
    for key, value in values.items():
        *parents, last = key.split(".")
        holder, node = wanted, root
        for part in parents:
            holder, (_, node) = _child(holder, node, part, key, origin)
        old, (key_node, value_node) = _child(holder, node, last, key, origin)
        if old != value or type(old) is not type(value):
            changes += _replace(text, key_node, value_node, old, value, column)
            holder[last] = value
    for start, end, new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
    try:
        done = load_yaml(text, origin) == wanted
    except UserError:
        done = False  # such as an alias whose anchor was in a replaced value
    if not done:
        raise UserError(f"{origin} is laid out in a way that cannot be edited in place; restore it from Git")
    return text


def _child(holder: Any, node: Any, part: str, key: str, origin: str) -> tuple[Any, tuple[yaml.Node, yaml.Node]]:
    """Value and nodes (key, value) of the key `part` of a mapping."""
    if isinstance(holder, dict) and part in holder:
        for pair in node.value:
            if pair[0].value == part:
                return holder[part], pair
    raise UserError(f"{origin} has no key {key}; add it, or restore the file from Git")


def _comment_column(text: str) -> int:
    """Column at which most comments after a value stand; 0 if there are none."""
    columns = Counter(len(match[0]) for match in re.finditer(r"(?m)^ *[^\s#][^#\n]* (?=#)", text))
    return columns.most_common(1)[0][0] if columns else 0


def _replace(text: str, key: yaml.Node, node: yaml.Node, old: Any, value: Any, column: int) -> list[Change]:
    """Changes that put `value` where `node`, which reads as `old`, is."""
    if not isinstance(node, yaml.SequenceNode) or node.flow_style:
        return [_inline(text, node.start_mark.index, node.end_mark.index, value, column)]
    # Each item with the lines before it, so that comments between items stay with the next one.
    begin = text.rfind("\n", 0, node.value[0].start_mark.index) + 1
    chunks, end = {}, begin
    for item, item_node in zip(old, node.value, strict=True):
        start, end = end, _line_end(text, item_node.end_mark.index)
        chunks[repr(item)] = text[start:end].removesuffix("\n") + "\n"
    if isinstance(value, list) and value:
        dash = " " * node.start_mark.column + "- "
        lines = [chunks.get(repr(item), f"{dash}{yaml_scalar(item)}\n") for item in value]
        return [(begin, end, "".join(lines))]
    # A list in block form cannot be empty: the value moves to the line of the key.
    after = text.index(":", key.end_mark.index) + 1
    return [(begin, end, ""), _inline(text, after, after, value, column)]


def _inline(text: str, start: int, end: int, value: Any, column: int) -> Change:
    """Change that writes `value` at start..end, on one line, and keeps the comment after it in its place.

    Args:
        text: the document.
        start: index of the first character to replace.
        end: index after the last one.
        value: what to write.
        column: where most comments stand.
    """
    new = yaml_value(value) if text[start - 1] == " " else f" {yaml_value(value)}"
    comment = re.compile(r"( +)#").match(text, end)
    if comment is None:
        return start, end, new
    line = text.rfind("\n", 0, start) + 1
    place, gap, length = comment.end(1) - line, len(comment[1]), start - line + len(new)
    # A comment right of the others was pushed there by a long value: it follows the value, and comes back.
    if place > column:
        place = max(column, length + gap)
    return start, comment.end(1), new + " " * max(1, place - length)


def _line_end(text: str, index: int) -> int:
    """Index after the line break that follows `index`."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1
