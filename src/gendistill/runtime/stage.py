"""The frame of a stage command: parameters, device, checkpoints, cost, and how it ends."""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import typer

from gendistill.config.params import load_params, section
from gendistill.config.schema import Params, RuntimeParams
from gendistill.runtime.errors import Stopped, UserError
from gendistill.runtime.files import write_json
from gendistill.runtime.home import home
from gendistill.runtime.tracked import Tracked, tracked

if TYPE_CHECKING:  # torch takes over a second to import: only what computes pays for it
    import torch

    from gendistill.runtime.device import Compute
    from gendistill.runtime.loop import Session

TimeLimit = Annotated[
    float,
    typer.Option(
        min=0,
        help="Stop after this many minutes, to be continued by the same command; 0 uses runtime.time_limit_minutes.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what the stage would run with, and exit.")]
Estimate = Annotated[
    bool, typer.Option("--estimate", help="Print the seconds and the memory that the stage will take, and exit.")
]


Content = TypeVar("Content")


@dataclass
class StageRun(Generic[Content]):
    """One run of a stage.

    Attributes:
        params: the whole file of parameters, checked: params.yaml, or that of the benchmark.
        runtime: where and how to run, of params.yaml.
        tracked: what the stage depends on.
        time_limit_minutes: 0 = none.
    """

    params: Content
    runtime: RuntimeParams
    tracked: Tracked
    time_limit_minutes: float
    began: float = field(default_factory=time.monotonic)

    @property
    def tracked_params(self) -> dict[str, Any]:
        """The tracked parameters and their values."""
        return {key: section(self.params, key) for key in self.tracked.params}

    @cached_property
    def compute(self) -> "Compute":
        """Device, precision and threads; importing torch happens here."""
        from gendistill.runtime.device import resolve_compute

        runtime = self.runtime
        return resolve_compute(
            runtime.device,
            runtime.precision,
            runtime.threads,
            runtime.students,
            deterministic=runtime.deterministic,
            compile=runtime.compile,
        )

    @cached_property
    def session(self) -> "Session":
        """Checkpoints under a fingerprint of parameters, code, data and computer; stop requests."""
        from gendistill.runtime.checkpoint import CheckpointStore, fingerprint
        from gendistill.runtime.loop import Session
        from gendistill.runtime.stopping import StopRequest

        key = fingerprint(self.tracked_params, list(self.tracked.deps), self.compute.describe())
        folder = home() / ".cache" / "checkpoints" / self.tracked.name / key
        return Session(
            store=CheckpointStore(folder),
            stop=StopRequest(self.time_limit_minutes),
            checkpoint_seconds=self.runtime.checkpoint_seconds,
            log_seconds=self.runtime.log_seconds,
        )

    def show(self) -> None:
        """Print what the stage would run with, and end the process."""
        deps = list(map(str, self.tracked.deps))
        print(json.dumps({"stage": self.tracked.name, "params": self.tracked_params, "deps": deps}, indent=2))
        raise typer.Exit

    def finish(self) -> None:
        """Forget the checkpoint and leave a cost record, once all outputs stand.

        The seconds of a continued run include those of the runs before it, up to the checkpoint each left.
        """
        compute = self.__dict__.get("compute")  # not made for the record alone: that would import torch
        seconds = time.monotonic() - self.began
        if "session" in self.__dict__ and self.session.store is not None:
            self.session.store.clear()
            seconds += self.session.earlier_seconds
        record = {
            "stage": self.tracked.name,
            "params": self.tracked_params,
            "seconds": round(seconds, 3),
            "peak_memory_bytes": peak_memory(None if compute is None else compute.device),
            **({} if compute is None else compute.describe()),
            "host": host(),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        stamp = record["finished"].replace(":", "")
        write_json(home() / ".cache" / "costs" / self.tracked.name / f"{stamp}.json", record)


def host() -> dict[str, str | int]:
    """The machine, in words that mean something to others: no name, no address."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "cpu": model,
        "cores": os.cpu_count() or 1,
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def peak_memory(device: "torch.device | None") -> int:
    """Peak bytes: what torch allocated on a CUDA device, else resident memory of this process."""
    if device is not None and device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.is_file():  # ru_maxrss would begin with what the process that started this one held
        for line in status.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextmanager
def open_stage(
    name: str,
    item: dict[str, str | int] | None = None,
    *,
    time_limit: float = 0,
    dry_run: bool = False,
    estimate: bool = False,
) -> Iterator[StageRun[Params]]:
    """Run the body of a stage command.

    Every problem of params.yaml is told before anything else happens. A `UserError` in the body ends the process
    with its message and status 2, a `Stopped` with its own status; a bug keeps its traceback.

    Args:
        name: key of the stage in dvc.yaml.
        item: values of its matrix keys.
        time_limit: minutes; 0 takes the one of params.yaml.
        dry_run: print the resolved parameters and dependencies, run nothing.
        estimate: print what the stage will take, by ``python -m stages.estimate``; run nothing else, write nothing.
    """
    with ending(name):
        params = load_params()
        limit = time_limit or params.runtime.time_limit_minutes
        run = StageRun(params, params.runtime, tracked(name, item), limit)
        if dry_run:
            run.show()
        if estimate:
            # a process of its own: no stage may depend on the code of the estimate, or changing that would re-run it
            done = subprocess.run([sys.executable, "-m", "stages.estimate", run.tracked.name], check=False)
            raise typer.Exit(done.returncode)
        yield run
        run.finish()


@contextmanager
def ending(name: str) -> Iterator[None]:
    """Turn the errors of a stage's body into messages and exit statuses; `name` is the stage's."""
    try:
        yield
    except UserError as error:
        leave(str(error), 2)
    except Stopped as error:
        leave(str(error), error.status)
    except KeyboardInterrupt:
        leave(f"{name}: interrupted", 130)


def leave(message: str, status: int) -> None:
    """End the process with one message and no traceback."""
    print(message, file=sys.stderr, flush=True)
    raise typer.Exit(status)


def check_items(params: Params, **chosen: str | int) -> None:
    """Refuse matrix values that params.yaml does not name, so that no stray output is written.

    Raises:
        UserError: naming the option, the value and the legal ones.
    """
    legal: dict[str, tuple[str | int, ...]] = {
        "source": params.sources,
        "network": params.evaluate.networks,
        "control_network": params.evaluate.control_networks,
        "ipc": params.evaluate.ipc,
    }
    for key, value in chosen.items():
        if value not in legal[key]:
            listed = ", ".join(map(str, legal[key])) or "none"
            raise UserError(f"--{key.removeprefix('control_')} {value} is not in params.yaml, which names: {listed}")
