"""Estimates as text."""

from collections.abc import Iterable, Iterator

from gendistill.estimate.estimates import Estimate
from gendistill.runtime.progress import clock

NOTES = (
    "Nothing is taken off for what DVC has in its cache: `dvc repro` skips that. DVC's own seconds are not counted.",
    "+ start-up only: fetching data and drawing pictures come on top.",
)


def lines(estimates: Iterable[Estimate], width: int) -> Iterator[str]:
    """A table, line by line as the estimates come in: time, start-up in it, peak memory; the total; what to know.

    Args:
        estimates: of all items.
        width: of the longest name.
    """
    yield f"{'':<{width}}  {'h:mm:ss':>9}  {'start-up':>9}  {'peak memory':>11}"
    seen = []
    for one in estimates:
        seen.append(one)
        yield f"{one.name:<{width}}  {_row(one.seconds, one.startup_seconds, one.peak_memory_bytes, one.whole)}"
    seconds, startup = sum(one.seconds for one in seen), sum(one.startup_seconds for one in seen)
    peak = max((one.peak_memory_bytes for one in seen), default=0)
    whole = all(one.whole for one in seen)
    yield f"{'total':<{width}}  {_row(seconds, startup, peak, whole)}"
    yield ""
    yield from (f"On {text}." for text in dict.fromkeys(filter(None, map(device, seen))))
    yield from NOTES[: 1 if whole else 2]


def sentence(one: Estimate) -> str:
    """An estimate in a line."""
    where = f" on {device(one)}" if device(one) else ""
    text = (
        f"{one.name}: about {one.seconds:.1f} s (start-up {one.startup_seconds:.1f} s), "
        f"peak memory {megabytes(one.peak_memory_bytes)}{where}"
    )
    return text if one.whole else f"{text}; start-up only, fetching data and drawing pictures come on top"


def device(one: Estimate) -> str:
    """Where it was calibrated; empty where the stage computes nothing."""
    if not one.compute:
        return ""
    return f"{one.compute['device']} ({one.compute['precision']}, threads: {one.compute['threads']})"


def megabytes(count: int) -> str:
    """Bytes in decimal megabytes."""
    return f"{count / 1e6:.0f} MB"


def _row(seconds: float, startup: float, peak: int, whole: bool) -> str:
    mark = " " if whole else "+"
    return f"{clock(seconds):>8}{mark}  {clock(startup):>9}  {megabytes(peak):>11}"
