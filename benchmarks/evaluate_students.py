"""Five ConvNet3 students under protocol ``fresh``: trained from scratch on generated images, tested on real ones.

Ours: ``gendistill.evaluation.cells.run_cell``, a cell of the result table. The five share the generated images, each
in an order of its own (docs/decisions.md, D30), so that a fifth as many are generated; every student trains on as
many as DiM's.

DiM: ``validate.validate`` with ConvNet3 named five times: one student after another, images generated for every step
in fp32, loss and accuracy read at every step, the test set through PIL and a DataLoader whose batches are those of
training.

Plain twin: `plain_students`.

All: batches of min(10 IPC, 100), the paper's optimiser, no more than a part of the 1000 epochs (the entry says how
many). A whole run tests five times on 10,000 images; a call tests once, on 50 images for every epoch, which is the
same share. Below 200 epochs DiM's test loader gets no workers: their start would weigh more than in a whole run.
"""

from collections.abc import Callable

import torch

from benchmarks.inputs import CHANNELS, CLASSES, SEED, Setting, random_images
from benchmarks.plain import augment, cross_entropy, plain_sgd, standardised
from benchmarks.results import PLAIN, Entry
from gendistill.data.resident import ResidentImages
from gendistill.evaluation.cells import run_cell
from gendistill.evaluation.generated import FreshGenerated
from gendistill.evaluation.inputs import Job, Splits
from gendistill.evaluation.protocols import Budget, budget
from gendistill.networks.generator import Generator
from gendistill.networks.registry import fresh_network
from gendistill.runtime.device import Compute
from gendistill.runtime.loop import Session
from gendistill.runtime.seeds import derive_seed
from gendistill.runtime.streams import generator as stream
from gendistill.runtime.streams import seeded

WHOLE_EPOCHS, WHOLE_TESTS, WHOLE_TEST_SET = 1000, 5, 10_000


def measure(setting: Setting, name: str) -> Entry:
    ipc = int(name.rpartition("ipc")[2])
    epochs, plan = setting.sizes.epochs[ipc], budget_of(setting, ipc)
    tested = test_images(epochs)
    what = (
        f"5 ConvNet3 students, fresh, IPC {ipc}, {epochs} of {WHOLE_EPOCHS} epochs "
        f"({plan.steps} steps of {plan.batch} images each), tested once on {tested} images"
    )
    if setting.reference is None:
        return setting.measure(name, what, fast(setting, ipc), plain(setting, ipc), f"{PLAIN}, fp32")
    theirs = setting.reference.evaluation(ipc, plan.batch, epochs, tested)
    return setting.measure(name, what, fast(setting, ipc), theirs, setting.reference.describe("validate.validate"))


def test_images(epochs: int) -> int:
    """Test images of one call, in a whole run's proportion of testing to training."""
    return min(WHOLE_TEST_SET, WHOLE_TESTS * WHOLE_TEST_SET * epochs // WHOLE_EPOCHS)


test_images.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it


def budget_of(setting: Setting, ipc: int) -> Budget:
    """The budget of protocol ``fresh`` with the epochs of a call."""
    return budget("fresh", CLASSES * ipc, setting.params.recipe, setting.sizes.epochs[ipc])


def fresh_generator(setting: Setting) -> Generator:
    """An untrained generator; every call gives the same weights."""
    gan = setting.params.gan
    with seeded(SEED, "benchmarks", "generator"):
        return Generator(
            channels=CHANNELS,
            image_size=setting.data.images.shape[2],
            num_classes=CLASSES,
            width=gan.width,
            latent=gan.latent,
            conditioning=gan.conditioning,
        )


def deployed(network: Generator, device: torch.device) -> Generator:
    """A generator as ``artifact.sampling.load_generator`` hands it out."""
    network.to(device).to(memory_format=torch.channels_last)
    return network.eval().requires_grad_(False)


def source_of(setting: Setting, ipc: int, generator: Generator, compute: Compute) -> FreshGenerated:
    """New images at every step."""
    return FreshGenerated(generator, setting.data.mean, setting.data.std, budget_of(setting, ipc), compute)


def splits_of(setting: Setting, ipc: int) -> Splits:
    """Random test images, and none held out."""
    device = setting.compute.device
    test = random_images(test_images(setting.sizes.epochs[ipc]), device, side=setting.data.images.shape[2])
    none = ResidentImages(test.images[:0], test.labels[:0], test.mean, test.std)
    return Splits(test=test, held_out=none, num_classes=CLASSES)


def fast(setting: Setting, ipc: int) -> Callable[[], list[float]]:
    """A cell of five students; gives their accuracies."""
    generator, splits = deployed(fresh_generator(setting), setting.compute.device), splits_of(setting, ipc)

    def call() -> list[float]:
        source = source_of(setting, ipc, generator, setting.compute)
        job = Job(budget_of(setting, ipc), source, stored_bytes=0)
        result = run_cell(
            "benchmark",
            "convnet3",
            {"fresh": job},
            splits,
            setting.params.evaluate,
            seed=SEED,
            compute=setting.compute,
            session=Session(log_seconds=float("inf")),
        )
        accuracies: list[float] = result["fresh"]["accuracies"]
        return accuracies

    return call


def plain(setting: Setting, ipc: int) -> Callable[[], list[float]]:
    """The same students one after another; gives their accuracies."""
    generator = fresh_generator(setting).to(setting.compute.device).eval().requires_grad_(False)
    splits = splits_of(setting, ipc)
    return lambda: [accuracy for accuracy, _ in plain_students(setting, ipc, generator, splits)]


def plain_students(setting: Setting, ipc: int, generator: Generator, splits: Splits) -> list[tuple[float, list[float]]]:
    """The twin of a cell in fp32: nothing shared, images augmented one by one, losses read at every step.

    Returns:
        Every student's accuracy and its losses step by step.
    """
    plan, device = budget_of(setting, ipc), setting.compute.device
    results = []
    for number in range(setting.params.evaluate.students):
        network = fresh_network(
            "convnet3",
            channels=CHANNELS,
            image_size=setting.data.images.shape[2],
            num_classes=CLASSES,
            width=setting.params.evaluate.width,
            device=device,
            seed=derive_seed(SEED, "student", number, "init"),
        )
        optimizer = plain_sgd(network, plan.lr, plan.momentum, plan.weight_decay)
        source = source_of(setting, ipc, generator, setting.plain)
        source.start(SEED, number)
        losses = []
        for step in range(plan.steps):
            images, labels = source.batch(step)
            draw = stream(device, SEED, "student", number, "augment", step)
            loss = cross_entropy(network(augment(images, plan.augment, draw, shared=False)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            index = torch.arange(len(splits.test), device=device)
            predicted = torch.cat([network(standardised(splits.test, part)).argmax(1) for part in index.split(100)])
        results.append((float((predicted == splits.test.labels).double().mean()), losses))
    return results
