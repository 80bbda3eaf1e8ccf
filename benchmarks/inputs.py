"""What every benchmark runs on: sizes, the parameters of the paper's CIFAR-10 run, and images.

Images are random bytes in CIFAR-10's shape: no time here depends on what they show. Weights are fresh.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from benchmarks.floors import Rates, count, floor_seconds
from benchmarks.names import IPCS
from benchmarks.results import Entry, device_name, versions
from benchmarks.timing import Timing, interleave, relative_range
from gendistill.baselines.task import Task
from gendistill.config.benchmark import load_benchmark
from gendistill.config.params import parse_params
from gendistill.config.schema import Params
from gendistill.config.yaml12 import load_yaml
from gendistill.data.order import Shuffled
from gendistill.data.resident import ResidentImages
from gendistill.gan.train import GanState, build_gan
from gendistill.matching.distill import Recipe
from gendistill.runtime.device import Compute
from gendistill.runtime.loop import Session
from gendistill.runtime.streams import generator as stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.condensation import DatasetCondensation
    from benchmarks.reference import DiM

ROOT = Path(__file__).resolve().parents[1]
PRESET, BENCHMARK_PRESET = "cifar10-paper", "cifar10-benchmark-paper"
CLASSES, CHANNELS, SIDE = 10, 3, 32
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is done in one timed call.

    Attributes:
        width: channels of generator and discriminator (DiM's: 196).
        student_width: fraction of ConvNet3's standard channels, of students and of the matching network.
        images: training images.
        gan_batch, gan_steps: images a step, and steps a call.
        distill_batch, distill_steps, inner_steps: the same of distillation, and SGD steps before each of its steps.
        ipc: synthetic images of every class in DM and DC.
        dm_batch, dm_steps: real images of every class a step, and steps a call.
        dc_batch, dc_updates, dc_passes: real images of every class an update of the images, updates per network, which
            are a call, and passes of the network after each.
        epochs: IPC -> epochs that a student is trained; of 1000 in a whole run.
        warmup: untimed calls.
        matrix_side, copied: of the rates, entries and bytes.
    """

    width: int = 196
    student_width: float = 1.0
    images: int = 50_000
    gan_batch: int
    gan_steps: int
    distill_batch: int = 64
    distill_steps: int
    inner_steps: int = 16
    ipc: int = 10
    dm_batch: int = 256
    dm_steps: int
    dc_batch: int
    dc_updates: int
    dc_passes: int
    epochs: dict[int, int]
    warmup: int
    matrix_side: int
    copied: int


# epochs are whole blocks of the images that a student's source draws at once (102, 10 and 2 epochs)
ON_CPU = Sizes(
    gan_batch=32,
    gan_steps=2,
    distill_steps=1,
    dm_steps=1,
    dc_batch=80,
    dc_updates=2,
    dc_passes=28,
    epochs=dict(zip(IPCS, (102, 10, 2), strict=True)),
    warmup=1,
    matrix_side=2048,
    copied=2**28,
)
ON_CUDA = Sizes(
    gan_batch=128,
    gan_steps=20,
    distill_steps=5,
    dm_steps=10,
    dc_batch=256,
    dc_updates=10,
    dc_passes=50,
    epochs=dict(zip(IPCS, (204, 100, 20), strict=True)),
    warmup=3,
    matrix_side=8192,
    copied=2**31,
)
QUICK = Sizes(
    width=8,
    student_width=0.0625,
    images=256,
    gan_batch=8,
    gan_steps=1,
    distill_batch=8,
    distill_steps=1,
    inner_steps=2,
    ipc=2,
    dm_batch=4,
    dm_steps=1,
    dc_batch=4,
    dc_updates=2,
    dc_passes=2,
    epochs=dict(zip(IPCS, (1, 1, 1), strict=True)),
    warmup=0,
    matrix_side=64,
    copied=2**16,
)
"""Sizes of a trial in seconds: says that everything runs, nothing about speed."""


