"""The command that writes images: sample."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gendistill.cli.cards import Artifact
from gendistill.cli.students import data_sets


class Format(StrEnum):
    """Forms of a written set; `gendistill.artifact.writing.write_set` says what each holds."""

    PNG = "png"
    NPZ = "npz"
    PT = "pt"
    GRID = "grid"


def sample(
    artifact: Artifact,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder to make; it appears whole or not at all.")],
    ipc: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="Images per class. [default: 10; all that a set of images has]"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Of the draw; a set of images has its own. [default: the run's, as its `generate` stage]"
        ),
    ] = None,
    format: Annotated[  # the option's name
        Format,
        typer.Option(
            help="png: lossless, a folder a class (ImageFolder); npz: images.npz with MedMNIST's keys; pt: images.pt, "
            "float32 N x C x H x W standardised by the card's constants, and labels.pt, class after class "
            "(DD-Ranking's are others: docs/howto/use-an-artifact.md); grid: one picture, a row a class."
        ),
    ] = Format.PNG,
    data: Annotated[
        str | None,
        typer.Option(
            help="npz only: real test images to put in, so that `prepare` reads the file: see `train --help`.",
            autocompletion=data_sets,
        ),
    ] = None,
    data_root: Annotated[Path, typer.Option(help="Where named data sets are; GENDISTILL_DATA overrides it.")] = Path(
        "data/raw"
    ),
    device: Annotated[str, typer.Option(help="Where images are generated: cpu, cuda, cuda:<n>.")] = "cpu",
    force: Annotated[bool, typer.Option("--force", help="Replace FOLDER if `sample` wrote it.")] = False,
) -> None:
    """Write images drawn from it, or those that it stores, in a form other tools read."""
    from gendistill.runtime.errors import UserError

    if data is not None and format != Format.NPZ:
        raise UserError(f"--data is for --format npz; {format.value} holds no test images")

    from gendistill.artifact.loading import load
    from gendistill.artifact.writing import check_place, write_set

    out = out.expanduser().resolve()
    check_place(out, force=force)  # before anything is drawn
    loaded = load(artifact, device)
    real = None
    if data is not None:
        import torch

        from gendistill.data.real import real_test_images
        from gendistill.data.sources import data_root as found_root
        from gendistill.evaluation.artifacts import form_of

        real = real_test_images(data, found_root(str(data_root)), form_of(loaded.card), torch.device("cpu"))
    drawn = loaded.dataset(ipc, seed)
    origin = {
        "artifact": artifact.name,
        "sha256": loaded.card["sha256"],
        "ipc": len(drawn) // len(loaded.classes),
        "seed": loaded.card["parameters"]["seed"] if seed is None else seed,
        "classes": list(loaded.classes),
        "normalisation": loaded.card["normalisation"],
        "test_images": data,
    }
    written = write_set(out, drawn, format.value, origin=origin, real=real, force=force)
    listed = ", ".join(written[:4]) + (", ..." if len(written) > 4 else "")
    print(f"{out}: {len(drawn)} images of {len(loaded.classes)} classes ({listed})")
