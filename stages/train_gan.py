"""Train the conditional GAN on the training images (step 1 of the method)."""

from pathlib import Path

import typer

from gendistill.runtime.stage import DryRun, Estimate, TimeLimit, open_stage


def main(time_limit: TimeLimit = 0, dry_run: DryRun = False, estimate: Estimate = False) -> None:
    """Write data/gan/state.safetensors and metrics/gan_losses.csv; an interrupted run continues."""
    with open_stage("train_gan", time_limit=time_limit, dry_run=dry_run, estimate=estimate) as run:
        from gendistill.data.info import load_info
        from gendistill.data.load import load_split
        from gendistill.gan.store import save_gan
        from gendistill.gan.train import TERMS, train_gan
        from gendistill.runtime.files import write_csv

        folder = Path("data/prepared")
        state, rows = train_gan(
            load_split(folder, "train", run.compute.device, run.params.runtime.resident_limit_mib),
            run.params.gan,
            seed=run.params.seed,
            num_classes=len(load_info(folder).classes),
            compute=run.compute,
            session=run.session,
            balanced=run.params.data.balanced,
        )
        write_csv(Path("metrics/gan_losses.csv"), ["step", *TERMS], rows)
        save_gan(Path("data/gan/state.safetensors"), state)


if __name__ == "__main__":
    typer.run(main)
