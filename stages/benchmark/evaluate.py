"""Train students of one architecture on one synthetic set and test them on real images."""

from typing import Annotated

import typer

from gendistill.runtime.benchmark import (
    DataOption,
    IpcOption,
    MatchedOption,
    MethodOption,
    open_benchmark,
    outputs,
    set_name,
)
from gendistill.runtime.stage import DryRun, TimeLimit


def main(
    data: DataOption = "digits",
    method: MethodOption = "random",
    network: Annotated[str, typer.Option(help="Architecture of the students.")] = "convnet3",
    ipc: IpcOption = 1,
    number: Annotated[int, typer.Option("--set", min=0, help="Seed of the set, and of its students.")] = 0,
    matched: MatchedOption = False,
    time_limit: TimeLimit = 0,
    dry_run: DryRun = False,
) -> None:
    """Write data/benchmark/<data>/cells/<method>-<network>-ipc<k>-set<s>.json."""
    item: dict[str, str | int] = {"data": data, "method": method, "network": network, "ipc": ipc, "set": number}
    with open_benchmark("evaluate", item, matched=matched, time_limit=time_limit, dry_run=dry_run) as run:
        from gendistill.artifact.images import load_images
        from gendistill.evaluation.cells import run_cell
        from gendistill.evaluation.fixed_jobs import fixed_jobs
        from gendistill.evaluation.inputs import load_splits
        from gendistill.runtime.files import write_json

        params, folder, device = run.params, outputs(data), run.compute.device
        splits = load_splits(folder / "prepared", device, run.runtime.resident_limit_mib)
        artifact = load_images(folder / "sets" / set_name(method, ipc, number) / "images.safetensors")
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
        write_json(folder / "cells" / f"{set_name(method, ipc, number, network)}.json", cell)


if __name__ == "__main__":
    typer.run(main)
