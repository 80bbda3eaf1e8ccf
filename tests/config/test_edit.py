from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gendistill.config.edit import replace_values, yaml_scalar, yaml_value
from gendistill.config.yaml12 import load_yaml
from gendistill.runtime.errors import UserError

TEXT = """\
# head
name: a       # first
names:        # list
- x           # an x
# above y
- y

part:
  rate: 1e-2  # second
  ipc: [1, 2] # third
  empty:
  path: ''
"""


@pytest.mark.parametrize(
    ("values", "old", "new"),
    [
        ({"name": "bcd"}, "name: a       # first", "name: bcd     # first"),
        ({"name": "long_enough"}, "name: a       # first", "name: long_enough # first"),
        ({"name": "true"}, "name: a       # first", "name: 'true'  # first"),
        ({"part.rate": 0.01}, "", ""),
        ({"part.rate": 5e-6}, "rate: 1e-2  #", "rate: 5.0e-06 #"),
        ({"part.ipc": [10]}, "[1, 2] # third", "[10]   # third"),
        ({"part.empty": 3}, "empty:\n", "empty: 3\n"),
        ({"part.path": "a b"}, "path: ''", "path: 'a b'"),
        ({"names": ["y", "z"]}, "- x           # an x\n# above y\n- y\n", "# above y\n- y\n- z\n"),
        ({"names": ["x", "w", "y"]}, "# an x\n", "# an x\n- w\n"),
        (
            {"names": []},
            "names:        # list\n- x           # an x\n# above y\n- y\n",
            "names: []     # list\n",
        ),
    ],
)
def test_only_the_value_changes(values: dict[str, Any], old: str, new: str) -> None:
    changed = replace_values(TEXT, values, "text")
    assert changed == TEXT.replace(old, new, 1)


def test_a_comment_comes_back_after_a_long_value() -> None:
    long = replace_values(TEXT, {"name": "much_longer_than_the_column"}, "text")
    assert replace_values(long, {"name": "a"}, "text") == TEXT


def test_a_comment_behind_a_long_value_keeps_its_distance() -> None:
    text = TEXT.replace("a       # first", "rather_long_value   # first")
    longer = replace_values(text, {"name": "an_even_longer_value"}, "text")
    assert "an_even_longer_value   # first" in longer
    assert replace_values(longer, {"name": "rather_long_value"}, "text") == text


def test_a_missing_last_line_break_does_no_harm() -> None:
    assert replace_values("a:\n- 1", {"a": [1, 2]}, "text") == "a:\n- 1\n- 2\n"


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(UserError, match=r"text has no key part\.nothing; add it, or restore the file from Git"):
        replace_values(TEXT, {"part.nothing": 1}, "text")
    with pytest.raises(UserError, match=r"text has no key name\.nothing"):
        replace_values(TEXT, {"name.nothing": 1}, "text")


def test_a_layout_that_cannot_be_edited_is_refused() -> None:
    with pytest.raises(UserError, match="text is laid out in a way that cannot be edited in place"):
        replace_values("a: &x 1\nb: *x\n", {"a": 2}, "text")


@settings(max_examples=100, deadline=None)
@given(
    value=st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=126)),
        st.integers(),
        st.booleans(),
        st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_written_scalars_are_read_back(value: Any) -> None:
    for text, expected in ((yaml_scalar(value), value), (yaml_value([value, 1]), [value, 1])):
        loaded = load_yaml(text)
        assert loaded == expected
        assert type(loaded) is type(expected)
