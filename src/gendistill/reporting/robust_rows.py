"""The scores of `robust` laid out as text for tables, and the sentences that say which accuracies enter."""

from gendistill.reporting.grid import ABSENT
from gendistill.reporting.robust import WEIGHT, robustness
from gendistill.reporting.summary import Summary

ROBUST_TITLE = "Scores beside accuracy"


def robust_rows(summary: Summary) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Names of the columns after the first, and for every generated result its source and texts."""
    several = len(summary.networks) > 1
    rows = []
    for row in robustness(summary.results):
        scores = (ABSENT if value is None else f"{value:.3f}" for value in (row.hlr, row.ior, row.lrs, row.ars))
        under = f"{row.protocol}, IPC {row.ipc}"
        rows.append((row.source, [*([row.network] if several else []), under, *scores]))
    return [*(["network"] if several else []), "trained under", "HLR", "IOR", "LRS", "ARS"], rows


def robust_lines(summary: Summary) -> list[str]:
    """What the scores are, a line each."""
    lines = [
        "HLR = accuracy of whole - accuracy of the row: what is lost against the real set. 0 is best.",
        "IOR = accuracy of the row - accuracy of random, the same network, protocol and IPC: what distilling adds.",
        f"LRS = (e^a - e^-1) / (e - e^-1) with a = {WEIGHT} IOR - {1 - WEIGHT} HLR, in [0, 1]. "
        "ARS: the same map of the IORs with augmentation (fixed) and without (fixed_plain).",
        "Mean accuracies of the tables above enter, as fractions of 1. fresh has no random control under the same "
        "training (its control never repeats an image), so no IOR.",
    ]
    if not any(row.ars is not None for row in robustness(summary.results)):
        lines.append("ARS needs both protocols fixed and fixed_plain in evaluate.protocols.")
    return lines
