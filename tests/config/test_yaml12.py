import io
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gendistill.config.yaml12 import load_yaml
from gendistill.runtime.errors import UserError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-06", 5e-6),
        ("1e-3", 1e-3),
        ("1E3", 1000.0),
        ("-.5", -0.5),
        ("5.", 5.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("12", 12),
        ("010", 10),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("2024-01-02", "2024-01-02"),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("null", None),
        ("~", None),
        ("none", "none"),
        ("'12'", "12"),
        ('"1e-3"', "1e-3"),
        ("''", ""),
        ("=", "="),
        (".", "."),
        ("-", [None]),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: Any) -> None:
    loaded = load_yaml(text)
    assert loaded == value
    assert type(loaded) is type(value)


def test_nan_is_a_float() -> None:
    assert math.isnan(load_yaml(".nan"))


def test_an_empty_document_and_value_are_none() -> None:
    assert load_yaml("") is None
    assert load_yaml("a:\nb: 1\n") == {"a": None, "b": 1}


def test_merge_keys_are_ordinary_keys() -> None:
    assert load_yaml("a: &a {x: 1}\nb:\n  <<: *a\n") == {"a": {"x": 1}, "b": {"<<": {"x": 1}}}


@settings(max_examples=200, deadline=None)
@given(number=st.floats())
def test_every_float_that_dvc_writes_is_read_back(number: float) -> None:
    stream = io.StringIO()
    YAML().dump({"lr": number}, stream)
    loaded = load_yaml(stream.getvalue())["lr"]
    assert type(loaded) is float
    assert loaded == number or (math.isnan(loaded) and math.isnan(number))


@settings(max_examples=100, deadline=None)
@given(value=st.one_of(st.integers(), st.booleans(), st.none(), st.text("abcdefinotruy019.e+-:_ ", max_size=6)))
def test_other_scalars_that_dvc_writes_are_read_back(value: Any) -> None:
    stream = io.StringIO()
    YAML().dump({"key": value}, stream)
    loaded = load_yaml(stream.getvalue())["key"]
    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            r"file.yaml, line 3, column 1: the key 'a' is written twice \(first in line 1\)",
        ),
        ("a:\n  b: 1\n  b: 1\n", r"file.yaml, line 3, column 3: the key 'b' is written twice"),
        ("a: [1, 2\n", r"file.yaml, line 2, column 1: while parsing a flow sequence"),
        ("a: 1\n b: 2\n", r"file.yaml, line 2, column 3: mapping values are not allowed here"),
        ("a: !!int many\n", r"file.yaml, line 1, column 4: 'many' is not a whole number"),
        ("a: !!float many\n", r"file.yaml, line 1, column 4: 'many' is not a number"),
        ("a: !!python/name:os.system\n", r"file.yaml, line 1, column 4: could not determine a constructor"),
        ("[a]: 1\n", r"file.yaml, line 1, column 1: .*unhashable"),
        ("a: 1\n---\nb: 1\n", r"file.yaml, line 2, column 1: expected a single document"),
        ("a: \x01\n", r"file.yaml is not YAML: .*special characters"),
    ],
)
def test_broken_files_are_refused_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        load_yaml(path)


def test_text_is_named_by_its_origin() -> None:
    with pytest.raises(UserError, match=r"^here, line 1"):
        load_yaml("a: b: c", "here")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml does not exist; run the command in the project's root"):
        load_yaml(tmp_path / "none.yaml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        load_yaml(tmp_path)


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: \xe9\n")
    with pytest.raises(UserError, match=r"latin\.yaml is not UTF-8 text \(byte 3\)"):
        load_yaml(path)
