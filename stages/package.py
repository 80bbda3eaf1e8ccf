"""Make the artifact: the chosen generator and its card in one safetensors file."""

from pathlib import Path
from typing import Annotated

import typer

from gendistill.runtime.errors import UserError
from gendistill.runtime.stage import DryRun, TimeLimit, check_items, open_stage


def main(
    source: Annotated[str, typer.Option(help="Generated source: ours, dim or cgan.")] = "ours",
    time_limit: TimeLimit = 0,
    dry_run: DryRun = False,
) -> None:
    """Write data/artifacts/<source>.safetensors."""
    with open_stage("package", {"source": source}, time_limit=time_limit, dry_run=dry_run) as run:
        check_items(run.params, source=source)

        from gendistill.artifact.card import write_card
        from gendistill.artifact.file import save_artifact
        from gendistill.artifact.snapshots import load_snapshots
        from gendistill.data.info import load_info

        params = run.params
        info = load_info(Path("data/prepared"))
        snapshots = load_snapshots(Path("data/distilled") / source)
        step = max(snapshots)
        if params.generate.select == "held_out" and len(snapshots) > 1:
            from gendistill.data.load import load_split
            from gendistill.evaluation.select import best_snapshot

            if not info.counts["held_out"]:
                raise UserError(
                    "generate.select: held_out needs held-out images, but data/prepared has none: write data.held_out "
                    "> 0 and run `dvc repro`, or select: last"
                )

            step = best_snapshot(
                snapshots,
                write_card(params, info, source, step)["generator"],
                load_split(Path("data/prepared"), "held_out", run.compute.device, params.runtime.resident_limit_mib),
                params,
                compute=run.compute,
                session=run.session,
            )
        path = Path("data/artifacts") / f"{source}.safetensors"
        card = save_artifact(path, snapshots[step], write_card(params, info, source, step))
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, sha256 {card['sha256'][:16]}")


if __name__ == "__main__":
    typer.run(main)
