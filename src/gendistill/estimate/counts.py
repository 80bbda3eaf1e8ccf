"""How often a stage does what it spends its time on: parameters -> counts, nothing measured.

| stage | counted |
| --- | --- |
| train_gan | GAN steps |
| distill | steps per network of the pool, those that measure gradient ratios apart; networks drawn |
| evaluate and its controls | students begun, their steps per batch size, images tested, blocks generated |
| package | the same for the students that choose a snapshot, where one is chosen |
| generate | blocks generated |

Not counted, and so not estimated: downloads and conversion in prepare, pictures in report, checkpoints, DVC's own time.
"""

import math
from collections import Counter
from dataclasses import dataclass, replace

from gendistill.config.schema import Params
from gendistill.estimate.items import DataShape, Item
from gendistill.evaluation.protocols import Budget, budget, epochs_of, quality_epochs
from gendistill.evaluation.select import SELECTION_IPC, SELECTION_NETWORK
from gendistill.evaluation.sources import BLOCK
from gendistill.evaluation.summary import CURVE_POINTS, evenly_spaced
from gendistill.matching.schedule import architecture, due
from gendistill.runtime.loop import TICKS


@dataclass(frozen=True)
class GanStep:
    """A G step of the GAN with its D steps."""


@dataclass(frozen=True)
class MatchStep:
    """A step of distillation.

    Attributes:
        network: matched in, with its inner steps; None when both weights are 0.
        local: the local term is on.
        ratios: the step ends a tick, so gradient ratios are measured too.
    """

    network: str | None
    local: bool
    ratios: bool


@dataclass(frozen=True)
class PoolDraw:
    """A network of the pool drawn and initialised."""

    network: str


@dataclass(frozen=True)
class StudentStart:
    """A student built."""

    network: str
    width: float


@dataclass(frozen=True)
class StudentStep:
    """A student's step, fetching its batch included.

    Attributes:
        network: architecture.
        width: fraction of its standard channels.
        budget: with an epoch of one batch, so that equal steps of different sets are one unit.
    """

    network: str
    width: float
    budget: Budget


@dataclass(frozen=True)
class ClassifiedImage:
    """An image classified in a test pass."""

    network: str
    width: float


@dataclass(frozen=True)
class GeneratedBlock:
    """That many images generated at once."""

    images: int


Unit = GanStep | MatchStep | PoolDraw | StudentStart | StudentStep | ClassifiedImage | GeneratedBlock


@dataclass(frozen=True)
class Work:
    """What a stage item does.

    Attributes:
        counts: how often each unit is done; units that are never done are left out.
        splits: of the prepared data, those that lie on the device meanwhile.
        kept_bytes: generated images that are kept on the device.
    """

    counts: tuple[tuple[Unit, int], ...] = ()
    splits: tuple[str, ...] = ()
    kept_bytes: int = 0


Counts = Counter[Unit]


def work_of(item: Item, params: Params, shape: DataShape) -> Work:
    """The work of a stage item; none for a stage of which nothing is counted."""
    match item.stage:
        case "train_gan":
            return _work(Counter({GanStep(): params.gan.steps}), ("train",))
        case "distill" if item.values["source"] != "cgan":
            return _work(distillation(params, item.values["source"]), ("train",))
        case "package" if selects(params, item.values["source"]):
            return selection(params, shape)
        case "generate":
            return _work(Counter({GeneratedBlock(block_images(shape.classes * item.values["ipc"])): 1}))
        case "evaluate" | "evaluate_real" | "evaluate_random" | "evaluate_whole":
            return cell(item, params, shape)
        case "quality":
            return yardstick(params, shape)
    return Work()


def selects(params: Params, source: str) -> bool:
    """Whether package trains students to choose a snapshot; cgan has one only."""
    return params.generate.select == "held_out" and params.distill.snapshots > 1 and source != "cgan"


def distillation(params: Params, source: str) -> Counts:
    """Steps of a distillation by the network they match in, as the seed draws it, and networks drawn."""
    plan, loss = params.distill, params.loss.of(source)
    local = loss.omega_l > 0
    counts: Counts = Counter()
    if not local and loss.omega_g == 0:
        measured = ticks_within(0, plan.steps, plan.steps)
        counts[MatchStep(None, local, ratios=True)] += measured
        counts[MatchStep(None, local, ratios=False)] += plan.steps - measured
        return counts
    draws = [due(plan, step).draw for step in range(plan.steps)]
    networks = {draw: architecture(plan, draw, params.seed) for draw in set(draws)}
    for step, draw in enumerate(draws):
        ratios = bool(ticks_within(step, step + 1, plan.steps))
        counts[MatchStep(networks[draw], local, ratios)] += 1
    counts.update(PoolDraw(network) for network in networks.values())
    return counts


