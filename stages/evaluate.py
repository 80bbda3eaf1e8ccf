"""Train students of one architecture on one generated source and test them on real images."""

from pathlib import Path
from typing import Annotated

import typer

from gendistill.runtime.stage import DryRun, Estimate, TimeLimit, check_items, open_stage


def main(
    source: Annotated[str, typer.Option(help="Generated source: ours, dim or cgan.")] = "ours",
    network: Annotated[str, typer.Option(help="Architecture of the students.")] = "convnet3",
    ipc: Annotated[int, typer.Option(min=1, help="Images per class: per epoch under fresh, in all under fixed.")] = 10,
    time_limit: TimeLimit = 0,
    dry_run: DryRun = False,
    estimate: Estimate = False,
) -> None:
    """Write data/cells/<source>-<network>-ipc<k>.json with the accuracies under every protocol of params.yaml."""
    item: dict[str, str | int] = {"source": source, "network": network, "ipc": ipc}
    with open_stage("evaluate", item, time_limit=time_limit, dry_run=dry_run, estimate=estimate) as run:
        check_items(run.params, source=source, network=network, ipc=ipc)

        from gendistill.artifact.fixed import load_fixed_set
        from gendistill.artifact.sampling import load_generator
        from gendistill.data.resident import ResidentImages
        from gendistill.evaluation.cells import run_cell
        from gendistill.evaluation.generated import FreshGenerated
        from gendistill.evaluation.inputs import Job, load_splits
        from gendistill.evaluation.protocols import budget, epochs_of
        from gendistill.evaluation.sources import Stored
        from gendistill.runtime.files import write_json

        params, device = run.params, run.compute.device
        splits = load_splits(Path("data/prepared"), device, params.runtime.resident_limit_mib)
        mean, std = splits.test.mean, splits.test.std
        artifact = Path(f"data/artifacts/{source}.safetensors")
        images, labels = load_fixed_set(Path(f"data/synthetic/{source}/ipc{ipc}.safetensors"))
        drawn = ResidentImages(images.to(device), labels.to(device), mean, std)
        jobs = {}
        for protocol in params.evaluate.protocols:
            epochs = epochs_of(protocol, params.evaluate)
            plan = budget(protocol, splits.num_classes * ipc, params.recipe, epochs)
            if protocol == "fresh":
                fresh = FreshGenerated(load_generator(artifact, device), mean, std, plan, run.compute)
                jobs[protocol] = Job(plan, fresh, stored_bytes=artifact.stat().st_size)
            else:
                jobs[protocol] = Job(plan, Stored(drawn, plan), stored_bytes=images.numel())
        results = run_cell(
            run.tracked.name, network, jobs, splits, params.evaluate,
            seed=params.seed, compute=run.compute, session=run.session,
        )  # fmt: skip
        cell = {"source": source, "network": network, "ipc": ipc, "results": results}
        write_json(Path(f"data/cells/{source}-{network}-ipc{ipc}.json"), cell)


if __name__ == "__main__":
    typer.run(main)
