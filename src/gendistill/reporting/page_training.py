"""Section of the page about training: the losses of the GAN and of the distillation, by term."""

from collections.abc import Sequence

from gendistill.reporting.charts import Series, plot, wide
from gendistill.reporting.html import Html, join, tag
from gendistill.reporting.labels import CAPTIONS
from gendistill.reporting.page import Section, charts, note
from gendistill.reporting.plots import PANELS, Curves

COLORS = ("c-1", "c-2", "c-3", "c-4", "c-5", "c-6")


def training_section(gan: Curves, distilled: dict[str, Curves]) -> Section:
    """Curves of the GAN, then those of every distilled source in the panels of `PANELS`."""
    names = list(gan)[1:]
    parts: list[Html] = [tag("h3", "Conditional GAN"), charts([c for c in [losses("Losses", "loss", gan, names)] if c])]
    missing = []
    for source, curves in distilled.items():
        drawn = [losses(f"{title[0].upper()}{title[1:]}", unit, curves, own) for title, unit, own in PANELS]
        kept = [figure for figure in drawn if figure]
        parts += [tag("h3", CAPTIONS.get(source, source)), charts(kept)]
        if len(kept) < len(drawn):
            missing.append(f"{source}: {len(drawn) - len(kept)} of its loss panels; their terms are switched off.")
    if not distilled:
        missing.append("losses of a distillation: no source of this run is distilled.")
    parts.append(note("global is Eq. 6, local Eq. 7, gan the adversarial term of Eq. 8; weighted: times omega."))
    return Section(
        key="training", title="How training went", short="Training", body=join(parts), missing=tuple(missing)
    )


def losses(title: str, unit: str, curves: Curves, names: Sequence[str]) -> Html:
    """The named columns against the step; empty where none of them is ever above or below zero."""
    kept = [name for name in names if any(curves.get(name, ()))]
    if not kept:
        return Html()
    series = [
        Series(name=_plain(name), color=color, x=curves["step"], y=curves[name])
        for name, color in zip(kept, COLORS, strict=False)
    ]
    return plot(title, series, "generator step", unit, log_y=wide([y for s in series for y in s.y]))


def _plain(name: str) -> str:
    """A column's name as words."""
    return name.replace("_weighted", "").replace("_gradient_ratio", "").replace("_", " ")
