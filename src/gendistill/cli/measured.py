"""Accuracies of a finished run, and where they come from, as a card tells them; imports no torch."""

import dataclasses
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gendistill
from gendistill.artifact.card import parameters
from gendistill.artifact.schema import Training
from gendistill.config.catalogue.networks import NETWORKS
from gendistill.config.catalogue.protocols import PROTOCOLS
from gendistill.config.schema import Params
from gendistill.evaluation.protocols import Budget, budget
from gendistill.reporting.origin import cost_records, hardware, versions
from gendistill.reporting.runs import workspace_run
from gendistill.runtime.errors import UserError
from gendistill.runtime.home import home

KEY = re.compile(f"({'|'.join(PROTOCOLS)})_ipc([0-9]+)")
COPIED = ("width", "n", "mean", "std", "min", "max")  # from the metrics


def measured(
    artifact: Path, card: dict[str, Any], files: list[Path], root: Path
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Accuracies and provenance of the run in the workspace, of a generator.

    Args:
        artifact: what was evaluated.
        card: its card.
        files: metrics/accuracy/<source>-<network>.json.
        root: the project's folder.

    Returns:
        The card's ``accuracies`` and ``provenance``.

    Raises:
        UserError: a file is no such metrics file, or the run is not the artifact's.
    """
    contents = {_network(path, card): _read(path) for path in files}
    run = workspace_run(root)
    if parameters(run.params, card["source"]) != card["parameters"]:
        raise UserError(
            f"{artifact} was not made with the parameters of params.yaml here, so its accuracies are not those in "
            "metrics/: go to the project it comes from, or run `dvc repro`"
        )
    entries = [
        _entry(key, value, network, card, run.params)
        for network, content in contents.items()
        for key, value in content.items()
    ]
    records = cost_records(run, home() / ".cache" / "costs")
    return entries, provenance(
        run.params.seed,
        run.params.preset,
        (run.commit, run.modified),
        {"generators": 1},
        list(records.values()),
        run.data,
    )


def provenance(
    seed: int,
    preset: str,
    git: tuple[str | None, list[str] | None],
    made: dict[str, int],
    records: list[dict[str, Any]],
    data: dict[str, Any],
) -> dict[str, Any]:
    """Where accuracies come from, as a card tells it, of a generator and of a set alike.

    Args:
        seed: of what was evaluated.
        preset: of the run.
        git: commit in the workspace, and the tracked files that differ from it; None outside Git.
        made: how many generators, or sets, the accuracies are of.
        records: cost records of the stages that made and evaluated it, which name the machines.
        data: checksum, counts and source of the prepared data.
    """
    commit, modified = git
    return {
        "seed": seed,
        "preset": preset,
        "commit": commit,
        "modified_files": modified,
        **made,
        "hardware": hardware(records),
        "versions": {"gendistill": gendistill.__version__, **versions()},
        "date": datetime.now(UTC).date().isoformat(),
        "data": data,
    }


def _network(path: Path, card: dict[str, Any]) -> str:
    """The students of a metrics file, by its name."""
    source, _, network = path.stem.partition("-")
    if path.suffix != ".json" or source != card["source"] or network not in NETWORKS:
        raise UserError(
            f"{path} is not named {card['source']}-<network>.json, as this artifact's files in metrics/accuracy are"
        )
    return network


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The content of a metrics file."""
    needed = {*COPIED, "epochs", "steps", "batch", "augment"}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        complete = all(needed <= set(value) and KEY.fullmatch(key) for key, value in content.items())
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a metrics file that `dvc repro` writes ({error})") from None
    if not complete:
        raise UserError(f"{path} is not a metrics file that `dvc repro` writes: an entry is incomplete")
    found: dict[str, dict[str, Any]] = content
    return found


def _entry(key: str, value: dict[str, Any], network: str, card: dict[str, Any], params: Params) -> dict[str, Any]:
    """One accuracy, with the budget it was got under; the metrics tell the same, or are not of this recipe."""
    match = KEY.fullmatch(key)
    assert match is not None, key
    protocol, ipc = match[1], int(match[2])
    plan = budget(protocol, len(card["classes"]) * ipc, params.recipe, value["epochs"])
    training = training_of(plan)
    recipe = {field.name: card["recipe"][field.name] for field in dataclasses.fields(params.recipe)}
    same = all(value[name] == training[name] for name in ("steps", "batch", "augment"))
    if not same or recipe != dataclasses.asdict(params.recipe):
        raise UserError(
            f"{key} of {network} was not measured with the recipe in the card (steps {value['steps']}, batch "
            f"{value['batch']}, {value['augment']}; the recipe gives {plan.steps}, {plan.batch}, {plan.augment}): "
            "run `dvc repro`"
        )
    return {
        "protocol": protocol, "ipc": ipc, "network": network, **{name: value[name] for name in COPIED},
        "training": training,
    }  # fmt: skip


def training_of(plan: Budget) -> dict[str, Any]:
    """A budget as a card tells it: `gendistill.artifact.schema.Training`."""
    return {field.name: getattr(plan, field.name) for field in dataclasses.fields(Training)}
