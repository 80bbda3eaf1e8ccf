"""The file of results: its schema, merging by name, broken files."""

import json

import pytest
import torch

from benchmarks.results import device_name, file_name, merge, read_entries, table, write_entries
from gendistill.runtime.device import Compute
from gendistill.runtime.errors import UserError

NUMBERS = {"ours_seconds", "reference_seconds", "ratio", "n", "spread", "floor_seconds"}
PROMISED = NUMBERS | {"name", "reference", "device", "versions"}


def test_entries_survive_the_file_and_hold_what_is_promised(tmp_path, make_entry):
    path = tmp_path / "deep" / "cpu.json"
    entries = [make_entry("a"), make_entry("b", n=5)]
    write_entries(path, entries)
    assert read_entries(path) == entries
    rows = json.loads(path.read_text())
    assert isinstance(rows, list)
    assert rows[0].keys() >= PROMISED


def test_no_file_has_no_entries(tmp_path):
    assert read_entries(tmp_path / "cpu.json") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.pop("spread"), "the fields of an entry differ in spread"),
        (lambda row: row.update(colour="red"), "the fields of an entry differ in colour"),
        (lambda row: row.update(ratio="fast"), "ratio is 'fast', expected"),
        (lambda row: row.update(versions=[]), "versions is \\[\\], expected"),
    ],
)
def test_a_broken_entry_is_named(tmp_path, make_entry, change, message):
    path = tmp_path / "cpu.json"
    write_entries(path, [make_entry()])
    (row,) = json.loads(path.read_text())
    change(row)
    path.write_text(json.dumps([row]))
    with pytest.raises(UserError, match=rf"cpu.json is not a file of benchmark results \({message}.*move it away"):
        read_entries(path)


@pytest.mark.parametrize("text", ["{", '{"a": 1}', "[1]", "1"])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    path = tmp_path / "cpu.json"
    path.write_text(text)
    with pytest.raises(UserError, match="not a file of benchmark results"):
        read_entries(path)


def test_a_new_entry_takes_the_place_of_the_old_one(make_entry):
    old = [make_entry("a"), make_entry("b"), make_entry("c")]
    new = make_entry("b", ours_seconds=7.0)
    assert merge(old, [new, make_entry("d")]) == ([old[0], new, old[2], make_entry("d")], [])


def test_a_plain_twin_does_not_displace_published_code(make_entry):
    dim, plain = make_entry("a"), make_entry("a", reference="plain twin, fp32")
    assert merge([dim], [plain]) == ([dim], ["a"])
    assert merge([plain], [dim]) == ([dim], [])
    assert merge([], [plain]) == ([plain], [])
    assert merge([plain], [make_entry("a", reference="plain twin, fp32", n=9)])[0][0].n == 9
    condensation = make_entry("a", reference="DatasetCondensation (main.main)")
    assert merge([condensation], [plain]) == ([condensation], ["a"])


def test_the_device_starts_with_its_kind_and_names_a_file():
    name = device_name(Compute(torch.device("cpu"), "fp32", 1))
    assert name.startswith("cpu ")
    assert len(name) > 4
    assert file_name("cuda NVIDIA H200 (80%)") == "cuda-nvidia-h200-80"


def test_the_table_has_a_row_for_every_entry(make_entry):
    assert table([make_entry("a"), make_entry("b", ratio_is="ours / reference", ratio=1.02)]).row_count == 2
