"""The command that repeats what a card tells: verify."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gendistill.cli.cards import Artifact
from gendistill.cli.students import (
    DATA_HELP,
    RAW,
    DataRoot,
    Device,
    Precision,
    Protocol,
    Threads,
    compute_of,
    data_sets,
    networks,
    opened,
)

if TYPE_CHECKING:  # torch takes over a second to import
    from gendistill.artifact.loading import GeneratorArtifact, ImageArtifact
    from gendistill.data.resident import ImageSet
    from gendistill.runtime.device import Compute


WIDE = 0.05  # allowed differences above it say little
MORE = " (few students and a wide spread allow much: -n 10 or more says more)"


def verify(
    artifact: Artifact,
    data: Annotated[
        str | None,
        typer.Option(
            help=f"{DATA_HELP} Without it, file and card are checked and nothing is trained.", autocompletion=data_sets
        ),
    ] = None,
    protocol: Annotated[
        Protocol | None, typer.Option(help="Repeat this protocol only. [default: all in the card]")
    ] = None,
    ipc: Annotated[int | None, typer.Option(min=1, help="Repeat this IPC only. [default: all in the card]")] = None,
    arch: Annotated[
        str | None, typer.Option(help="Repeat this network only. [default: all in the card]", autocompletion=networks)
    ] = None,
    students: Annotated[
        int | None, typer.Option("--students", "-n", min=1, help="Networks of each. [default: as many as in the card]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of all random streams. [default: the run's; another one tests more]")
    ] = None,
    data_root: DataRoot = RAW,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = 0,
) -> None:
    """Check sum and card, and the accuracies by training again.

    With --data, students are trained again and tested; status 1 if an accuracy does not hold.

    It takes as long as that training, whose steps are told first: the zoo's digits about a minute on two idle cores,
    nearly all of it under fresh. For a quick look: --protocol fixed --ipc 1 -n 2.

    A repeated mean may differ by t s sqrt(1/n + 1/m): s and n of the card, m new students, t of a 99 % range.
    """
    from gendistill.artifact.describe import accuracies_text
    from gendistill.artifact.file import load_artifact
    from gendistill.runtime.errors import UserError

    _, card = load_artifact(artifact)
    if data is None and (protocol or ipc or arch or students or seed is not None):
        raise UserError(
            "verify: --protocol, --ipc, --arch, --students and --seed are of what is trained again; give --data, too"
        )
    print(f"{artifact}: sum and card are in order; {accuracies_text(card)} in the card")
    if data is None:
        return
    if not card["accuracies"]:
        raise UserError(
            f"{artifact} has no accuracy in its card, so none to repeat: `gendistill export --accuracy`, where "
            "it was made, writes them into the card of a copy; `gendistill train` trains without"
        )
    wanted = {"protocol": protocol.value if protocol else None, "ipc": ipc, "network": arch}
    chosen = [
        entry for entry in card["accuracies"] if all(value in (None, entry[key]) for key, value in wanted.items())
    ]
    if not chosen:
        raise UserError(f"{artifact} has no such accuracy in its card; see `gendistill info {artifact}`")
    single = [entry for entry in chosen if entry["n"] < 2]
    if single:
        raise UserError(f"{artifact} tells an accuracy of one student, whose spread nobody knows; choose another")
    compute = compute_of(device, precision, threads)
    loaded, real = opened(artifact, data, data_root, compute)
    steps = sum(entry["training"]["steps"] * (students or entry["n"]) for entry in chosen)
    print(f"to repeat: {accuracies_text({'accuracies': chosen})}, {steps:,} steps of students in all", flush=True)
    failed = [entry for entry in chosen if not _holds(loaded, real, entry, students or entry["n"], compute, seed)]
    if failed:
        raise typer.Exit(1)


def _holds(
    loaded: "GeneratorArtifact | ImageArtifact", real: "ImageSet", entry: dict[str, Any], students: int,
    compute: "Compute", seed: int | None,
) -> bool:  # fmt: skip
    """Repeat one accuracy, say what came out, and whether it is within what was told."""
    from gendistill.artifact.describe import accuracy_text, cell_text
    from gendistill.evaluation.artifacts import Plan, allowed_difference, train_students

    plan = Plan(
        network=entry["network"], width=entry["width"], protocol=entry["protocol"], ipc=entry["ipc"],
        epochs=entry["training"]["epochs"], students=students,
    )  # fmt: skip
    found = train_students(loaded, real, plan, compute=compute, seed=seed)
    # accuracies are whole images: a difference of one image over all students is no difference
    allowed = max(allowed_difference(entry["std"], entry["n"], students), 1 / len(real))
    difference = found["mean"] - entry["mean"]
    holds = bool(abs(difference) <= allowed)
    here = f"{found['mean']:.3f} ± {found['std']:.3f} (n {students})"
    verdict = "holds" if holds else "DOES NOT HOLD"
    print(
        f"{cell_text(entry)}: in the card {accuracy_text(entry)} (n {entry['n']}), here {here}; "
        f"difference {difference:+.4f}, allowed {allowed:.4f}: {verdict}{'' if allowed <= WIDE else MORE}",
        flush=True,
    )
    return holds
