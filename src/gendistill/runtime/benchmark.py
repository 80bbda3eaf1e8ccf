"""The frame of a command of the benchmark: `open_stage` for benchmark/dvc.yaml and benchmark/params.yaml."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from gendistill.config.benchmark import BenchmarkParams, load_benchmark
from gendistill.config.params import load_params
from gendistill.runtime.errors import UserError
from gendistill.runtime.stage import StageRun, ending
from gendistill.runtime.tracked import tracked

PIPELINE: Final = Path("benchmark/dvc.yaml")

DataOption = Annotated[str, typer.Option("--data", help="The data set that benchmark/params.yaml names.")]
MethodOption = Annotated[str, typer.Option("--method", help="Method: random, herding, dm, dsa, ...")]
IpcOption = Annotated[int, typer.Option("--ipc", min=1, help="Images per class.")]
MatchedOption = Annotated[bool, typer.Option("--matched", help="One of the rows of section `matched`.")]


def outputs(data: str) -> Path:
    """The folder of all that the benchmark makes of a data set; relative to the root of the project."""
    return Path("data/benchmark") / data


def set_name(method: str, ipc: int, number: int, network: str = "") -> str:
    """``<method>-ipc<k>-set<s>`` of a synthetic set; ``<method>-<network>-ipc<k>-set<s>`` of students on it."""
    made_by = f"{method}-{network}" if network else method
    return f"{made_by}-ipc{ipc}-set{number}"


@contextmanager
def open_benchmark(
    stage: str, item: dict[str, str | int], *, matched: bool = False, time_limit: float = 0, dry_run: bool = False
) -> Iterator[StageRun[BenchmarkParams]]:
    """Run the body of a command of the benchmark; section ``runtime`` is that of params.yaml.

    Args:
        stage: key of the stage in benchmark/dvc.yaml, without `_matched`.
        item: values of its matrix keys; one that the parameters do not name is refused.
        matched: the stage for the rows of section `matched`.
        time_limit: minutes; 0 takes the one of params.yaml.
        dry_run: print the resolved parameters and dependencies, run nothing.
    """
    stage = f"{stage}_matched" if matched else stage
    with ending(f"benchmark {stage}"):
        runtime = load_params().runtime
        params = load_benchmark()
        check_items(params, item, matched=matched)
        found = tracked(stage, item, PIPELINE)
        # a name of its own: checkpoints and costs of both pipelines lie in one folder
        run = StageRun(
            params, runtime, replace(found, name=f"benchmark-{found.name}"), time_limit or runtime.time_limit_minutes
        )
        if dry_run:
            run.show()
        yield run
        run.finish()


def check_items(params: BenchmarkParams, item: dict[str, str | int], *, matched: bool) -> None:
    """Refuse matrix values that benchmark/params.yaml does not name, so that no stray output is written.

    Raises:
        UserError: naming the option, the value and the legal ones.
    """
    legal: dict[str, tuple[str | int, ...]] = {
        "data": (params.data.name,),
        "method": params.matched.methods if matched else params.methods,
        "network": params.evaluate.networks,
        "ipc": params.matched.ipc if matched else params.ipc,
        "set": params.sets,
    }
    for key, value in item.items():
        if value not in legal[key]:
            listed = ", ".join(map(str, legal[key])) or "none"
            raise UserError(f"--{key} {value} is not in benchmark/params.yaml, which names: {listed}")
