"""The command: ``python -m benchmarks --reference ../DiM`` writes ``benchmarks/results/<device>.json`` and a table."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.names import BENCHMARKS, GROWTH, chosen
from gendistill.config.catalogue.running import PRECISIONS
from gendistill.runtime.errors import Stopped, UserError
from gendistill.runtime.stage import leave

RESULTS = Path(__file__).parent / "results"
INTERRUPTED = "benchmarks: interrupted; the entries that were finished are written"
WIDTH = 100  # of the printed table, also into a file


def main(
    reference: Annotated[
        Path | None, typer.Option(help="Checkout of vimar-gu/DiM to measure against; without it, the plain twins.")
    ] = None,
    reference_dc: Annotated[
        Path | None,
        typer.Option(help="Checkout of VICO-UoE/DatasetCondensation, for DM, DC and DSA; without it, the plain twins."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"Measure this alone; may be repeated. One of {', '.join([*BENCHMARKS, GROWTH])}."),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Timed calls of each side; 5 or more for a claim.")] = 5,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:<number>.")] = "auto",
    precision: Annotated[str, typer.Option(help="Of our side: auto, fp32 or bf16.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 = all cores.")] = 0,
    compile: Annotated[
        bool, typer.Option("--compile", help="Our side under runtime.compile: true; written to <device>-compile.json.")
    ] = False,
    results: Annotated[Path, typer.Option(help="Folder of the results.")] = RESULTS,
    quick: Annotated[
        bool, typer.Option("--quick", help="Tiny sizes, to see that everything runs; written to <device>-quick.json.")
    ] = False,
) -> None:
    """Time the hot paths beside published code, or beside plain twins, and write the results by device."""
    try:
        names = chosen(only or [])
        if precision not in PRECISIONS:
            raise UserError(f"--precision {precision}: expected one of {', '.join(PRECISIONS)}")
        _run(names, reference, reference_dc, repeats, device, precision, threads, results, compile=compile, quick=quick)
    except UserError as error:
        leave(str(error), 2)
    except Stopped as error:  # a student's loop saw the signal; its words are about a checkpoint, and there is none
        leave(INTERRUPTED, error.status)
    except KeyboardInterrupt:
        leave(INTERRUPTED, 130)


def _run(
    names: list[str],
    reference: Path | None,
    reference_dc: Path | None,
    repeats: int,
    device: str,
    precision: str,
    threads: int,
    results: Path,
    *,
    compile: bool,
    quick: bool,
) -> None:
    """Measure one name after another; the file is written after each."""
    # torch is imported by what computes, not by --help and mistakes
    from rich.console import Console

    from benchmarks.growth import growth_table, measure_growth, write_growth
    from benchmarks.measuring import measure, open_setting
    from benchmarks.results import device_name, file_name, merge, read_entries, table, write_entries

    console = Console(highlight=False, width=WIDTH)
    with contextlib.ExitStack() as stack:
        setting = open_setting(
            stack, reference, reference_dc, repeats, device, precision, threads, compile=compile, quick=quick
        )
        stem = file_name(device_name(setting.compute)) + ("-compile" if compile else "") + ("-quick" if quick else "")
        path = results / f"{stem}.json"
        read_entries(path)  # a file that cannot be merged with is told of before the work
        new = []
        for name in names:
            if name == GROWTH:
                found = measure_growth(setting, quick=quick)
                write_growth(results / f"{stem}-growth.json", found)
                console.print(growth_table(found))
                continue
            new.append(measure(setting, name))
            entries, left_out = merge(read_entries(path), new)
            write_entries(path, entries)
        if new:
            console.print(table(new))
            console.print(f"{path}: {len(entries)} entries", soft_wrap=True)
            for name in left_out:
                console.print(
                    f"{name}: the file keeps the entry against published code, this one was not written", soft_wrap=True
                )


if __name__ == "__main__":
    typer.run(main)
