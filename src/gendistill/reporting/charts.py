"""The kinds of charts of the page: curves, points, bars and a matrix, each a figure with title, legend and alt text."""

from collections.abc import Sequence
from dataclasses import dataclass

from gendistill.reporting.html import Html, join, tag
from gendistill.reporting.svg import (
    RIGHT,
    TOP,
    WIDTH,
    Scale,
    around,
    drawing,
    frame,
    horizontal,
    short,
    vertical,
)

WIDE_RANGE = 20.0  # a ratio of largest to smallest value from which a logarithmic axis reads better
ROW = 40.0  # height of a bar with its label
WRITTEN_CLASSES = 12  # up to which a cell of the matrix has room for its number


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Points of one name.

    Attributes:
        name: in the legend.
        color: class of the style sheet.
        x, y: as long as one another; at least one point.
        spread: of each y, one standard deviation; empty for none.
        joined: whether a line joins the points.
        marked: whether each point has a mark.
        aside: user units to the right of its place, so that marks at one x do not hide each other.
    """

    name: str
    color: str
    x: Sequence[float]
    y: Sequence[float]
    spread: Sequence[float] = ()
    joined: bool = True
    marked: bool = False
    aside: float = 0.0


def wide(values: Sequence[float]) -> bool:
    """Whether a logarithmic axis reads better: positive values of very different size."""
    return bool(values) and min(values) > 0 and max(values) >= WIDE_RANGE * min(values)


def plot(
    title: str, series: Sequence[Series], x_label: str, y_label: str, *, log_x: bool = False, log_y: bool = False
) -> Html:
    """Curves or points on common axes, with a legend below.

    Args:
        title: above the chart.
        series: at least one.
        x_label: what and which unit; a logarithmic axis says so by itself.
        y_label: likewise.
        log_x: for positive values only.
        log_y: likewise.
    """
    ys = [y for s in series for y in s.y]
    ends = [y + sign * d for s in series for y, d in zip(s.y, s.spread, strict=False) for sign in (-1, 1)]
    x = horizontal(*around([x for s in series for x in s.x], log=log_x), log=log_x)
    y = vertical(*around([*ys, *([] if log_y else ends)], log=log_y), log=log_y)
    axes = frame(x, y, _scaled(x_label, log_x), _scaled(y_label, log_y))
    drawn = join(_series(one, x, y) for one in series)
    said = "; ".join(f"{s.name} from {short(_four(s.y[0]))} to {short(_four(s.y[-1]))}" for s in series)
    svg = drawing(join([axes, drawn]), f"{title}. {y_label} against {x_label}: {said}.")
    return figure(title, svg, [(s.name, s.color) for s in series])


def bars(title: str, rows: Sequence[tuple[str, str, float, float]], x_label: str) -> Html:
    """Horizontal bars from 0 to 1 with one standard deviation, each with its name and value written out.

    Args:
        title: above the chart.
        rows: label, colour class, mean and standard deviation, fractions.
        x_label: what the bars measure.
    """
    height = 6 + ROW * len(rows) + 34
    x = Scale(low=0.0, high=1.0, start=8.0, end=WIDTH - RIGHT)
    parts = []
    for value in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(tag("line", x1=x(value), x2=x(value), y1=4.0, y2=height - 32, class_="grid"))
        parts.append(tag("text", short(value), x=x(value), y=height - 19, class_="mid"))
    parts.append(tag("text", x_label, x=WIDTH / 2, y=height - 4, class_="mid label"))
    for place, (label, color, mean, std) in enumerate(rows):
        top = 6 + ROW * place
        parts.append(tag("text", label, x=x.start, y=top + 11, class_="name"))
        parts.append(tag("text", _value(mean, std), x=x.end, y=top + 11, class_="end value"))
        bar = tag("rect", x=x.start, y=top + 16, width=max(x(mean) - x.start, 0.5), height=14.0, rx=2.0)
        low, high = x(max(mean - std, 0.0)), x(min(mean + std, 1.0))
        whisker = tag("line", x1=low, x2=high, y1=top + 23, y2=top + 23, class_="whisker")
        parts.append(tag("g", bar, whisker, class_=f"bar {color}"))
    said = "; ".join(f"{label} {_value(mean, std)}" for label, _, mean, std in rows)
    return figure(title, drawing(join(parts), f"{title}: {said}.", height))


def _value(mean: float, std: float) -> str:
    """A mean with its spread; of one student there is none."""
    return f"{mean:.3f} ± {std:.3f}" if std else f"{mean:.3f}"


def matrix(title: str, counts: Sequence[Sequence[int]], names: Sequence[str]) -> Html:
    """A confusion matrix: rows are true classes and sum to 1, columns what was predicted.

    Args:
        title: above the chart.
        counts: (K, K), images of class row that were taken for class column.
        names: of the K classes.
    """
    count = len(counts)
    left = min(24 + 5.6 * max(map(len, names)), 110.0)
    top, side = TOP + 14, (WIDTH - left - RIGHT) / count
    parts = [tag("text", "predicted", x=left + count * side / 2, y=TOP, class_="mid label")]
    every = -(-count // 25)
    for row, own in enumerate(counts):
        total = max(sum(own), 1)
        y = top + row * side
        if row % every == 0:
            parts.append(tag("text", names[row], x=left - 6, y=y + side / 2 + 3.5, class_="end"))
        for column, value in enumerate(own):
            share = value / total
            x = left + column * side
            if value:
                kind = "right" if row == column else "wrong"
                opacity = f"{0.08 + 0.92 * share:.3f}" if row == column else f"{min(0.12 + 1.6 * share, 1):.3f}"
                box = tag("rect", x=x, y=y, width=side - 1, height=side - 1, class_=kind, fill_opacity=opacity)
                parts.append(box)
            if count <= WRITTEN_CLASSES and value:
                strong = " on" if share > (0.5 if row == column else 0.35) else ""
                text = f"{100 * share:.0f}" if share >= 0.005 else "·"
                middle = {"x": x + side / 2, "y": y + side / 2 + 3.5}
                parts.append(tag("text", text, class_=f"mid cell{strong}", **middle))
    height = top + count * side + 30
    parts.append(tag("text", "rows: true class; numbers: % of its images", x=left, y=height - 10, class_="label"))
    right = sum(own[k] for k, own in enumerate(counts)) / max(sum(map(sum, counts)), 1)
    label = f"{title}: confusion matrix of {count} classes, {right:.3f} on the diagonal."
    return figure(title, drawing(join(parts), label, height))


def figure(title: str, content: str, legend: Sequence[tuple[str, str]] = ()) -> Html:
    """A chart with its title above and the names of its colours below."""
    items = [tag("span", tag("i", class_=color), name, class_="key") for name, color in legend]
    return tag("figure", tag("figcaption", title), content, *([tag("div", *items, class_="legend")] if items else []))


def _series(series: Series, x: Scale, y: Scale) -> Html:
    """Whiskers, line and marks of one series."""
    places = [(x(a) + series.aside, y(b)) for a, b in zip(series.x, series.y, strict=True)]
    parts = []
    for (at, _), value, spread in zip(places, series.y, series.spread, strict=False):
        low, high = max(value - spread, y.low), min(value + spread, y.high)
        parts.append(tag("line", x1=at, x2=at, y1=y(low), y2=y(high), class_="whisker"))
    if series.joined and len(places) > 1:
        path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
        parts.append(tag("path", d=path, class_="curve"))
    if series.marked or len(places) == 1:
        parts += [tag("circle", cx=a, cy=b, r=4.0) for a, b in places]
    return tag("g", *parts, class_=series.color)


def _scaled(label: str, log: bool) -> str:
    return f"{label} (log scale)" if log else label


def _four(value: float) -> float:
    """Four significant digits, for words."""
    return float(f"{value:.4g}")
