"""One stage item, calibrated in a process of its own: its start-up and its peak memory are then those of the stage.

Reads a request as JSON from the standard input and writes a reply to the standard output::

    {"params": ..., "item": ..., "shape": ..., "known": {unit: seconds}}
    {"costs": {unit: seconds}, "spent": seconds, "peak_memory_bytes": ..., "compute": ...}  or  {"error": message}

A unit is named by its ``repr``. Imports torch only when the stage does.
"""

import importlib
import json
import sys
from typing import Any

from gendistill.config.params import parse_params
from gendistill.config.schema import Params
from gendistill.estimate.items import DataShape, Item
from gendistill.runtime.errors import UserError
from gendistill.runtime.stage import peak_memory


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The reply to a request."""
    item, known = Item(**request["item"]), request["known"]
    for module in item.modules:  # what the stage imports; part of its start-up
        importlib.import_module(module)
    if request["idle"]:
        return {"costs": {}, "spent": 0.0, "peak_memory_bytes": peak_memory(None), "compute": {}}
    return calibrate(item, parse_params(request["params"], "params.yaml"), DataShape(**request["shape"]), known)


def calibrate(item: Item, params: Params, shape: DataShape, known: dict[str, float]) -> dict[str, Any]:
    """Do every unit of an item's work a few times.

    Raises:
        UserError: the device does not exist here, or its memory does not suffice.
    """
    import torch

    from gendistill.estimate.calibrate import Calibration, time_unit
    from gendistill.estimate.counts import work_of
    from gendistill.runtime.device import resolve_compute

    runtime = params.runtime
    compute = resolve_compute(
        runtime.device,
        runtime.precision,
        runtime.threads,
        runtime.students,
        deterministic=runtime.deterministic,
        compile=runtime.compile,
    )
    students = params.generate.select_students if item.stage == "package" else params.evaluate.students
    work = work_of(item, params, shape)
    costs, spent = {}, 0.0
    try:
        calibration = Calibration(params, shape, work.splits, students, compute)
        for unit, _ in work.counts:
            timing = time_unit(calibration, unit, known.get(repr(unit)))
            costs[repr(unit)] = timing.seconds
            spent += timing.spent
    except torch.OutOfMemoryError:
        raise UserError(
            f"{item.name}: the memory of {compute.device} does not suffice for it; lower the batch size or the width"
        ) from None
    peak = peak_memory(compute.device) + work.kept_bytes
    return {"costs": costs, "spent": spent, "peak_memory_bytes": peak, "compute": compute.describe()}


def main() -> None:
    """Answer the request on the standard input."""
    try:
        reply = answer(json.load(sys.stdin))
    except UserError as error:
        reply = {"error": str(error)}
    except KeyboardInterrupt:  # the command above says it
        sys.exit(130)
    json.dump(reply, sys.stdout)


if __name__ == "__main__":
    main()
