"""The frame of a command of the benchmark: `open_stage` for benchmark/dvc.yaml and benchmark/params.yaml."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from gendistill.config.benchmark import BenchmarkParams, load_benchmark
from gendistill.config.params import load_params
from gendistill.runtime.errors import UserError
from gendistill.runtime.stage import StageRun, ending
from gendistill.runtime.tracked import tracked

PIPELINE: Final = Path("benchmark/dvc.yaml")


@contextmanager
def open_benchmark(
    stage: str, item: dict[str, str | int], *, time_limit: float = 0, dry_run: bool = False
) -> Iterator[StageRun[BenchmarkParams]]:
    """Run the body of a command of the benchmark; section ``runtime`` is that of params.yaml.

    Args:
        stage: key of the stage in benchmark/dvc.yaml.
        item: values of its matrix keys; one that the parameters do not name is refused.
        time_limit: minutes; 0 takes the one of params.yaml.
        dry_run: print the resolved parameters and dependencies, run nothing.
    """
    with ending(f"benchmark {stage}"):
        runtime = load_params().runtime
        params = load_benchmark()
        check_items(params, item, matched=stage.endswith("_matched"))
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
