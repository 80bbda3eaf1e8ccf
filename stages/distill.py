"""Distil into the generator with the global and the local loss (step 2 of the method)."""

from pathlib import Path
from typing import Annotated

import typer

from gendistill.runtime.stage import DryRun, Estimate, TimeLimit, check_items, open_stage


def main(
    source: Annotated[str, typer.Option(help="ours, dim (omega_l 0), continued (both 0), cgan (as it is).")] = "ours",
    time_limit: TimeLimit = 0,
    dry_run: DryRun = False,
    estimate: Estimate = False,
) -> None:
    """Write data/distilled/<source>/step<k>.safetensors and metrics/distill_losses/<source>.csv.

    For ``cgan`` the GAN's generator is handed on as it is, as step 0.
    """
    with open_stage("distill", {"source": source}, time_limit=time_limit, dry_run=dry_run, estimate=estimate) as run:
        check_items(run.params, source=source)

        from gendistill.artifact.snapshots import save_snapshots
        from gendistill.data.info import load_info
        from gendistill.data.load import load_split
        from gendistill.gan.store import load_deployed, load_gan
        from gendistill.gan.train import build_gan
        from gendistill.matching.distill import COLUMNS, Recipe, cpu_copy, distill, prepare_state
        from gendistill.networks.generator import Generator
        from gendistill.runtime.files import write_csv

        params = run.params
        folder = Path("data/prepared")
        info = load_info(folder)
        gan = Path("data/gan/state.safetensors")
        rows: list[dict[str, float]] = []
        if source == "cgan":
            generator = Generator(
                channels=info.channels, image_size=info.image_size, num_classes=info.num_classes,
                width=params.gan.width, latent=params.gan.latent, conditioning=params.gan.conditioning,
            )  # fmt: skip
            load_deployed(gan, generator)
            snapshots = {0: cpu_copy(generator)}
        else:
            state = build_gan(
                params.gan,
                channels=info.channels,
                image_size=info.image_size,
                num_classes=info.num_classes,
                seed=params.seed,
                device=run.compute.device,
            )
            load_gan(gan, state)
            snapshots, rows = distill(
                prepare_state(state, params.distill.lr),
                load_split(folder, "train", run.compute.device, params.runtime.resident_limit_mib),
                Recipe(params.distill, params.loss.of(source), params.gan),
                title=f"distill@{source}",
                seed=params.seed,
                num_classes=info.num_classes,
                compute=run.compute,
                session=run.session,
                balanced=params.data.balanced,
            )
        write_csv(Path(f"metrics/distill_losses/{source}.csv"), COLUMNS, rows)
        arrays = {
            step: {name: tensor.numpy() for name, tensor in weights.items()} for step, weights in snapshots.items()
        }
        save_snapshots(Path("data/distilled") / source, arrays)


if __name__ == "__main__":
    typer.run(main)
