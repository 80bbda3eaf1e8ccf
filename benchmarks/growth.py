"""How cost grows: with images, resolution, classes, IPC and the pool; three sizes each, and the exponent between them.

``python -m benchmarks --only growth`` writes ``<device>-growth.json``. What is timed, all else fixed:

| axis | sizes | what is timed |
| --- | --- | --- |
| images | training images | a pass of a student over the whole training set (the control ``whole``) |
| resolution | pixels a side | a GAN step |
| classes | K | an epoch of a student under ``fresh``, 10 images of every class |
| ipc | images per class | an epoch of a student under ``fresh``, 10 classes |
| pool | networks | a distillation step, mean over the pool's members: each is drawn equally often |

A step's cost does not depend on the number of training images, and generation and augmentation count as part of an
epoch. The exponent is the slope of the least-squares line through log(size), log(seconds).
"""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich import box
from rich.table import Table

from benchmarks import distill_step, evaluate_students, gan_step
from benchmarks.inputs import CHANNELS, CLASSES, SEED, SIDE, Setting, quiet, random_images
from benchmarks.results import device_name, versions
from benchmarks.timing import relative_range, seconds
from gendistill.evaluation.generated import FreshGenerated
from gendistill.evaluation.protocols import Budget, budget
from gendistill.evaluation.sources import Source, Stored
from gendistill.evaluation.student import augment_stream, new_student, train_step
from gendistill.networks.generator import Generator
from gendistill.networks.registry import fresh_network
from gendistill.runtime.files import write_json
from gendistill.runtime.streams import seeded

POOL = ("convnet3", "resnet10_half", "resnet18_half")


@dataclass(frozen=True)
class Point:
    """The cost at one size.

    Attributes:
        size: along the axis.
        seconds: median.
        spread: (max - min) / median over the repeats.
    """

    size: int
    seconds: float
    spread: float


@dataclass(frozen=True, kw_only=True)
class Growth:
    """The cost along one axis.

    Attributes:
        name: ``growth_<axis>``.
        what: is timed.
        points: by size.
        exponent: of the size, by least squares.
        n: repeats at every size.
        device, precision, threads, versions: as in an entry of the results.
    """

    name: str
    what: str
    points: tuple[Point, ...]
    exponent: float
    n: int
    device: str
    precision: str
    threads: int
    versions: dict[str, str]


def exponent(sizes: Sequence[float], cost: Sequence[float]) -> float:
    """Slope of the least-squares line through (log size, log cost): p of cost = c size^p."""
    return statistics.linear_regression([math.log(x) for x in sizes], [math.log(y) for y in cost]).slope


def measure_growth(setting: Setting, *, quick: bool) -> list[Growth]:
    """Every axis in turn.

    Args:
        setting: device, parameters and repeats; sizes other than the axis's are those of `setting`.
        quick: sizes of a trial.
    """
    return [grown(setting, *axis) for axis in axes(setting, quick)]


def grown(setting: Setting, name: str, what: str, at: Callable[[int], float], sizes: Sequence[int]) -> Growth:
    """One axis: every size in turn, again and again, so that a load on the machine hits all sizes alike."""
    times: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(setting.repeats):
        for size in sizes:
            times[size].append(at(size))
    points = tuple(Point(size, statistics.median(each), relative_range(each)) for size, each in times.items())
    return Growth(
        name=f"growth_{name}",
        what=what,
        points=points,
        exponent=exponent([point.size for point in points], [point.seconds for point in points]),
        n=setting.repeats,
        device=device_name(setting.compute),
        precision=setting.compute.precision,
        threads=setting.compute.threads,
        versions=versions(),
    )


def axes(setting: Setting, quick: bool) -> Iterator[tuple[str, str, Callable[[int], float], Sequence[int]]]:
    """Name, what is timed, seconds at a size, sizes."""
    sides = (16, 32) if quick else (16, 32, 64)
    thousands = (16, 32, 64) if quick else (1000, 2000, 4000)
    yield "images", "a student's pass over the training set", lambda n: whole_pass(setting, n), thousands
    yield "resolution", "a GAN step", once(lambda side: gan_step.fast(at_side(setting, side)), setting), sides
    yield "classes", "a student's epoch under fresh, IPC 10", lambda k: fresh_epoch(setting, k, 10), (10, 20, 40)
    yield (
        "ipc",
        "a student's epoch under fresh, 10 classes",
        lambda ipc: fresh_epoch(setting, CLASSES, ipc),
        (1, 10, 50),
    )
    members = once(lambda i: distill_step.fast(in_network(setting, POOL[i])), setting)
    yield (
        "pool",
        f"a distillation step, mean over the first networks of {', '.join(POOL)}",
        lambda size: statistics.fmean(members(i) for i in range(size)),
        tuple(range(1, len(POOL) + 1)),
    )


