"""Commands that read cards: info, compare, table, export. None of them imports torch."""

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

Artifact = Annotated[Path, typer.Argument(metavar="ARTIFACT", help="A distilled set, a .safetensors file.")]


class Dtype(StrEnum):
    """Precision of weights in a file, and the name that the card has for it."""

    FP16 = "fp16"
    FP32 = "fp32"


def info(
    artifact: Artifact,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole card as JSON.")] = False,
) -> None:
    """Say what it is: classes, recipe, accuracies, origin."""
    from gendistill.artifact.describe import description
    from gendistill.artifact.file import load_artifact

    _, card = load_artifact(artifact)
    print(json.dumps(card, indent=2, ensure_ascii=False) if as_json else description(artifact, card))


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A distilled set.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
) -> None:
    """Put two cards and their accuracies side by side."""
    from gendistill.artifact.describe import comparison
    from gendistill.artifact.file import load_artifact

    print(comparison((first, second), (load_artifact(first)[1], load_artifact(second)[1])))


def table(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of distilled sets.")],
    into: Annotated[
        Path | None,
        typer.Option(
            help="Markdown file whose table, between two lines `<!-- table -->`, is replaced. [default: print]"
        ),
    ] = None,
) -> None:
    """Make a Markdown table of all sets in a folder."""
    from gendistill.artifact.describe import table as markdown
    from gendistill.artifact.file import load_artifact
    from gendistill.runtime.errors import UserError
    from gendistill.runtime.files import write_text

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UserError(f"{folder} holds no .safetensors file; give a folder of distilled sets")
    rows = []
    for path in files:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows.append((path.name, load_artifact(path)[1], path.stat().st_size, digest))
    text = markdown(rows)
    if into is None:
        print(text, end="")
        return
    mark = "<!-- table -->\n"
    parts = into.read_text(encoding="utf-8").split(mark) if into.is_file() else []
    if len(parts) != 3:
        raise UserError(f"{into} must be a file with two lines `{mark.strip()}`, between which the table is put")
    write_text(into, mark.join([parts[0], text, parts[2]]))
    print(f"{into}: {len(rows)} distilled set{'s' if len(rows) > 1 else ''}")


def export(
    artifact: Artifact,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .safetensors file to write.")],
    dtype: Annotated[
        Dtype | None,
        typer.Option(help="Precision of weights; images stay as they are. [default: fp16, which halves the file]"),
    ] = None,
    accuracy: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="JSON",
            help="Of the finished run, metrics/accuracy/<source>-<network>.json; for a set of images "
            "data/benchmark/<data>/cells/<method>-<network>-ipc<k>-set<s>.json. Repeat for more networks. "
            "Run it in the project's folder: commit, parameters and hardware are read there.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
) -> None:
    """Write a copy to give away, its accuracies in the card."""
    from gendistill.artifact.describe import accuracies_text
    from gendistill.artifact.export import export_artifact
    from gendistill.runtime.errors import UserError

    if out.exists() and not force:
        raise UserError(f"{out} is there already; give another file, or --force to replace it")
    if out.suffix != ".safetensors":
        raise UserError(f"{out} must end in .safetensors, so that other tools know it")
    told, origin = None, None
    if accuracy:
        told, origin = _measured(artifact, accuracy)
    kind = {None: None, Dtype.FP16: "float16", Dtype.FP32: "float32"}[dtype]
    card = export_artifact(artifact, out, dtype=kind, accuracies=told, provenance=origin)
    print(
        f"{out}: {out.stat().st_size / 1e6:.2f} MB in {card['dtype']}, {accuracies_text(card)}, "
        f"sha256 of the file {hashlib.sha256(out.read_bytes()).hexdigest()}"
    )


def _measured(artifact: Path, files: list[Path]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Accuracies and provenance of the finished run whose files are in this folder, by the kind of artifact."""
    from gendistill.artifact.file import load_artifact

    _, card = load_artifact(artifact)
    if card["kind"] == "images":
        from gendistill.cli.measured_set import measured_set

        return measured_set(artifact, card, files, Path.cwd())
    from gendistill.cli.measured import measured

    return measured(artifact, card, files, Path.cwd())
