"""Evaluated cells as files: which ones params.yaml names, and what they say."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gendistill.config.schema import Params
from gendistill.reporting.labels import CONTROL_PROTOCOLS, source_rank
from gendistill.runtime.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One evaluated training set: its file, and the protocols its file must hold.

    Attributes:
        source: how the images came to be (`whole`, `real`, `random`, `cgan`, `dim`, `ours`, ...).
        network: the student.
        ipc: images per class; None for the whole training set.
        protocols: what the file's `results` must hold.
    """

    source: str
    network: str
    ipc: int | None
    protocols: tuple[str, ...]

    @property
    def file(self) -> str:
        """The cell's file name."""
        return f"{self.source}-{self.network}" + ("" if self.ipc is None else f"-ipc{self.ipc}") + ".json"

    @property
    def stage(self) -> str:
        """The stage of dvc.yaml that writes the file."""
        return f"evaluate_{self.source}" if self.source in ("whole", *CONTROL_PROTOCOLS) else "evaluate"

    @property
    def group(self) -> str:
        """Stem of the metrics file that the cell is part of."""
        return f"{self.source}-{self.network}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Accuracy of `n` students under one protocol.

    Attributes:
        source: as in `Cell`.
        network: as in `Cell`.
        protocol: `fresh`, `fixed`, `fixed_plain`, or `whole`.
        ipc: images per class; None for the whole training set.
        mean: mean accuracy, a fraction.
        std: sample standard deviation over the students, 0 for one student.
        min: lowest accuracy.
        max: highest accuracy.
        n: students.
        held_out_mean: mean accuracy on the held-out images; None when there are none.
        width: fraction of the network's standard channels.
        channels: channels of the network at that width.
        epochs: passes over the (nominal) set.
        steps: optimiser steps.
        batch: images a step.
        augment: augmentation of the student's training images.
        distinct_images: different images a student saw.
        bytes: what must be stored to train one.
        best_of_test_points: mean of each student's best of several test points, so chosen on the test set
            and labelled as such wherever shown; None where there is one point.
        confusion: test images by true class (row) and predicted class, summed over the students.
        held_out_curve: `steps`, and by them `mean` and `std` of the accuracy on held-out images; lists, empty
            without such images.
    """

    source: str
    network: str
    protocol: str
    ipc: int | None
    mean: float
    std: float
    min: float
    max: float
    n: int
    held_out_mean: float | None
    width: float
    channels: int
    epochs: int
    steps: int
    batch: int
    augment: str
    distinct_images: int
    bytes: int
    best_of_test_points: float | None = None
    confusion: Sequence[Sequence[int]]
    held_out_curve: dict[str, list[float]]

    @property
    def key(self) -> str:
        """The result's name within its metrics file."""
        return result_key(self.protocol, self.ipc)

    @property
    def class_accuracy(self) -> tuple[float, ...]:
        """Share of the test images of each class that were classified right, over all students."""
        return tuple(row[k] / max(sum(row), 1) for k, row in enumerate(self.confusion))

    def metrics(self) -> dict[str, Any]:
        """The tracked form: every single number, floats rounded to 6 decimals, in the order of the keys."""
        identity = {"source", "network", "protocol", "ipc", "confusion", "held_out_curve"}
        found = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in identity}
        if self.best_of_test_points is None:
            del found["best_of_test_points"]
        return {key: rounded(found[key]) for key in sorted(found)}


def result_key(protocol: str, ipc: int | None) -> str:
    """The name of a result within its metrics file, such as ``fresh_ipc10`` or ``whole``."""
    return protocol if ipc is None else f"{protocol}_ipc{ipc}"


def rounded(value: Any) -> Any:
    """`value`, a float to 6 decimals."""
    return round(value, 6) if isinstance(value, float) else value


def named_cells(params: Params) -> list[Cell]:
    """The cells that params.yaml names, in the order of tables: network, source, IPC."""
    evaluate = params.evaluate
    cells = [
        Cell(source=source, network=network, ipc=ipc, protocols=tuple(evaluate.protocols))
        for source in params.sources
        for network in evaluate.networks
        for ipc in evaluate.ipc
    ]
    for network in evaluate.control_networks:
        cells.append(Cell(source="whole", network=network, ipc=None, protocols=("whole",)))
        for source, own in CONTROL_PROTOCOLS.items():
            protocols = tuple(p for p in evaluate.protocols if p in own)
            # No protocol of the run gives this control a budget: there is nothing to ask for.
            if protocols:
                cells.extend(Cell(source=source, network=network, ipc=ipc, protocols=protocols) for ipc in evaluate.ipc)
    networks = list(dict.fromkeys([*evaluate.networks, *evaluate.control_networks]))
    return sorted(cells, key=lambda c: (networks.index(c.network), source_rank(c.source), c.ipc or 0))


def read_cells(params: Params, folder: Path) -> list[Result]:
    """The results that params.yaml names; other files in the folder are left alone.

    Raises:
        UserError: files are missing (all are named), or one is not what `evaluate` writes.
    """
    cells = named_cells(params)
    missing = [cell for cell in cells if not (folder / cell.file).is_file()]
    if missing:
        stages = " ".join(dict.fromkeys(cell.stage for cell in missing))
        raise UserError(
            f"{folder}: missing {_listed(cell.file for cell in missing)}, "
            f"named by sources and evaluate in params.yaml: run `dvc repro {stages}` first"
        )
    return [result for cell in cells for result in _read(cell, folder / cell.file)]


def _read(cell: Cell, path: Path) -> list[Result]:
    """The results of one file, in the order of the cell's protocols."""
    again = f"delete it and run `dvc repro {cell.stage}`"
    try:
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        absent = [protocol for protocol in cell.protocols if protocol not in results]
        if absent:
            raise UserError(f"{path}: no result for {_listed(absent)}, found {_listed(results)}: {again}")
        return [_result(cell, protocol, results[protocol]) for protocol in cell.protocols]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not an evaluated cell ({error!r}): {again}") from None


def _result(cell: Cell, protocol: str, found: dict[str, Any]) -> Result:
    """One protocol's entry of a cell file."""
    statistics = {key: value for key, value in found.items() if key != "accuracies"}
    return Result(source=cell.source, network=cell.network, protocol=protocol, ipc=cell.ipc, **statistics)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
