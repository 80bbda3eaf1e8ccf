"""Several runs that differ in the seed only, as one: the statistics that published claims need.

| symbol      | meaning                                                          |
| ----------- | ---------------------------------------------------------------- |
| g           | a run, so one generator; G of them                               |
| n_g, m_g, s_g | its students, their mean, their sample standard deviation       |
| m           | mean of all N = sum n_g students                                 |

    mean           = (1 / G) sum_g m_g
    std            = sqrt( (sum_g (n_g - 1) s_g^2 + sum_g n_g (m_g - m)^2) / (N - 1) )
    std_generators = sqrt( sum_g (m_g - mean)^2 / (G - 1) )

`std` is the sample standard deviation of all students taken together, exactly; no single accuracy is needed.
"""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from gendistill.config.params import flatten
from gendistill.reporting.cells import rounded
from gendistill.reporting.runs import Run
from gendistill.runtime.errors import UserError

# How the students were trained: equal in runs that may be merged.
BUDGET = ("width", "channels", "epochs", "steps", "batch", "augment")
MEANS = ("held_out_mean", "best_of_test_points")
COUNTS = ("distinct_images", "bytes")


def check_same_but_seed(runs: Sequence[Run]) -> None:
    """Make sure that runs may be merged.

    Raises:
        UserError: a parameter other than `seed` and `runtime` differs, the data do, or a seed occurs twice.
    """
    first, *others = runs
    for run in others:
        mine, theirs = flatten(first.params), flatten(run.params)
        keys = [key for key in mine if key != "seed" and not key.startswith("runtime.")]
        different = [f"{key} ({mine[key]} and {theirs[key]})" for key in keys if mine[key] != theirs[key]]
        if first.data["checksum"] != run.data["checksum"]:
            different.append("checksum of the prepared data")
        if different:
            raise UserError(
                f"{first.name} and {run.name} differ in more than the seed: {', '.join(different)}; publish them apart"
            )
    seeds = [run.params.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        named = ", ".join(f"{run.name} ({run.params.seed})" for run in runs)
        raise UserError(f"a seed occurs twice: {named}; the same seed gives no second generator")


def merge_runs(runs: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """Accuracies of all runs together, in the form of one."""
    return {
        group: {key: merge([run.accuracy[group][key] for run in runs]) for key in sorted(content)}
        for group, content in sorted(runs[0].accuracy.items())
    }


def merge(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One result of several runs, with `generators` and `std_generators` (None for a single run) added.

    Args:
        entries: the same result of each run; accuracies are fractions.

    Raises:
        UserError: the students were trained differently.
    """
    for name in BUDGET:
        values = {entry[name] for entry in entries}
        if len(values) > 1:
            raise UserError(
                f"the runs trained their students with different {name}: {sorted(values)}; publish them apart"
            )
    means = [entry["mean"] for entry in entries]
    total = sum(entry["n"] for entry in entries)
    grand = math.fsum(entry["n"] * entry["mean"] for entry in entries) / total
    within = math.fsum((entry["n"] - 1) * entry["std"] ** 2 for entry in entries)
    between = math.fsum(entry["n"] * (entry["mean"] - grand) ** 2 for entry in entries)
    merged = {
        "mean": statistics.fmean(means),
        "std": math.sqrt((within + between) / (total - 1)) if total > 1 else 0.0,
        "std_generators": statistics.stdev(means) if len(entries) > 1 else None,
        "n": total,
        "generators": len(entries),
        "min": min(entry["min"] for entry in entries),
        "max": max(entry["max"] for entry in entries),
        **{name: entries[0][name] for name in BUDGET},
        **{name: round(statistics.fmean(entry[name] for entry in entries)) for name in COUNTS},
    }
    for name in MEANS:
        if name in entries[0]:
            found = [entry[name] for entry in entries]
            merged[name] = None if None in found else statistics.fmean(found)
    return {key: rounded(merged[key]) for key in sorted(merged)}
