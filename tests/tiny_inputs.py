"""Fixtures of the rooms that compute: a tiny data set, tiny parameters, and loops that are stopped on purpose.

The conftest.py of a room imports what the room needs; rooms without torch stay without it.
"""

import os
import shutil
import sysconfig
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gendistill.config.schema import DistillParams, EvaluateParams, GanParams, LossParams, RecipeParams
from gendistill.data.load import tensor_start
from gendistill.data.resident import ResidentImages
from gendistill.data.streamed import StreamedImages
from gendistill.runtime.checkpoint import CheckpointStore
from gendistill.runtime.device import Compute, check_compiler
from gendistill.runtime.loop import Session
from gendistill.runtime.stopping import StopRequest


class StopAfter(StopRequest):
    """Asks a loop to stop at the n-th step of this process."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def reason(self) -> tuple[str, int] | None:
        self.left -= 1
        return ("stopped by the test", 130) if self.left <= 0 else None


@pytest.fixture
def compute() -> Compute:
    return Compute(torch.device("cpu"), "fp32", torch.get_num_threads())


@pytest.fixture
def compiling(compute: Compute) -> Compute:
    """The same with compiled networks; skips the test where there is nothing to compile with."""
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if shutil.which(os.environ.get("CXX", "g++")) is None or not header.is_file():
        pytest.skip(f"needs a C++ compiler and {header}")
    check_compiler(compute.device)
    return replace(compute, compile=True)


@pytest.fixture
def make_session() -> Callable[..., Session]:
    """Session(folder of the checkpoint, steps until it asks to stop or None)."""

    def make(folder: Path, stop_after: int | None = None) -> Session:
        stop = StopRequest() if stop_after is None else StopAfter(stop_after)
        return Session(CheckpointStore(folder), stop, checkpoint_seconds=3600, log_seconds=3600)

    return make


@pytest.fixture
def make_bars() -> Callable[..., ResidentImages]:
    """Learnable images, 16 x 16: the class is the height of a bright bar under noise; labels 0, 1, 2, ... in turn."""

    def make(n: int = 32, num_classes: int = 4, channels: int = 1, seed: int = 0) -> ResidentImages:
        stream = torch.Generator().manual_seed(seed)
        labels = torch.arange(n) % num_classes
        pixels = 0.3 * torch.rand(n, channels, 16, 16, generator=stream)
        for image, label in zip(pixels, labels.tolist(), strict=True):
            image[:, 3 * label : 3 * label + 3] += 0.6
        mean, std = torch.full((channels,), 0.26), torch.full((channels,), 0.25)  # of every split, as in a real set
        return ResidentImages((pixels * 255).to(torch.uint8), labels, mean, std)

    return make


@pytest.fixture
def bars(make_bars: Callable[..., ResidentImages]) -> ResidentImages:
    """32 images of 4 classes."""
    return make_bars()


@pytest.fixture
def make_streamed(tmp_path: Path) -> Callable[[ResidentImages], StreamedImages]:
    """The same set with its images in a file of the form that `prepare` writes."""

    def make(data: ResidentImages) -> StreamedImages:
        path = tmp_path / f"prepared{len(list(tmp_path.glob('prepared*')))}" / "train.safetensors"
        path.parent.mkdir()
        save_file({"images": data.images, "labels": data.labels}, path)
        return StreamedImages(path, tensor_start(path, "images"), data.shape, data.labels, data.mean, data.std)

    return make


@pytest.fixture
def reading() -> Callable[[], list[str]]:
    """Threads that read ahead at present."""
    return lambda: [thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@pytest.fixture
def make_coded() -> Callable[..., ResidentImages]:
    """Image i is i everywhere, 16 x 16, with the labels given; `code_of` reads i back from a standardised image."""

    def make(labels: list[int], channels: int = 1) -> ResidentImages:
        values = torch.arange(len(labels), dtype=torch.uint8)
        images = values[:, None, None, None].expand(len(labels), channels, 16, 16).contiguous()
        return ResidentImages(images, torch.tensor(labels), torch.full((channels,), 0.1), torch.full((channels,), 0.2))

    return make


@pytest.fixture
def code_of() -> Callable[[torch.Tensor], list[int]]:
    """The numbers of standardised images that `make_coded` made."""
    return lambda images: ((images[:, 0, 0, 0] * 0.2 + 0.1) * 255).round().long().tolist()


@pytest.fixture
def gan_params() -> GanParams:
    return GanParams(
        width=4,
        latent=8,
        conditioning="overwrite",
        objective="wgan_gp",
        gradient_penalty=10.0,
        class_weight=1.0,
        discriminator_steps=1,
        augment="none",
        steps=4,
        batch_size=8,
        lr=0.001,
        beta1=0.0,
        beta2=0.9,
        ema=0.0,
    )


@pytest.fixture
def distill_params() -> DistillParams:
    return DistillParams(
        steps=4,
        batch_size=8,
        lr=0.0005,
        train_discriminator=True,
        pool=("convnet3",),
        pool_kind="drawn",
        pool_size=2,
        pool_width=0.03125,
        redraw_steps=2,
        inner_steps=1,
        inner_lr=0.01,
        inner_momentum=0.9,
        inner_weight_decay=0.0005,
        inner_augment="none",
        match_augment="none",
        snapshots=1,
    )


@pytest.fixture
def loss_params() -> LossParams:
    return LossParams(
        omega_g=0.01,
        omega_l=0.001,
        global_logits="log_softmax",
        global_reduction="mean",
        local_form="batch_mean_l2",
        local_layer="second",
    )


@pytest.fixture
def recipe_params() -> RecipeParams:
    return RecipeParams(
        lr=0.01,
        momentum=0.9,
        weight_decay=0.0005,
        fresh_batch=100,
        fresh_augment="none",
        fixed_batch=256,
        fixed_augment="none",
        plain_augment="none",
        whole_lr=0.05,
        whole_batch=128,
        whole_augment="none",
    )


@pytest.fixture
def evaluate_params() -> EvaluateParams:
    return EvaluateParams(
        networks=("convnet3",),
        control_networks=(),
        ipc=(1,),
        protocols=("fresh",),
        students=2,
        width=0.03125,
        fresh_epochs=2,
        fixed_epochs=2,
        plain_epochs=2,
        whole_epochs=2,
        test_points=1,
    )