def ticks_within(start: int, end: int, steps: int) -> int:
    """Steps in (start, end] that end a tick of a loop of `steps` steps, as `runtime.loop.Loop.is_tick` says."""
    every = max(1, steps // TICKS)
    last = 1 if start < steps <= end and steps % every else 0
    return end // every - start // every + last


def cell(item: Item, params: Params, shape: DataShape) -> Work:
    """The students of a cell of the result table."""
    evaluate = params.evaluate
    plans = budgets(item, params, shape)
    counts: Counts = Counter()
    for plan in plans:
        counts += students(
            item.values["network"], evaluate.width, evaluate.students, evaluate.test_points, plan,
            tested=shape.test, held_out=shape.held_out,
        )  # fmt: skip
    if item.stage != "evaluate":
        return _work(counts, ("train", "held_out", "test") if plans else ())
    kept = 0
    for plan in plans:
        if plan.protocol == "fresh":
            blocks, kept_bytes = generated(plan, shape.image_bytes)
            counts += blocks
            kept += kept_bytes
    return _work(counts, ("held_out", "test"), kept)


def budgets(item: Item, params: Params, shape: DataShape) -> list[Budget]:
    """Budgets of a cell's protocols: a control has those whose supply of images it imitates."""
    if item.stage == "evaluate_whole":
        return [budget("whole", shape.train, params.recipe, epochs_of("whole", params.evaluate))]
    wanted = {"evaluate": (True, False), "evaluate_real": (True,), "evaluate_random": (False,)}[item.stage]
    return [
        budget(protocol, shape.classes * item.values["ipc"], params.recipe, epochs_of(protocol, params.evaluate))
        for protocol in params.evaluate.protocols
        if (protocol == "fresh") in wanted
    ]


def students(
    network: str, width: float, number: int, points: int, plan: Budget, *, tested: int, held_out: int
) -> Counts:
    """What `number` students of one architecture do under one budget.

    Args:
        network: architecture.
        width: fraction of its standard channels.
        number: students.
        points: times each is tested.
        plan: their budget.
        tested: images of the split that is read at every test point.
        held_out: images that are read at every point of the curve.
    """
    full, rest = divmod(plan.epoch_images, plan.batch)
    read, curve = (len(evenly_spaced(plan.steps, times)) for times in (points, CURVE_POINTS))
    counts: Counts = Counter({StudentStart(network, width): number})
    for batch, steps in ((plan.batch, full), (rest, 1 if rest else 0)):
        step = StudentStep(network, width, replace(plan, epochs=1, epoch_images=batch, batch=batch))
        counts[step] += number * plan.epochs * steps
    counts[ClassifiedImage(network, width)] += number * (read * tested + curve * held_out)
    return counts


def generated(plan: Budget, image_bytes: int) -> tuple[Counts, int]:
    """Blocks generated for students under protocol ``fresh``, and the bytes that lie on the device of them.

    The students are at the same block, or at two where one ends.
    """
    images = block_images(plan.epoch_images)
    blocks = math.ceil(plan.epochs * plan.epoch_images / images)
    return Counter({GeneratedBlock(images): blocks}), min(blocks, 2) * images * image_bytes


def block_images(epoch_images: int) -> int:
    """Images generated at once: whole epochs, about `BLOCK` images of them."""
    return max(1, BLOCK // epoch_images) * epoch_images


def selection(params: Params, shape: DataShape) -> Work:
    """The students that score the snapshots on the held-out images."""
    chosen, snapshots = params.generate, params.distill.snapshots
    plan = budget("fresh", shape.classes * SELECTION_IPC, params.recipe, chosen.select_epochs)
    counts = students(
        SELECTION_NETWORK, chosen.select_width, snapshots * chosen.select_students, 1, plan,
        tested=shape.held_out, held_out=shape.held_out,
    )  # fmt: skip
    blocks, kept = generated(plan, shape.image_bytes)
    for unit, count in blocks.items():
        counts[unit] += snapshots * count
    return _work(counts, ("held_out",), snapshots * kept)


def yardstick(params: Params, shape: DataShape) -> Work:
    """The network that images are judged by, and the images that it judges; distances are not counted."""
    quality = params.quality
    images = min(quality.images, shape.train // 2)
    plan = budget("whole", shape.train, params.recipe, quality_epochs(shape.train, params.recipe, quality.epochs))
    judged = images * (2 + len(params.sources))  # the reference and other real images, and those of every source
    counts = students(quality.network, quality.width, 1, 1, plan, tested=judged, held_out=0)
    counts[GeneratedBlock(images)] += len(params.sources)
    return _work(counts, ("train",))


def _work(counts: Counts, splits: tuple[str, ...] = (), kept_bytes: int = 0) -> Work:
    return Work(tuple((unit, count) for unit, count in counts.items() if count), splits, kept_bytes)
