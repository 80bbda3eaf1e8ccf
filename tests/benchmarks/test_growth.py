"""The exponent, and every axis on tiny sizes."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.growth import axes, exponent, grown, growth_table, write_growth


@settings(deadline=None)
@given(st.floats(-3, 3), st.floats(0.01, 100))
def test_a_power_law_gives_its_exponent(power, scale):
    sizes = (16, 32, 64)
    assert exponent(sizes, [scale * size**power for size in sizes]) == pytest.approx(power, abs=1e-6)


def test_the_exponent_is_that_of_least_squares():
    # log2: sizes 0, 1, 2 and cost 0, 2, 1: slope ((-1)(-1) + (1)(0)) / 2 = 1/2
    assert exponent((1, 2, 4), (1, 4, 2)) == pytest.approx(0.5)


def test_sizes_take_turns(make_setting):
    calls = []

    def at(size):
        calls.append(size)
        return float(size**2)

    found = grown(make_setting(), "images", "something", at, (1, 2, 4))
    assert calls == [1, 2, 4] * 2
    assert found.exponent == pytest.approx(2)
    assert [(point.size, point.seconds, point.spread) for point in found.points] == [(1, 1, 0), (2, 4, 0), (4, 16, 0)]


def test_every_axis_runs_and_is_written(make_setting, tmp_path):
    setting = replace(make_setting(), repeats=1)
    found = []
    for name, what, at, sizes in axes(setting, quick=True):
        assert len(sizes) == 2 + (name != "resolution")
        found.append(grown(setting, name, what, at, sizes[:2]))
    assert [growth.name.partition("_")[2] for growth in found] == ["images", "resolution", "classes", "ipc", "pool"]
    write_growth(tmp_path / "cpu-growth.json", found)
    rows = json.loads((tmp_path / "cpu-growth.json").read_text())
    assert all(point["seconds"] > 0 for row in rows for point in row["points"])
    assert growth_table(found).row_count == 5
