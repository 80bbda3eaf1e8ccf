import re
from html.parser import HTMLParser

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gendistill.reporting.charts import Series, bars, matrix, plot
from gendistill.reporting.svg import Scale, around, linear_ticks, log_ticks, short

NUMBERS = st.floats(-1e6, 1e6)


def elements(markup: str, name: str) -> list[dict[str, str]]:
    """Attributes of every element of a name."""
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes):
            if tag == name:
                found.append(dict(attributes))

    Reader().feed(markup)
    return found


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 900, [0, 200, 400, 600, 800]), (0.71, 0.99, [0.8, 0.9])],
)
def test_linear_ticks(low, high, ticks):
    found = linear_ticks(low, high)
    assert set(ticks) <= set(found)


@given(NUMBERS, NUMBERS)
def test_linear_ticks_are_few_even_and_inside(a, b):
    low, high = sorted((a, b))
    assume(high - low > 1e-3)
    found = linear_ticks(low, high)
    assert 3 <= len(found) <= 10
    slack = 1e-6 * (high - low)
    assert low - slack <= found[0] <= found[-1] <= high + slack


@given(st.floats(1e-6, 1e6), st.floats(1.2, 1e9))
def test_log_ticks_are_inside(low, ratio):
    found = log_ticks(low, low * ratio)
    assert len(found) <= 7
    assert all(low * (1 - 1e-6) <= tick <= low * ratio * (1 + 1e-6) for tick in found)


def test_scales():
    linear = Scale(low=0, high=10, start=100, end=0)
    assert [linear(value) for value in (0, 5, 10)] == [100, 50, 0]
    log = Scale(low=1, high=100, start=0, end=10, log=True)
    assert [log(value) for value in (1, 10, 100)] == pytest.approx([0, 5, 10])


@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_axes_hold_their_values_and_are_never_empty(values):
    low, high = around(values)
    assert low < high
    assert low <= min(values)
    assert max(values) <= high


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.25, "0.25"), (1500, "1,500"), (20_000, "20k"), (3e6, "3M"), (1e-5, "1e-05"), (-2.5, "-2.5")],
)
def test_tick_texts(value, text):
    assert short(value) == text


def test_a_curve_goes_through_its_points():
    one = Series(name="a<b", color="c-1", x=[0, 50, 100], y=[0.0, 1.0, 0.0])
    written = plot("title", [one], "step", "loss")
    path = elements(written, "path")[0]["d"]
    points = [tuple(map(float, pair.split())) for pair in re.split("[ML]", path)[1:]]
    assert points[0][0] < points[1][0] < points[2][0]
    assert points[0][1] == points[2][1] > points[1][1]  # larger values are higher
    assert points[1][0] == pytest.approx((points[0][0] + points[2][0]) / 2, abs=0.1)
    assert "a&lt;b" in written
    assert "step" in written
    assert elements(written, "svg")[0]["aria-label"].startswith("title. loss against step")


def test_a_logarithmic_axis_says_so():
    one = Series(name="a", color="c-1", x=[1, 1000], y=[1.0, 2.0])
    assert "images (log scale)" in plot("t", [one], "images", "accuracy", log_x=True)
    assert "log scale" not in plot("t", [one], "images", "accuracy")


def test_bars_are_as_long_as_their_values():
    written = bars("t", [("one", "c-ours", 0.5, 0.1), ("two", "c-real", 1.0, 0.0)], "accuracy")
    short_bar, long_bar = (float(rect["width"]) for rect in elements(written, "rect"))
    assert long_bar == pytest.approx(2 * short_bar, abs=0.02)
    assert "0.500 ± 0.100" in written


def test_a_matrix_shows_shares_of_the_rows():
    written = matrix("t", [[3, 1], [0, 4]], ["cat", "dog"])
    texts = re.findall(r'class="mid cell[^"]*"[^>]*>([^<]*)<', written)
    assert texts == ["75", "25", "100"]  # a zero stays empty
    assert "0.875 on the diagonal" in written
    assert [rect["class"] for rect in elements(written, "rect")] == ["right", "wrong", "right"]


def test_a_large_matrix_has_no_numbers_and_few_names():
    counts = [[int(a == b) for b in range(100)] for a in range(100)]
    written = matrix("t", counts, [f"class{k}" for k in range(100)])
    assert "mid cell" not in written
    assert len(re.findall(r">class\d+<", written)) == 25
