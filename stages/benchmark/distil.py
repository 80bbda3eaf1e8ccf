"""Make one synthetic set: one method, one number of images per class, one seed."""

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
    ipc: IpcOption = 1,
    number: Annotated[int, typer.Option("--set", min=0, help="Seed of the set.")] = 0,
    matched: MatchedOption = False,
    time_limit: TimeLimit = 0,
    dry_run: DryRun = False,
) -> None:
    """Write data/benchmark/<data>/sets/<method>-ipc<k>-set<s>/: artifact, grid, and loss curve.

    Grids along the way lie in .cache/previews, in a folder of the same name.
    """
    item: dict[str, str | int] = {"data": data, "method": method, "ipc": ipc, "set": number}
    with open_benchmark("distil", item, matched=matched, time_limit=time_limit, dry_run=dry_run) as run:
        import torch

        from gendistill.artifact.fixed import save_grid
        from gendistill.artifact.images import pixels, save_images
        from gendistill.baselines import registry
        from gendistill.baselines.card import write_card
        from gendistill.baselines.task import Task
        from gendistill.data.info import load_info
        from gendistill.data.load import load_split
        from gendistill.runtime.files import remove, write_atomically, write_csv
        from gendistill.runtime.home import home

        params, folder, name = run.params, outputs(data), set_name(method, ipc, number)
        info = load_info(folder / "prepared")
        train = load_split(folder / "prepared", "train", run.compute.device, run.runtime.resident_limit_mib)
        previews = home() / ".cache" / "previews" / f"{data}-{name}"

        def preview(step: int, images: torch.Tensor) -> None:
            if step == 0:
                remove(previews)  # of an earlier run
            save_grid(previews / f"step{step:06d}.png", pixels(images, train.mean, train.std), ipc)

        task = Task(
            data=train,
            num_classes=info.num_classes,
            ipc=ipc,
            seed=number,
            params=getattr(params, method),
            compute=run.compute,
            session=run.session,
            title=run.tracked.name,
            preview=preview,
        )
        made = registry.method(method)(task)
        with write_atomically(folder / "sets" / name) as temporary:
            temporary.mkdir()
            card = write_card(params, info, method, ipc, number, made)
            save_images(temporary / "images.safetensors", made.images, made.labels, card)
            save_grid(temporary / "images.png", pixels(made.images, train.mean, train.std), ipc)
            write_csv(temporary / "losses.csv", ["step", "loss"], made.rows)


if __name__ == "__main__":
    typer.run(main)
