"""Train students of one architecture on one synthetic set and test them on real images."""

from pathlib import Path
from typing import Annotated

import typer

from gendistill.runtime.benchmark import open_benchmark
from gendistill.runtime.stage import DryRun, TimeLimit


def main(
    data: Annotated[str, typer.Option(help="The data set that benchmark/params.yaml names.")] = "digits",
    method: Annotated[str, typer.Option(help="Method: random, herding, dm, dsa, ...")] = "random",
    network: Annotated[str, typer.Option(help="Architecture of the students.")] = "convnet3",
    ipc: Annotated[int, typer.Option(min=1, help="Images per class.")] = 1,
    number: Annotated[int, typer.Option("--set", min=0, help="Seed of the set, and of its students.")] = 0,
    matched: Annotated[bool, typer.Option("--matched", help="One of the rows of section `matched`.")] = False,
    time_limit: TimeLimit = 0,
    dry_run: DryRun = False,
) -> None:
    """Write data/benchmark/<data>/cells/<method>-<network>-ipc<k>-set<s>.json."""
    item: dict[str, str | int] = {"data": data, "method": method, "network": network, "ipc": ipc, "set": number}
    stage = "evaluate_matched" if matched else "evaluate"
    with open_benchmark(stage, item, time_limit=time_limit, dry_run=dry_run) as run:
        from gendistill.artifact.images import load_images
        from gendistill.evaluation.cells import load_splits, run_cell
        from gendistill.evaluation.fixed_jobs import fixed_jobs
        from gendistill.runtime.files import write_json

        params, folder, device = run.params, Path("data/benchmark") / data, run.compute.device
        splits = load_splits(folder / "prepared", device, run.runtime.resident_limit_mib)
        artifact = load_images(folder / "sets" / f"{method}-ipc{ipc}-set{number}" / "images.safetensors")
        images = artifact.on(device)
        native: dict[str, float] = {}
        results = run_cell(
            run.tracked.name, network, fixed_jobs(artifact, images, params), splits,
            params.evaluate, seed=number, compute=run.compute, session=run.session,
        )  # fmt: skip
        if method == "kip_fc":
            from gendistill.baselines.kernel import support_accuracy

            native = {"native": support_accuracy(artifact, splits.test)}
        cell = {
            "method": method, "network": network, "ipc": ipc, "set": number,
            "artifact": artifact.card["sha256"], "updates": artifact.card["step"], "results": results, **native,
        }  # fmt: skip
        write_json(folder / "cells" / f"{method}-{network}-ipc{ipc}-set{number}.json", cell)


if __name__ == "__main__":
    typer.run(main)
