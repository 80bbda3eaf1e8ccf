"""A setting of the benchmarks that runs in a blink: narrow networks, 16 x 16 images."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmarks.floors import Rates
from benchmarks.inputs import QUICK, Setting, random_images, sized_params
from benchmarks.results import Entry
from gendistill.runtime.device import Compute

RATES = Rates({torch.float32: 1e9, torch.bfloat16: 1e9}, 1e9)


@pytest.fixture
def make_setting() -> Callable[..., Setting]:
    """Setting(precision, changed sizes)."""

    def make(precision: str = "fp32", **sizes: Any) -> Setting:
        device = torch.device("cpu")
        tiny = replace(QUICK, images=64, **sizes)
        data = random_images(tiny.images, device, side=16)
        return Setting(
            Compute(device, precision, torch.get_num_threads()), tiny, sized_params(tiny), data, RATES, repeats=2
        )

    return make


@pytest.fixture
def make_entry() -> Callable[..., Entry]:
    """An entry against DiM with changed fields."""

    def make(name: str = "gan_step", **changes: Any) -> Entry:
        entry = Entry(
            name=name,
            what="a step",
            ours_seconds=1.0,
            reference_seconds=2.0,
            reference="DiM (its loop)",
            ratio=2.0,
            ratio_is="reference / ours",
            n=2,
            spread=0.1,
            floor_seconds=0.5,
            device="cpu Some Processor",
            precision="fp32",
            threads=1,
            versions={"torch": "2"},
            ours_samples=[1.0, 1.0],
            reference_samples=[2.0, 2.0],
        )
        return replace(entry, **changes)

    return make
