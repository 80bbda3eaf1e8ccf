"""Copy finished runs to `results/`, which no stage writes: accuracies, and where they come from."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from gendistill.config.presets import preset_descriptions, read_preset
from gendistill.config.schema import Params
from gendistill.reporting.expected import FOLDER, matches, write_expected
from gendistill.reporting.merge import check_same_but_seed, merge_runs
from gendistill.reporting.metrics import write_groups
from gendistill.reporting.origin import cost_records, origin, without_record
from gendistill.reporting.runs import revision_run, workspace_run
from gendistill.runtime.files import write_text


def publish(root: Path, revisions: Sequence[str], costs: Path) -> str:
    """Write `results/accuracy/<preset>/` and `results/origin/<preset>.yaml`, replacing what is there.

    Runs with a preset's settings also declare its ranges, `presets/expected/<preset>.yaml`.

    Args:
        root: the project.
        revisions: Git revisions or DVC experiments that differ in the seed only; none means the workspace.
        costs: folder of cost records.

    Returns:
        What was done, for the terminal.

    Raises:
        UserError: there is nothing to publish, the numbers do not belong to the parameters, or the runs may
            not be merged. Nothing is written then.
    """
    runs = [revision_run(root, name) for name in revisions] or [workspace_run(root)]
    check_same_but_seed(runs)
    merged = merge_runs(runs)
    preset = runs[0].params.preset
    command = " ".join(["python -m stages.publish", *revisions])
    content = origin(runs, costs, command, plain(asdict(runs[0].params)))
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)

    folder, file = root / "results/accuracy" / preset, root / "results/origin" / f"{preset}.yaml"
    replaced = folder.exists()
    write_groups(merged, folder)
    write_text(file, text)
    declared = declare(root, runs[0].params, merged, content)
    count = sum(map(len, merged.values()))
    lines = [
        f"Published {count} accuracies of {len(runs)} generator{'s' if len(runs) > 1 else ''} x "
        f"{runs[0].params.evaluate.students} students to {folder.relative_to(root)}"
        + (" (what was there is replaced)." if replaced else "."),
        f"Their origin: {file.relative_to(root)}.",
        *([] if declared is None else [f"Ranges to expect: {declared.relative_to(root)}."]),
    ]
    for run in runs:
        missing = without_record(run, cost_records(run, costs))
        if missing:
            lines.append(f"No cost record of {run.name} for {', '.join(missing)}: left out of the origin.")
        if run.modified:
            lines.append(f"Tracked files differ from the commit: {', '.join(run.modified)}; the origin says so.")
    return "\n".join(lines)


def declare(root: Path, params: Params, accuracy: dict[str, dict[str, Any]], content: dict[str, Any]) -> Path | None:
    """Declare the ranges of the preset that the runs are of; None where they are of none."""
    presets = root / FOLDER.parent
    if params.preset not in preset_descriptions(presets) or not matches(params, read_preset(params.preset, presets)):
        return None
    return write_expected(accuracy, content, root / FOLDER)


def plain(value: Any) -> Any:
    """`value` with its tuples as lists, which YAML can hold."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple) else value