def once(build: Callable[[int], Callable[[], object]], setting: Setting) -> Callable[[int], float]:
    """Seconds of one call of what is built for a size; built and warmed up the first time."""
    built: dict[int, Callable[[], object]] = {}

    def at(size: int) -> float:
        with quiet():
            if size not in built:
                built[size] = build(size)
                built[size]()
            return seconds(built[size], setting.compute.device)

    return at


def at_side(setting: Setting, side: int) -> Setting:
    """The setting with images of another size and one step a call."""
    data = random_images(4 * setting.sizes.gan_batch, setting.compute.device, side=side)
    return replace(setting, data=data, sizes=replace(setting.sizes, gan_steps=1))


def in_network(setting: Setting, network: str) -> Setting:
    """The setting with a pool of one network and one step a call."""
    distill = replace(setting.params.distill, pool=(network,))
    sizes = replace(setting.sizes, distill_steps=1)
    return replace(setting, params=replace(setting.params, distill=distill), sizes=sizes)


def whole_pass(setting: Setting, n: int) -> float:
    """Seconds of a student's pass over a set of `n` images, as the control ``whole`` trains it."""
    plan = budget("whole", n, setting.params.recipe, 1)
    return student_seconds(setting, plan, Stored(random_images(n, setting.compute.device), plan), CLASSES)


def fresh_epoch(setting: Setting, classes: int, ipc: int) -> float:
    """Mean seconds of an epoch under ``fresh`` over a block of epochs, whose images are drawn at once."""
    gan = setting.params.gan
    with seeded(SEED, "benchmarks", "generator"):
        generator = Generator(
            channels=CHANNELS, image_size=SIDE, num_classes=classes, width=gan.width, latent=gan.latent
        )
    generator = evaluate_students.deployed(generator, setting.compute.device)
    plan = budget("fresh", classes * ipc, setting.params.recipe, 1)
    source = FreshGenerated(generator, setting.data.mean, setting.data.std, plan, setting.compute)
    plan = replace(plan, epochs=source.epochs)
    source.budget = plan
    return student_seconds(setting, plan, source, classes) / plan.epochs


def student_seconds(setting: Setting, plan: Budget, source: Source, classes: int) -> float:
    """Seconds of one student's training, the drawing of its images included; its first step is not timed."""
    device, compute = setting.compute.device, setting.compute
    network = fresh_network(
        "convnet3",
        channels=CHANNELS,
        image_size=SIDE,
        num_classes=classes,
        width=setting.params.evaluate.width,
        device=device,
        seed=SEED,
    )
    student = new_student(network, plan)

    def train() -> None:
        source.start(SEED, 0)
        while student.step < plan.steps:
            images, labels = source.batch(student.step)
            train_step(student, images, labels, plan, augment_stream(compute.device, SEED, 0, student.step))

    source.start(SEED, 0)
    train_step(student, *source.batch(0), plan, augment_stream(device, SEED, 0, 0))
    student.step = 0
    source.start(SEED + 1, 0)  # forgets the images that were drawn
    return seconds(train, device)


def write_growth(path: Path, found: Sequence[Growth]) -> None:
    """Write the axes as JSON.

    Raises:
        UserError: the place cannot be written.
    """
    write_json(path, [asdict(growth) for growth in found])


def growth_table(found: Sequence[Growth]) -> Table:
    """The axes for a terminal."""
    result = Table(box=box.SIMPLE_HEAD, header_style="")
    for name in ("", "size: seconds", "exponent", "n"):
        result.add_column(name, justify="left" if name in ("", "size: seconds") else "right")
    for growth in found:
        points = ", ".join(f"{point.size}: {point.seconds:.4g}" for point in growth.points)
        result.add_row(growth.name.removeprefix("growth_"), points, f"{growth.exponent:.2f}", str(growth.n))
    return result
