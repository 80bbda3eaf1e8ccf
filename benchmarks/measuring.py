"""From the command's options to entries: the setting of a run, and one benchmark after another."""

import contextlib
import importlib
from pathlib import Path

import torch

from benchmarks.condensation import DatasetCondensation
from benchmarks.floors import measure_rates
from benchmarks.inputs import ON_CPU, ON_CUDA, QUICK, Setting, random_images, sized_params
from benchmarks.names import BENCHMARKS
from benchmarks.reference import DiM
from benchmarks.results import Entry
from gendistill.runtime.device import resolve_compute


def open_setting(
    stack: contextlib.ExitStack,
    reference: Path | None,
    condensation: Path | None,
    repeats: int,
    device: str,
    precision: str,
    threads: int,
    *,
    compile: bool,
    quick: bool,
) -> Setting:
    """Resolve the device, measure its rates, and open the checkouts that are there: DiM's, DatasetCondensation's.

    Raises:
        UserError: no such device, nothing to compile with, or no such checkout.
    """
    compute = resolve_compute(device, precision, threads, compile=compile)
    sizes = QUICK if quick else ON_CUDA if compute.device.type == "cuda" else ON_CPU
    dim = stack.enter_context(DiM(reference, compute.device, sizes.images)) if reference is not None else None
    dc = (
        stack.enter_context(DatasetCondensation(condensation, compute.device, sizes.images))
        if condensation is not None
        else None
    )
    dtypes = [torch.float32] + ([torch.bfloat16] if compute.precision == "bf16" else [])
    return Setting(
        compute=compute,
        sizes=sizes,
        params=sized_params(sizes),
        data=random_images(sizes.images, compute.device),
        rates=measure_rates(compute.device, dtypes, side=sizes.matrix_side, copied=sizes.copied),
        repeats=repeats,
        reference=dim,
        condensation=dc,
    )


def measure(setting: Setting, name: str) -> Entry:
    """Run the benchmark of this name."""
    entry: Entry = importlib.import_module(f"benchmarks.{BENCHMARKS[name]}").measure(setting, name)
    return entry
