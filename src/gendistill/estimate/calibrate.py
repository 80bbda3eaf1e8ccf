"""The units of `counts`, done for real on random images: what a unit costs on this device, now."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch

from gendistill.config.schema import Params
from gendistill.data.order import Shuffled
from gendistill.data.resident import ResidentImages
from gendistill.estimate.counts import (
    ClassifiedImage,
    GanStep,
    GeneratedBlock,
    MatchStep,
    PoolDraw,
    StudentStart,
    StudentStep,
    Unit,
)
from gendistill.estimate.items import DataShape
from gendistill.estimate.timing import Timing, time_call
from gendistill.evaluation import student as students
from gendistill.evaluation.apart import StudentsApart
from gendistill.evaluation.cells import build_team
from gendistill.evaluation.generated import FreshGenerated
from gendistill.evaluation.protocols import budget
from gendistill.evaluation.sources import Stored
from gendistill.evaluation.team import side_by_side
from gendistill.gan import train as gan
from gendistill.matching import distill as matching
from gendistill.matching.pool import Pool, draw_member
from gendistill.networks.generator import Generator
from gendistill.networks.registry import fresh_network
from gendistill.runtime.device import Compute

Action = tuple[Callable[[], object], int]  # a call, and how often it does the unit
STREAMED = 2048  # images that stand for a split that is streamed
BLOCK_OF_RANDOM = 256  # different random images; repeated to the size of a split


class Calibration:
    """What the units need: random images that take the place of the prepared ones, and a GAN.

    Args:
        params: the parameters to estimate.
        shape: of the data.
        splits: those that lie on the device in the stage; here they take as much memory. Of one that the stage streams
            only some images are there; reading it is not estimated.
        students: of a cell.
        compute: device and precision.
    """

    def __init__(
        self, params: Params, shape: DataShape, splits: Iterable[str], students: int, compute: Compute
    ) -> None:
        self.params, self.shape, self.compute = params, shape, compute
        self.students = students
        self.data = {split: random_images(shape, self._held(getattr(shape, split)), compute.device) for split in splits}
        self.state: gan.GanState | None = None

    def _held(self, images: int) -> int:
        limit = self.params.runtime.resident_limit_mib * 2**20
        return images if images * self.shape.image_bytes <= limit else min(images, STREAMED)

    @property
    def kinds(self) -> dict[str, Any]:
        """What every network is built for."""
        shape = self.shape
        return {"channels": shape.channels, "image_size": shape.image_size, "num_classes": shape.classes}

    def action(self, unit: Unit) -> Action:
        """A call that does `unit`, or several of them at once."""
        match unit:
            case GanStep():
                return self._gan_step(), 1
            case MatchStep():
                return self._match_step(unit), 1
            case PoolDraw(network):
                plan = replace(self.params.distill, pool=(network,))
                return lambda: draw_member(plan, 0, seed=0, device=self.compute.device, **self.kinds), 1
            case StudentStart(network, width):
                return lambda: self._student(network, width), 1
            case StudentStep():
                return self._student_step(unit)
            case ClassifiedImage(network, width):
                return self._test_pass(network, width)
            case GeneratedBlock(images):
                return self._block(images), 1

    def synchronise(self) -> None:
        """Wait for the device."""
        if self.compute.device.type == "cuda":
            torch.cuda.synchronize(self.compute.device)
        elif self.compute.device.type == "mps":
            torch.mps.synchronize()

    def _gan(self) -> gan.GanState:
        """One GAN for all units: a stage has one."""
        if self.state is None:
            state = gan.build_gan(self.params.gan, seed=0, device=self.compute.device, **self.kinds)
            self.compute.compiled(state.generator)
            self.state = state
        return self.state

    def _gan_step(self) -> Callable[[], object]:
        state, data, params = self._gan(), self.data["train"], self.params.gan
        order = Shuffled(len(data), params.batch_size, 0, "gan", self.compute.device)
        return lambda: gan.train_step(state, data, order, params, 0, self.compute)

    def _match_step(self, unit: MatchStep) -> Callable[[], object]:
        state, data, device = self._gan(), self.data["train"], self.compute.device
        loss = self.params.loss if unit.local else replace(self.params.loss, omega_l=0.0)
        # a pool of one network that is never drawn again: drawing is a unit of its own
        names = self.params.distill.pool if unit.network is None else (unit.network,)
        plan = replace(self.params.distill, pool=names, pool_kind="drawn", redraw_steps=2**62)
        pool = Pool(plan, data, num_classes=self.shape.classes, seed=0, compute=self.compute)
        order = Shuffled(len(data), plan.batch_size, 0, "distill", device)
        recipe = matching.Recipe(plan, loss, self.params.gan)
        return lambda: matching.train_step(state, pool, data, order, recipe, 0, self.compute, measure=unit.ratios)

    def _student(self, network: str, width: float) -> torch.nn.Module:
        return fresh_network(network, width=width, device=self.compute.device, seed=0, **self.kinds)

    def _student_step(self, unit: StudentStep) -> Action:
        """Steps of all students, as many as keep every thread busy to the end."""
        plan, device, numbers = unit.budget, self.compute.device, range(self.students)
        alone = [
            fresh_network(unit.network, width=unit.width, device=device, seed=number, **self.kinds)
            for number in numbers
        ]
        team = build_team([students.new_student(network, plan) for network in alone], plan, self.compute)
        sources = side_by_side(Stored(random_images(self.shape, plan.batch, device), plan), 0, self.students)
        steps = 1
        if isinstance(team, StudentsApart):
            steps = team.workers // math.gcd(team.workers, self.students)

        def train() -> None:
            until = team.step + steps
            while team.step < until:
                team.train(sources, plan, 0, until)

        return train, steps * self.students

    def _test_pass(self, network: str, width: float) -> Action:
        # choosing a snapshot reads the held-out images only, judging images the training images only
        split = next(self.data[name] for name in ("test", "held_out", "train") if name in self.data)
        part = ResidentImages(
            split.images[: students.TEST_BATCH], split.labels[: students.TEST_BATCH], split.mean, split.std
        )
        tested = fresh_network(network, width=width, device=self.compute.device, seed=0, **self.kinds)
        return lambda: students.accuracy(tested, part, self.compute), len(part)

    def _block(self, images: int) -> Callable[[], object]:
        gan_params, device = self.params.gan, self.compute.device
        generator = Generator(
            width=gan_params.width, latent=gan_params.latent, conditioning=gan_params.conditioning, **self.kinds
        )
        generator.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)  # as it is loaded
        one = random_images(self.shape, 1, device)
        plan = budget("fresh", images, self.params.recipe, 1)
        source = FreshGenerated(generator, one.mean, one.std, plan, self.compute)
        source.start(0, 0)

        return lambda: source.generate(0)


def random_images(shape: DataShape, count: int, device: torch.device) -> ResidentImages:
    """`count` random images with the labels in turn, standardised by constants."""
    size = (min(count, BLOCK_OF_RANDOM), shape.channels, shape.image_size, shape.image_size)
    block = torch.randint(256, size, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    rows = torch.arange(count, device=device)
    constants = (torch.full((shape.channels,), value, device=device) for value in (0.5, 0.25))
    return ResidentImages(block.to(device)[rows % max(len(block), 1)], rows % shape.classes, *constants)


def time_unit(calibration: Calibration, unit: Unit, known: float | None) -> Timing:
    """The seconds of a unit; `known` is what they were found to be before. Its networks are gone afterwards."""
    call, times = calibration.action(unit)
    timing = time_call(call, calibration.synchronise, known=None if known is None else known * times)
    return Timing(timing.seconds / times, timing.spent)
