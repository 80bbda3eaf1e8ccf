"""Train students of one architecture on real images under the same budgets: what generated sets are held against."""

from pathlib import Path
from typing import Annotated

import typer

from gendistill.runtime.stage import DryRun, Estimate, TimeLimit, check_items, open_stage

Control = Annotated[
    str,
    typer.Option(help="real (fresh draws of training images), random (drawn once) or whole (the training set)."),
]


def main(
    control: Control = "whole",
    network: Annotated[str, typer.Option(help="Architecture of the students.")] = "convnet3",
    ipc: Annotated[int, typer.Option(min=1, help="Images per class; means nothing for whole.")] = 10,
    time_limit: TimeLimit = 0,
    dry_run: DryRun = False,
    estimate: Estimate = False,
) -> None:
    """Write data/cells/<control>-<network>-ipc<k>.json (whole: without the ipc part)."""
    if control not in ("real", "random", "whole"):
        raise typer.BadParameter(f"{control} is no control; expected real, random or whole", param_hint="--control")
    item: dict[str, str | int] = {"network": network, "ipc": ipc}
    with open_stage(f"evaluate_{control}", item, time_limit=time_limit, dry_run=dry_run, estimate=estimate) as run:
        check_items(run.params, control_network=network, **({} if control == "whole" else {"ipc": ipc}))

        from gendistill.data.load import load_split
        from gendistill.evaluation.cells import run_cell
        from gendistill.evaluation.controls import control_jobs
        from gendistill.evaluation.inputs import load_splits
        from gendistill.runtime.files import write_json

        params = run.params
        folder = Path("data/prepared")
        limit = params.runtime.resident_limit_mib
        splits = load_splits(folder, run.compute.device, limit)
        train = load_split(folder, "train", run.compute.device, limit)
        results = run_cell(
            run.tracked.name, network, control_jobs(control, train, splits.num_classes, ipc, params), splits,
            params.evaluate, seed=params.seed, compute=run.compute, session=run.session,
        )  # fmt: skip
        name = f"{control}-{network}" + ("" if control == "whole" else f"-ipc{ipc}")
        cell = {"source": control, "network": network, "results": results}
        write_json(Path(f"data/cells/{name}.json"), cell if control == "whole" else {**cell, "ipc": ipc})


if __name__ == "__main__":
    typer.run(main)
