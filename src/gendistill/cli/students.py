"""The command that trains students, and what it shares with verify."""

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gendistill.cli.cards import Artifact
from gendistill.config.catalogue.datasets import DATASETS
from gendistill.config.catalogue.networks import NETWORKS
from gendistill.config.rules import OWN

if TYPE_CHECKING:  # torch takes over a second to import
    from gendistill.artifact.loading import GeneratorArtifact, ImageArtifact
    from gendistill.data.resident import ImageSet
    from gendistill.runtime.device import Compute


class Protocol(StrEnum):
    """How students see the images."""

    FRESH = "fresh"
    FIXED = "fixed"
    FIXED_PLAIN = "fixed_plain"


def networks(incomplete: str) -> list[str]:
    """What completes an architecture."""
    return [name for name in NETWORKS if name.startswith(incomplete)]


def data_sets(incomplete: str) -> list[str]:
    """What completes the name of a data set; where nothing does, the shell looks for files."""
    return [name for name in DATASETS if name not in OWN and name.startswith(incomplete)]


DATA_HELP = (
    "Real test images: the name of a data set (digits, mnist, fashion_mnist, cifar10, ...), a folder of images or one "
    "that `prepare` made, or an .npz file with MedMNIST's keys."
)
DataRoot = Annotated[Path, typer.Option(help="Where named data sets are; GENDISTILL_DATA overrides it.")]
Device = Annotated[str, typer.Option(help="auto (CUDA if there is one), cpu, cuda, cuda:<n> or mps.")]
Precision = Annotated[
    Literal["auto", "fp32", "bf16"],
    typer.Option(help="In which images are generated under fresh; auto: bf16 where the device computes in it."),
]
Threads = Annotated[int, typer.Option(min=0, max=1024, help="CPU threads; 0 = all cores.")]
RAW = Path("data/raw")


def train(
    artifact: Artifact,
    data: Annotated[str, typer.Option(help=DATA_HELP, autocompletion=data_sets)],
    arch: Annotated[
        str, typer.Option(help=f"Network to train: {', '.join(NETWORKS)}.", autocompletion=networks)
    ] = "convnet3",
    protocol: Annotated[
        Protocol,
        typer.Option(
            help="fresh: new images every step, which only a generator has; fixed: images that stay, DSA; fixed_plain: "
            "the same, as they are."
        ),
    ] = Protocol.FIXED,
    ipc: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            help="Images per class; per epoch under fresh, in all else. [default: 10; all of a set of images]",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Of classes x IPC images. [default: those of the card's accuracies under PROTOCOL]"),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(
            help="Fraction of the network's channels, > 0. [default: as in the card for this network, else 1]"
        ),
    ] = None,
    students: Annotated[int, typer.Option("--students", "-n", min=1, help="Networks trained from scratch.")] = 1,
    seed: Annotated[int | None, typer.Option(min=0, help="Of all random streams. [default: the run's]")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write this file, too: FILE.safetensors gets the trained network with its statistics, without pickle; "
            "any other name the statistics as JSON.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    data_root: DataRoot = RAW,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = 0,
) -> None:
    """Train networks on it, and test them on real images.

    Networks learn the class of an image: a soft label gives that of its largest entry.
    """
    from gendistill.artifact.describe import counted
    from gendistill.artifact.file import load_artifact
    from gendistill.artifact.kinds import check_protocol, images_per_class
    from gendistill.runtime.errors import UserError
    from gendistill.runtime.files import check_place

    if width is not None and not 0 < width <= 64:
        raise UserError(f"--width is {width:g}; expected a fraction of the standard channels, above 0 and up to 64")
    saves = out is not None and out.suffix == ".safetensors"
    if saves and students > 1:
        raise UserError(f"--out {out} holds one network, but --students is {students}; leave it out, or write JSON")
    if out is not None:
        check_place(out, force=force)
    _, card = load_artifact(artifact)
    check_protocol(artifact, card, protocol.value)
    ipc = images_per_class(artifact, card, ipc)
    told = [entry for entry in card["accuracies"] if entry["protocol"] == protocol.value]
    if epochs is None and not told:
        raise UserError(
            f"{artifact} has no accuracy under {protocol.value} in its card, and so no number of epochs: give --epochs "
            "(such as 300), or, where it was made, `gendistill export --accuracy`, which writes both into the card"
        )
    of_network = [entry for entry in card["accuracies"] if entry["network"] == arch]
    compute = compute_of(device, precision, threads)

    from gendistill.evaluation.artifacts import Plan, train_students
    from gendistill.evaluation.kept import Kept, save_student

    plan = Plan(
        network=arch,
        width=width if width is not None else of_network[0]["width"] if of_network else 1.0,
        protocol=protocol.value,
        ipc=ipc,
        epochs=epochs if epochs is not None else told[0]["training"]["epochs"],
        students=students,
    )
    loaded, real = opened(artifact, data, data_root, compute)
    kept = Kept() if saves else None
    found = train_students(loaded, real, plan, compute=compute, seed=seed, keep=kept)
    record = {"artifact": card["sha256"], "network": arch, "protocol": protocol.value, "ipc": ipc, **found}
    if out is not None and kept is not None:
        save_student(out, kept.networks[0], loaded.card, record)
    elif out is not None:
        from gendistill.runtime.files import write_json

        write_json(out, record)
    spread = f" ± {found['std']:.4f}" if students > 1 else ""
    print(
        f"{arch} (width {plan.width:g}), {protocol.value}, IPC {ipc}, {counted(plan.epochs, 'epoch')}: "
        f"accuracy {found['mean']:.4f}{spread} on {len(real)} real test images "
        f"({counted(students, 'student')}, {counted(found['steps'], 'step')} of {found['batch']} each)"
    )


def compute_of(device: str, precision: str, threads: int) -> "Compute":
    """Device and precision, as the pipeline's stages resolve them."""
    from gendistill.runtime.errors import UserError

    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise UserError(f"--device {device} is unknown; expected auto, cpu, cuda, cuda:<n> or mps")
    from gendistill.runtime.device import resolve_compute

    try:
        return resolve_compute(device, precision, threads)
    except UserError as error:
        raise UserError(str(error).replace("runtime.device", "--device")) from None


def opened(
    artifact: Path, data: str, data_root: Path, compute: "Compute"
) -> tuple["GeneratorArtifact | ImageArtifact", "ImageSet"]:
    """The artifact on the device, and the real test images."""
    from gendistill.artifact.loading import load
    from gendistill.data.real import real_test_images
    from gendistill.data.sources import data_root as found_root
    from gendistill.evaluation.artifacts import form_of

    loaded = load(artifact, compute.device)
    return loaded, real_test_images(data, found_root(str(data_root)), form_of(loaded.card), compute.device)
