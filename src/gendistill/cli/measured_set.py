"""Accuracies of one set of images, as the benchmark measured them, as a card tells them; imports no torch.

metrics/benchmark/ holds means over several sets of a method, of which an artifact is one; so its own cell is read.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gendistill.cli.measured import COPIED, provenance, training_of
from gendistill.config.benchmark import FILE, BenchmarkParams, load_benchmark
from gendistill.config.catalogue.networks import NETWORKS
from gendistill.config.catalogue.protocols import FIXED_PROTOCOLS
from gendistill.data.info import load_info
from gendistill.evaluation.fixed import fixed_budget
from gendistill.reporting.benchmark_publish import check_lock, newest, stages_of
from gendistill.reporting.runs import checked_out
from gendistill.runtime.errors import UserError
from gendistill.runtime.home import home

Card = dict[str, Any]
AGAIN = "run `dvc repro benchmark/dvc.yaml`"


def measured_set(artifact: Path, card: Card, files: list[Path], root: Path) -> tuple[list[Card], Card]:
    """Accuracies and provenance of a set, by the finished benchmark in the workspace.

    Args:
        artifact: what was evaluated, an output of the stage `distil`.
        card: its card.
        files: data/benchmark/<data>/cells/<method>-<network>-ipc<k>-set<s>.json.
        root: the project's folder.

    Returns:
        The card's ``accuracies`` and ``provenance``.

    Raises:
        UserError: a file is no evaluated set, is of another one, or was made with other parameters than are there.
    """
    cells = [_read(path) for path in files]
    for path, cell in zip(files, cells, strict=True):
        if cell["artifact"] != card["sha256"]:
            raise UserError(
                f"{path} is of the set with sha256 {str(cell['artifact'])[:12]}, {artifact} has {card['sha256'][:12]}: "
                "export the images.safetensors that was evaluated, data/benchmark/<data>/sets/<method>-ipc<k>-set<s>"
            )
    params = load_benchmark(root / FILE)
    check_lock(params, root)
    info = load_info(root / "data/benchmark" / params.data.name / "prepared")
    made = {"seed": card["parameters"]["seed"], card["source"]: asdict(getattr(params, card["source"]))}
    recipe = {**card["recipe"], **asdict(params.recipe)}
    if (made, recipe, info.checksum) != (card["parameters"], card["recipe"], card["data"]["checksum"]):
        raise UserError(f"{artifact} was not made with the parameters and data of {FILE} here; {AGAIN}")
    entries = [
        _entry(path, cell["network"], protocol, cell["results"][protocol], card, params)
        for path, cell in zip(files, cells, strict=True)
        for protocol in sorted(cell["results"])
    ]
    return entries, provenance(
        card["parameters"]["seed"],
        params.preset,
        checked_out(root),
        {"sets": 1},
        _records(card, {entry["network"] for entry in entries}, params),
        {"checksum": info.checksum, "counts": info.counts, "source": info.source},
    )


def _read(path: Path) -> Card:
    """An evaluated set."""
    needed = {*COPIED, "epochs", "steps", "batch", "augment"}
    try:
        cell: Card = json.loads(path.read_text(encoding="utf-8"))
        whole = cell["network"] in NETWORKS and bool(cell["artifact"]) and bool(cell["results"])
        whole = whole and all(name in FIXED_PROTOCOLS and needed <= set(it) for name, it in cell["results"].items())
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        whole = False
        reason = f" ({type(error).__name__}: {error})"
    else:
        reason = ""
    if not whole:
        raise UserError(
            f"{path} is not an evaluated set{reason}; expected data/benchmark/<data>/cells/<method>-<network>-ipc<k>-"
            f"set<s>.json (metrics/benchmark holds means over several sets); {AGAIN} if it is one of an earlier version"
        )
    return cell


def _entry(path: Path, network: str, protocol: str, found: Card, card: Card, params: BenchmarkParams) -> Card:
    """One accuracy, with the budget it was got under; the cell tells the same, or is not of these parameters."""
    evaluate, ipc = params.evaluate, card["images"]["ipc"]
    epochs = {"fixed": evaluate.fixed_epochs, "fixed_plain": evaluate.plain_epochs}[protocol]
    plan = fixed_budget(protocol, len(card["classes"]) * ipc, params.recipe, epochs)
    expected = {
        "epochs": plan.epochs, "steps": plan.steps, "batch": plan.batch, "augment": plan.augment,
        "n": evaluate.students, "width": evaluate.width,
    }  # fmt: skip
    for name, value in expected.items():
        if found[name] != value:
            raise UserError(f"{path}: {protocol} has {name} {found[name]}, {FILE} and the card give {value}; {AGAIN}")
    return {
        "protocol": protocol, "ipc": ipc, "network": network, **{name: found[name] for name in COPIED},
        "training": training_of(plan),
    }  # fmt: skip


def _records(card: Card, networks: set[str], params: BenchmarkParams) -> list[Card]:
    """What making and evaluating the set cost, as far as the stages left records."""
    method, ipc, number = card["source"], card["images"]["ipc"], card["parameters"]["seed"]
    items = {f"{params.data.name}-{method}-{ipc}-{number}"}
    items |= {f"{params.data.name}-{method}-{network}-{ipc}-{number}" for network in networks}
    stages = [name for name in stages_of(params) if name.partition("@")[2] in items]
    records = [newest(params, name, home() / ".cache" / "costs") for name in stages]
    return [record for record in records if record is not None]