@dataclass(frozen=True)
class Setting:
    """One run of the benchmarks.

    Attributes:
        compute: device, precision and threads of our side.
        sizes: how much a timed call does.
        params: the paper's parameters with these sizes.
        data: training images on the device.
        rates: of the device.
        repeats: timed calls of each side.
        reference: DiM's code, or None for the plain twin.
        condensation: DatasetCondensation's, likewise.
    """

    compute: Compute
    sizes: Sizes
    params: Params
    data: ResidentImages
    rates: Rates
    repeats: int
    reference: "DiM | None" = None
    condensation: "DatasetCondensation | None" = None

    @property
    def plain(self) -> Compute:
        """What the plain twins compute with: fp32."""
        return replace(self.compute, precision="fp32", compile=False)

    @property
    def in_fp32(self) -> "Setting":
        """The same with our side in fp32, as methods that make images compute."""
        return replace(self, compute=replace(self.compute, precision="fp32"))

    @property
    def recipe(self) -> Recipe:
        """The parameters of distillation."""
        return Recipe(self.params.distill, self.params.loss, self.params.gan)

    def task(self, method: str, **changes: object) -> Task:
        """The task of a method that makes images, by the paper's parameters with changed keys."""
        params = load_benchmark(ROOT / "benchmark" / "presets" / f"{BENCHMARK_PRESET}.yaml")
        return Task(
            data=self.data,
            num_classes=CLASSES,
            ipc=self.sizes.ipc,
            seed=SEED,
            params=replace(getattr(params, method), width=self.sizes.student_width, **changes),
            compute=self.compute,
            session=Session(),
            title=method,
        )

    def gan(self) -> GanState:
        """A fresh GAN; every call gives the same weights."""
        return build_gan(
            self.params.gan,
            channels=CHANNELS,
            image_size=self.data.images.shape[2],
            num_classes=CLASSES,
            seed=SEED,
            device=self.compute.device,
        )

    def compiled_gan(self) -> GanState:
        """The same with its generator compiled, if our side is: what our steps are timed with."""
        state = self.gan()
        self.compute.compiled(state.generator)
        return state

    def order(self, batch: int, purpose: str) -> Shuffled:
        """The order of the training images that the loop of this purpose sees."""
        return Shuffled(len(self.data), batch, SEED, purpose, self.compute.device)

    def measure(
        self,
        name: str,
        what: str,
        ours: "Callable[[], object]",
        reference: "Callable[[], object]",
        against: str,
        *,
        overhead: bool = False,
    ) -> Entry:
        """Time both sides in turn, and count our side's work.

        Args:
            name: of the entry.
            what: what one timed call does on either side.
            ours: one call of our side.
            reference: one call of the other.
            against: what that is.
            overhead: the ratio is ours / reference instead of the speed-up reference / ours.
        """
        with quiet():
            if self.compute.compile:
                with torch.compiler.set_stance("force_eager"):  # the counter does not see into compiled code
                    work = count(ours)
            else:  # setting a stance imports torch's compiler
                work = count(ours)
            timing = interleave(
                ours, reference, repeats=self.repeats, warmup=self.sizes.warmup, device=self.compute.device
            )
        return entry_of(timing, self, name, what, against, floor_seconds(work, self.rates), overhead=overhead)


def entry_of(
    timing: Timing, setting: Setting, name: str, what: str, against: str, floor: float, *, overhead: bool
) -> Entry:
    """A timing as it is written down."""
    ours, reference = timing.ours_seconds, timing.reference_seconds
    inverse = [a / b for a, b in zip(timing.ours, timing.reference, strict=True)]
    return Entry(
        name=name,
        what=what,
        ours_seconds=ours,
        reference_seconds=reference,
        reference=against,
        ratio=ours / reference if overhead else reference / ours,
        ratio_is="ours / reference" if overhead else "reference / ours",
        n=len(timing.ours),
        spread=relative_range(inverse) if overhead else timing.spread,
        floor_seconds=floor,
        device=device_name(setting.compute),
        precision=setting.compute.precision,
        threads=setting.compute.threads,
        versions=versions(),
        ours_samples=list(timing.ours),
        reference_samples=list(timing.reference),
    )


def sized_params(sizes: Sizes) -> Params:
    """The paper's CIFAR-10 parameters with a benchmark's sizes; the pool is ConvNet3 alone, as in DiM's command."""
    document = load_yaml(ROOT / "presets" / f"{PRESET}.yaml")
    document["runtime"] = load_yaml(ROOT / "params.yaml")["runtime"]
    params = parse_params(document, PRESET)
    return replace(
        params,
        seed=SEED,
        gan=replace(params.gan, width=sizes.width, batch_size=sizes.gan_batch),
        distill=replace(
            params.distill,
            pool=("convnet3",),
            pool_width=sizes.student_width,
            batch_size=sizes.distill_batch,
            inner_steps=sizes.inner_steps,
        ),
        evaluate=replace(params.evaluate, width=sizes.student_width, students=5, test_points=1),
    )


def random_images(n: int, device: torch.device, *, side: int = SIDE, classes: int = CLASSES) -> ResidentImages:
    """Random bytes with every class in turn, on the device."""
    draw = stream("cpu", SEED, "benchmarks", "images", n)
    images = torch.randint(0, 256, (n, CHANNELS, side, side), dtype=torch.uint8, generator=draw)
    mean, std = torch.full((CHANNELS,), 0.5), torch.full((CHANNELS,), 0.29)
    return ResidentImages(images.to(device), (torch.arange(n) % classes).to(device), mean.to(device), std.to(device))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing is printed and no warning shown: DiM's code prints, and our loops tell their progress."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
