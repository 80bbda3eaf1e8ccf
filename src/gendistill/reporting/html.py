"""HTML as values: elements that escape what they are given, and PNG images as data URIs.

An `Html` is text that is already markup; any other string is escaped where it becomes part of an element. So a class
name such as ``<script>`` stays text, and nothing has to remember to escape it.
"""

import base64
import html
import io
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

VOID = frozenset({"img", "meta", "circle", "rect", "line", "path"})


class Html(str):
    """Markup; not escaped again."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | float | None) -> Html:
    """An element.

    Args:
        name: of the element.
        children: `Html` as it is, other text escaped.
        attributes: ``_`` stands for ``-``, a trailing one for a Python keyword (``class_``); None leaves one out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(number(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        assert not children, f"<{name}> holds nothing"
        return Html(f"<{name}{written}>" if name in ("img", "meta") else f"<{name}{written}/>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def join(parts: Iterable[str]) -> Html:
    """Parts one after another; those that are not `Html` are escaped."""
    return Html("".join(part if isinstance(part, Html) else html.escape(part, quote=False) for part in parts))


def number(value: str | float) -> str:
    """Text as it is; a number with at most two decimals, so that equal pictures are equal bytes."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def picture(pixels: NDArray[np.uint8], alt: str) -> Html:
    """An image as part of the page.

    Args:
        pixels: (height, width) grey or (height, width, 3) colour, uint8.
        alt: what it shows, in words.
    """
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", optimize=True)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    height, width = pixels.shape[:2]
    return tag("img", src=f"data:image/png;base64,{data}", alt=alt, width=float(width), height=float(height))


def table(
    header: Iterable[str],
    rows: Iterable[Iterable[str]],
    caption: str,
    *,
    class_: str | None = None,
    strong: Callable[[str], bool] = lambda label: False,
) -> Html:
    """A table whose first column names the rows; it scrolls by itself where the screen is narrower.

    Args:
        header: names of the columns, the first of the left one.
        rows: as long as the header.
        caption: what the table holds.
        class_: of the table element.
        strong: whether a row, by its label, stands out.
    """
    top = join(tag("th", text, scope="col") for text in header)
    body = []
    for label, *texts in rows:
        cells = join(tag("td", text) for text in texts)
        body.append(tag("tr", tag("th", label, scope="row"), cells, class_="strong" if strong(label) else None))
    inner = tag(
        "table", tag("caption", tag("span", caption)), tag("thead", tag("tr", top)), tag("tbody", *body), class_=class_
    )
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)
