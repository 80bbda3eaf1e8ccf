"""Draw the synthetic set of one source for one number of images per class."""

from pathlib import Path
from typing import Annotated

import typer

from gendistill.runtime.stage import DryRun, check_items, open_stage


def main(
    source: Annotated[str, typer.Option(help="Generated source: ours, dim or cgan.")] = "ours",
    ipc: Annotated[int, typer.Option(min=1, help="Images per class.")] = 10,
    dry_run: DryRun = False,
) -> None:
    """Write data/synthetic/<source>/ipc<k>.safetensors (uint8, class after class) and a grid of it as PNG."""
    with open_stage("generate", {"source": source, "ipc": ipc}, dry_run=dry_run) as run:
        check_items(run.params, source=source, ipc=ipc)

        from gendistill.artifact.fixed import save_fixed_set, save_grid
        from gendistill.artifact.sampling import fixed_set, load_generator

        generator = load_generator(Path(f"data/artifacts/{source}.safetensors"), run.compute.device)
        images, labels = fixed_set(generator, ipc, seed=run.params.seed, source=source)
        folder = Path("data/synthetic") / source
        save_grid(folder / f"ipc{ipc}.png", images.numpy(), ipc)
        save_fixed_set(folder / f"ipc{ipc}.safetensors", images, labels)


if __name__ == "__main__":
    typer.run(main)
