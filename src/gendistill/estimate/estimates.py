"""Seconds and peak memory of stage items before they run: counts times what was measured a moment ago.

    seconds = start-up + sum over units of count x cost

Every item is calibrated in a process of its own (`worker`). Its start-up is the wall time of that process without the
calls that were counted: process start, imports, networks built, first calls. Its peak memory is that of the process,
in which the splits and networks of the stage lay in their full size and every unit was done, plus the generated images
that the stage keeps. Equal items (other sources of a cell) are calibrated once, and so are equal units.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gendistill.config.params import section
from gendistill.config.schema import Params
from gendistill.estimate.counts import Work, selects, work_of
from gendistill.estimate.items import DataShape, Item
from gendistill.runtime.errors import UserError

WHOLLY_COUNTED = ("train_gan", "distill", "package", "generate", "evaluate", "evaluate_real", "evaluate_random",
                  "evaluate_whole")  # fmt: skip


@dataclass(frozen=True)
class Reply:
    """What a calibration found.

    Attributes:
        wall_seconds: of its process, start to end.
        spent_seconds: of these, in the calls that were timed.
        costs: seconds by the ``repr`` of the unit.
        peak_memory_bytes: of the stage.
        compute: device, precision and threads; empty where the stage computes nothing.
    """

    wall_seconds: float
    spent_seconds: float
    costs: Mapping[str, float]
    peak_memory_bytes: int
    compute: Mapping[str, str | int]


@dataclass(frozen=True)
class Estimate:
    """What a stage item will take.

    Attributes:
        name: of the item.
        startup_seconds: what does not depend on how often anything is done.
        work_seconds: the rest.
        peak_memory_bytes: on the CUDA device where there is one, else of the process.
        compute: device, precision and threads; empty where the stage computes nothing.
        whole: False for a stage whose start-up is all that is estimated.
    """

    name: str
    startup_seconds: float
    work_seconds: float
    peak_memory_bytes: int
    compute: Mapping[str, str | int]
    whole: bool

    @property
    def seconds(self) -> float:
        """Wall time of the stage's process."""
        return self.startup_seconds + self.work_seconds


Calibrate = Callable[[dict[str, Any]], Reply]


def estimates(
    items: list[Item], params: Params, shape: DataShape, calibrate: Calibrate | None = None
) -> Iterator[Estimate]:
    """The estimate of every item, as soon as it is there.

    Args:
        items: of `stage_items`.
        params: the parameters to estimate; section ``runtime`` says where.
        shape: of the data.
        calibrate: answers a request of `worker`; in a new process, unless a test has it otherwise.

    Raises:
        UserError: the device does not exist here, or its memory does not suffice.
    """
    plain = {name: section(params, name) for name in type(params).__dataclass_fields__}
    known: dict[str, float] = {}
    replies: dict[tuple[str, Work], Reply] = {}
    for item in items:
        work = work_of(item, params, shape)
        if item.stage == "package" and not selects(params, item.values["source"]):
            item = replace(item, modules=())  # it imports what chooses a snapshot only when it chooses
        key = (item.stage, work)
        if key not in replies:
            request = {
                "params": plain, "item": asdict(item), "shape": asdict(shape), "known": known, "idle": not work.counts,
            }  # fmt: skip
            replies[key] = (calibrate or in_new_process)(request)
            known |= replies[key].costs
        yield estimate(item, work, replies[key])


def estimate(item: Item, work: Work, reply: Reply) -> Estimate:
    """Start-up plus counts times costs."""
    return Estimate(
        name=item.name,
        startup_seconds=max(reply.wall_seconds - reply.spent_seconds, 0.0),
        work_seconds=sum(count * reply.costs[repr(unit)] for unit, count in work.counts),
        peak_memory_bytes=reply.peak_memory_bytes,
        compute=reply.compute,
        whole=item.stage in WHOLLY_COUNTED,
    )


def in_new_process(request: dict[str, Any]) -> Reply:
    """Have a request answered by `worker` in a new process.

    Raises:
        UserError: what the worker found that the user can mend, or that the system ended it.
    """
    library = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join([library, *filter(None, [os.environ.get("PYTHONPATH")])])
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "gendistill.estimate.worker"],
        input=json.dumps(request), stdout=subprocess.PIPE, text=True, check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    wall = time.perf_counter() - began
    name = request["item"]["name"]
    if done.returncode == -9:
        raise UserError(
            f"{name}: the system ended the calibration, most likely for want of memory; lower the batch size"
        )
    if done.returncode:
        raise RuntimeError(f"{name}: the calibration ended with status {done.returncode}; its message is above")
    reply = json.loads(done.stdout)
    if "error" in reply:
        raise UserError(reply["error"])
    return Reply(wall, reply["spent"], reply["costs"], reply["peak_memory_bytes"], reply["compute"])
