"""Axes of small charts as SVG text: ticks, scales, a frame; sizes in user units, text 11 units high.

A chart is drawn 380 units wide and shown between 330 and 560 pixels wide, so that its text can be read on a phone.
Colours are classes of the page's style sheet, which knows light and dark.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gendistill.reporting.html import Html, join, tag

WIDTH, HEIGHT = 380.0, 236.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 12.0, 40.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """Values of an axis and where they are.

    Attributes:
        low, high: values at the two ends; low < high, positive where logarithmic.
        start, end: their places in user units.
        log: whether equal ratios, rather than differences, are equally long.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value."""
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        share = ((math.log10(value) if self.log else value) - low) / (high - low)
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Round values between the ends, a few of them."""
        return log_ticks(self.low, self.high) if self.log else linear_ticks(self.low, self.high)


def linear_ticks(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten in [low, high], four to nine of them."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    steps = (10 * step, 5 * step, 2 * step, step)
    step = next((s for s in steps if math.floor(high / s) - math.ceil(low / s) >= 3), step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten in [low, high], thinned to six; with fewer than two also twice and five times these."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 1:
        found = [m * 10.0**k for k in range(first - 1, last + 2) for m in (1, 2, 5)]
        return [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
    stride = -(-(last - first + 1) // 6)
    return [10.0**k for k in range(first, last + 1, stride)]


def around(values: Sequence[float], *, log: bool = False, zero: bool = False) -> tuple[float, float]:
    """Ends of an axis a little beyond the values; never of length zero.

    Args:
        values: at least one; all positive where `log`.
        log: in ratios.
        zero: 0 is within the axis.
    """
    low, high = min(values), max(values)
    if log:
        margin = (high / low) ** 0.05 if high > low else 2.0
        return low / margin, high * margin
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    margin = 0.05 * (high - low) or max(abs(high), 1.0) / 2
    return low - margin, high + margin


def short(value: float) -> str:
    """A tick's text: 0.25, 1,500, 20k, 3M, 1e-05."""
    size = abs(value)
    if size >= 1e6:
        return f"{value / 1e6:g}M"
    if size >= 1e4:
        return f"{value / 1e3:g}k"
    if size >= 1e3:
        return f"{value:,.0f}"
    return f"{value:.0e}" if 0 < size < 1e-3 else f"{value:g}"


def horizontal(low: float, high: float, *, log: bool = False) -> Scale:
    """An axis along the width of a chart."""
    return Scale(low=low, high=high, start=LEFT, end=WIDTH - RIGHT, log=log)


def vertical(low: float, high: float, *, log: bool = False) -> Scale:
    """An axis along the height of a chart, larger values higher."""
    return Scale(low=low, high=high, start=HEIGHT - BOTTOM, end=TOP, log=log)


def frame(x: Scale, y: Scale, x_label: str, y_label: str) -> Html:
    """Grid lines, tick texts and the names of both axes."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in y.ticks:
        at = y(value)
        parts.append(tag("line", x1=LEFT, x2=right, y1=at, y2=at, class_="grid"))
        parts.append(tag("text", short(value), x=LEFT - 6, y=at + 3.5, class_="end"))
    for value in x.ticks:
        at = x(value)
        parts.append(tag("line", x1=at, x2=at, y1=bottom, y2=bottom + 4, class_="axis"))
        parts.append(tag("text", short(value), x=at, y=bottom + 16, class_="mid"))
    parts.append(tag("line", x1=LEFT, x2=right, y1=bottom, y2=bottom, class_="axis"))
    parts.append(tag("text", x_label, x=(LEFT + right) / 2, y=HEIGHT - 6, class_="mid label"))
    middle = (TOP + bottom) / 2
    turned = f"rotate(-90 10 {middle:.1f})"
    parts.append(tag("text", y_label, x=10.0, y=middle, transform=turned, class_="mid label"))
    return join(parts)


def drawing(content: str, label: str, height: float = HEIGHT) -> Html:
    """The SVG element around a chart; `label` tells in words what it shows."""
    box = f"0 0 {WIDTH:g} {height:g}"
    return tag("svg", content, viewBox=box, role="img", aria_label=label)
