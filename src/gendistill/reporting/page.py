"""`index.html`: the report as one file that opens from disk, offline, in light and dark, on a desk and on a phone.

A page is a list of sections. A section says what it shows, or that a part of the run is not there and which command
makes it; nothing on the page is fetched, and a content security policy forbids it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gendistill.reporting.html import Html, join, tag
from gendistill.reporting.page_style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        key: its id, unique on the page.
        title: its heading.
        short: its name in the navigation.
        body: what it shows; empty for a section that is left out.
        missing: what is not there, a sentence each, listed at the end of the page.
    """

    key: str
    title: str
    short: str
    body: Html
    missing: tuple[str, ...] = ()


def page(title: str, lead: str, tiles: Sequence[tuple[str, str]], sections: Sequence[Section], foot: str) -> str:
    """The whole document.

    Args:
        title: of the data set.
        lead: the one sentence to remember.
        tiles: value and meaning of a few numbers.
        sections: in their order.
        foot: the last line.
    """
    shown = [section for section in [*sections, _missing(sections)] if section.body]
    head = join(
        [
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", f"gendistill: {title}"),
            tag("style", Html(STYLE)),
        ]
    )
    numbers = [tag("div", tag("b", value), tag("span", meaning), class_="tile") for value, meaning in tiles]
    top = tag(
        "div",
        tag("p", "gendistill report", class_="eyebrow"),
        tag("h1", title),
        tag("p", lead, class_="lead"),
        tag("div", *numbers, class_="tiles"),
    )
    links = [tag("a", section.short, href=f"#{section.key}") for section in shown]
    parts = [tag("section", tag("h2", section.title), section.body, id=section.key) for section in shown]
    body = [
        tag("header", top),
        tag("nav", tag("div", *links), aria_label="sections"),
        tag("main", *parts),
        tag("footer", foot),
    ]
    return f"<!DOCTYPE html>\n{tag('html', tag('head', head), tag('body', *body), lang='en')}\n"


def note(text: str) -> Html:
    """A remark below what it is about."""
    return tag("p", text, class_="note")


def charts(figures: Sequence[Html]) -> Html:
    """Figures side by side where there is room."""
    return tag("div", *figures, class_="charts")


def bullets(lines: Sequence[str]) -> Html:
    """Lines as a list."""
    return tag("ul", *(tag("li", line) for line in lines))


def _missing(sections: Sequence[Section]) -> Section:
    """What the sections say is not there."""
    lines = [line for section in sections for line in section.missing]
    body = bullets(lines) if lines else Html()
    return Section(key="missing", title="Not in this report", short="Not here", body=body)
