"""Score the generated sources: quality, coverage, and how close they come to training images."""

from pathlib import Path

import typer

from gendistill.runtime.stage import DryRun, TimeLimit, open_stage


def main(time_limit: TimeLimit = 0, dry_run: DryRun = False) -> None:
    """Write metrics/quality.json, and data/quality/nearest.safetensors with the closest pairs of every source."""
    with open_stage("quality", time_limit=time_limit, dry_run=dry_run) as run:
        from safetensors.torch import save_file

        from gendistill.data.info import load_info
        from gendistill.data.load import load_split
        from gendistill.evaluation.judge import judge
        from gendistill.runtime.files import write_atomically, write_json

        folder = Path("data/prepared")
        train = load_split(folder, "train", run.compute.device, run.params.runtime.resident_limit_mib)
        scores, pairs = judge(
            train, load_info(folder).num_classes, run.params, Path("data/artifacts"),
            compute=run.compute, session=run.session,
        )  # fmt: skip
        tensors = {f"{source}.{name}": value for source, own in pairs.items() for name, value in own.items()}
        with write_atomically(Path("data/quality/nearest.safetensors")) as temporary:
            save_file(tensors, temporary)
        write_json(Path("metrics/quality.json"), scores)


if __name__ == "__main__":
    typer.run(main)
