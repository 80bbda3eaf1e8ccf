"""Counts by hand, and against what the loops really do."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gendistill.artifact.sampling import sample
from gendistill.data.resident import ResidentImages
from gendistill.estimate.counts import (
    ClassifiedImage,
    GanStep,
    GeneratedBlock,
    MatchStep,
    PoolDraw,
    StudentStart,
    StudentStep,
    Work,
    generated,
    ticks_within,
    work_of,
)
from gendistill.evaluation import apart, cells
from gendistill.evaluation import generated as fresh_images
from gendistill.evaluation.cells import run_cell
from gendistill.evaluation.controls import control_jobs
from gendistill.evaluation.generated import FreshGenerated
from gendistill.evaluation.inputs import Job, Splits
from gendistill.evaluation.protocols import budget
from gendistill.evaluation.sources import Stored
from gendistill.matching.pool import draw_member
from gendistill.matching.schedule import architecture
from gendistill.networks.generator import Generator
from gendistill.runtime.device import Compute
from gendistill.runtime.loop import Loop, Session


def by_batch(work):
    """Steps by (protocol, batch)."""
    return {(u.budget.protocol, u.budget.batch): n for u, n in work.counts if isinstance(u, StudentStep)}


def count_of(work, kind):
    return {unit: count for unit, count in work.counts if isinstance(unit, kind)}


# --- by hand


def test_the_gan_is_its_steps(make_params, make_item, digits):
    assert work_of(make_item("train_gan"), make_params(), digits) == Work(((GanStep(), 850),), ("train",))


def test_distillation_by_hand(make_params, make_item, digits, monkeypatch):
    """12 steps, a network every 5: a, b, a with 5, 5 and 2 steps. 12 < 200 ticks: every step ends one."""
    monkeypatch.setattr("gendistill.estimate.counts.architecture", lambda plan, draw, seed: "aba"[draw])
    work = work_of(make_item("distill", source="ours"), make_params(), digits)
    assert dict(work.counts) == {
        MatchStep("a", local=True, ratios=True): 7,
        MatchStep("b", local=True, ratios=True): 5,
        PoolDraw("a"): 2,
        PoolDraw("b"): 1,
    }
    assert work.splits == ("train",)


def test_few_steps_of_a_long_distillation_measure_ratios(make_params, make_item, digits):
    """1001 steps in ticks of 5: 200 ticks and the last step."""
    params = make_params({"distill.steps": 1001, "distill.redraw_steps": 100, "distill.pool": ["convnet3"]})
    assert dict(work_of(make_item("distill", source="ours"), params, digits).counts) == {
        MatchStep("convnet3", local=True, ratios=True): 201,
        MatchStep("convnet3", local=True, ratios=False): 800,
        PoolDraw("convnet3"): 11,
    }


def test_dim_has_no_local_term_and_cgan_no_steps(make_params, make_item, digits):
    dim = work_of(make_item("distill", source="dim"), make_params(), digits)
    assert {unit.local for unit in count_of(dim, MatchStep)} == {False}
    assert work_of(make_item("distill", source="cgan"), make_params(), digits) == Work()


@pytest.mark.parametrize(
    ("source", "weights"), [("ours", {"loss.omega_g": 0.0, "loss.omega_l": 0.0}), ("continued", {})]
)
def test_without_matching_no_network_is_drawn(make_params, make_item, digits, source, weights):
    work = work_of(make_item("distill", source=source), make_params(weights), digits)
    assert dict(work.counts) == {MatchStep(None, local=False, ratios=True): 12}


def test_a_cell_by_hand(make_params, make_item, digits):
    """IPC 10 is 100 images: one step an epoch under both protocols, five students each.

    A block is 1024 // 100 = 10 epochs, so 600 epochs are 60 blocks of 1000 images of 256 bytes, for all students.
    """
    work = work_of(make_item("evaluate", source="ours", network="convnet3", ipc=10), make_params(), digits)
    assert by_batch(work) == {("fresh", 100): 5 * 600, ("fixed", 100): 5 * 150}
    assert count_of(work, StudentStart) == {StudentStart("convnet3", 0.0625): 10}
    assert count_of(work, ClassifiedImage) == {ClassifiedImage("convnet3", 0.0625): 10 * (360 + 6 * 144)}
    assert count_of(work, GeneratedBlock) == {GeneratedBlock(1000): 60}
    assert work.kept_bytes == 2 * 1000 * 256
    assert work.splits == ("held_out", "test")


def test_an_incomplete_last_batch_is_a_unit_of_its_own(make_params, make_item, digits):
    """1293 images are 10 batches of 128 and one of 13; each epoch has both, 15 epochs, 5 students."""
    work = work_of(make_item("evaluate_whole", network="convnet3"), make_params(), digits)
    assert by_batch(work) == {("whole", 128): 5 * 15 * 10, ("whole", 13): 5 * 15}
    assert set(work.splits) == {"train", "held_out", "test"}


def test_controls_have_the_protocols_they_imitate(make_params, make_item, digits):
    params = make_params({"evaluate.protocols": ["fresh", "fixed", "fixed_plain"]})
    real = work_of(make_item("evaluate_real", network="convnet3", ipc=1), params, digits)
    random = work_of(make_item("evaluate_random", network="convnet3", ipc=1), params, digits)
    assert by_batch(real) == {("fresh", 10): 3000}
    assert by_batch(random) == {("fixed", 10): 750, ("fixed_plain", 10): 750}
    assert not count_of(real, GeneratedBlock)
    fresh_only = make_params({"evaluate.protocols": ["fresh"]})
    assert work_of(make_item("evaluate_random", network="convnet3", ipc=1), fresh_only, digits) == Work()


def test_every_test_point_reads_the_test_set(make_params, make_item, digits):
    params = make_params({"evaluate.test_points": 4, "evaluate.students": 1})
    work = work_of(make_item("evaluate_real", network="convnet3", ipc=1), params, digits)
    assert count_of(work, ClassifiedImage) == {ClassifiedImage("convnet3", 0.0625): 4 * 360 + 6 * 144}


def test_blocks_are_generated_once_and_two_are_there_at_a_time(make_params):
    """6 epochs of 500 images: blocks of 2 epochs, 3 of them; 1000 images of 10 bytes each."""
    recipe = make_params().recipe
    assert generated(budget("fresh", 500, recipe, 6), 10) == ({GeneratedBlock(1000): 3}, 20_000)
    assert generated(budget("fresh", 500, recipe, 2), 10) == ({GeneratedBlock(1000): 1}, 10_000)


def test_choosing_a_snapshot_by_hand(make_params, make_item, digits):
    """Two snapshots, three students each, 4 epochs of 100 images; scored on 144 images each time."""
    params = make_params({"generate.select": "held_out", "distill.snapshots": 2})
    work = work_of(make_item("package", source="ours"), params, digits)
    assert by_batch(work) == {("fresh", 100): 2 * 3 * 4}
    assert count_of(work, ClassifiedImage) == {ClassifiedImage("convnet3", 0.0625): 6 * 5 * 144}
    assert count_of(work, GeneratedBlock) == {GeneratedBlock(1000): 2}
    assert work.kept_bytes == 2 * 1000 * 256
    assert work_of(make_item("package", source="cgan"), params, digits) == Work()
    assert work_of(make_item("package", source="ours"), make_params(), digits) == Work()


def test_judging_by_hand(make_params, make_item, digits):
    """1293 images halve to 646: the reference, other real ones and two sources; 12 epochs of 10 batches and a rest."""
    changes = {"quality.images": 9999, "quality.epochs": 12, "quality.width": 0.25, "sources": ["cgan", "ours"]}
    work = work_of(make_item("quality"), make_params(changes), digits)
    assert by_batch(work) == {("whole", 128): 120, ("whole", 13): 12}
    assert count_of(work, ClassifiedImage) == {ClassifiedImage("convnet3", 0.25): 4 * 646}
    assert count_of(work, GeneratedBlock) == {GeneratedBlock(646): 2}
    assert work.splits == ("train",)


def test_a_stage_that_nobody_counts_has_no_work(make_params, make_item, digits):
    assert work_of(make_item("report"), make_params(), digits) == Work()


# --- against the loops


@settings(deadline=None)
@given(st.integers(1, 1500), st.integers(1, 1500), st.data())
def test_ticks_are_those_of_the_loop(steps, end, data):
    end = min(steps, end)
    start = data.draw(st.integers(0, end))
    loop = Loop("x", steps, (), Session())
    assert ticks_within(start, end, steps) == sum(loop.is_tick(step) for step in range(start + 1, end + 1))


def test_networks_are_drawn_as_the_pool_draws_them(make_params):
    plan = make_params().distill
    shape = {"channels": 1, "image_size": 16, "num_classes": 10, "device": torch.device("cpu")}
    for draw in range(6):
        assert architecture(plan, draw, 3) == draw_member(plan, draw, seed=3, **shape).name


def test_a_resident_pool_by_hand(make_params, make_item, digits):
    """12 steps, lives of 5 uses, places a, b, a: four uses each. The first lives last 5, 4 and 2 uses."""
    changes = {"distill.pool_kind": "resident", "distill.pool_size": 3}
    work = work_of(make_item("distill", source="ours"), make_params(changes), digits)
    first, second = "convnet3", "resnet10_half"
    assert dict(work.counts) == {
        MatchStep(first, local=True, ratios=True): 8,
        MatchStep(second, local=True, ratios=True): 4,
        PoolDraw(first): 3,
        PoolDraw(second): 1,
    }


def random_images(count):
    stream = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 1, 16, 16), dtype=torch.uint8, generator=stream)
    return ResidentImages(images, torch.arange(count) % 10, torch.tensor([0.5]), torch.tensor([0.25]))


@pytest.mark.parametrize("stage", ["evaluate", "evaluate_real", "evaluate_random", "evaluate_whole"])
def test_a_cell_does_what_was_counted(stage, make_params, make_item, digits, monkeypatch):
    """Spies in `run_cell` count steps by batch, images tested and blocks generated."""
    shape = replace(digits, train=70, held_out=6, test=15)
    params = make_params({
        "evaluate.students": 2, "evaluate.fresh_epochs": 70, "evaluate.fixed_epochs": 2, "evaluate.whole_epochs": 2,
        "evaluate.test_points": 2, "recipe.fresh_batch": 16, "recipe.fixed_batch": 16, "recipe.whole_batch": 32,
    })  # fmt: skip
    done = Counter()
    train_step = apart.train_step
    monkeypatch.setattr(apart, "train_step", lambda student, images, *rest: (
        done.update([("step", rest[1].protocol, len(images))]), train_step(student, images, *rest))[1])  # fmt: skip
    for name in ("accuracy", "confusion"):
        monkeypatch.setattr(cells, name, lambda network, data, *rest, read=getattr(cells, name): (
            done.update({"tested": len(data)}), read(network, data, *rest))[1])  # fmt: skip
    monkeypatch.setattr(fresh_images, "sample", lambda generator, labels, draw: (
        done.update([("block", len(labels))]), sample(generator, labels, draw))[1])  # fmt: skip
    compute, train = Compute(torch.device("cpu"), "fp32", 1), random_images(shape.train)
    item = make_item(stage, network="convnet3", ipc=2)
    if stage == "evaluate":
        generator = Generator(channels=1, image_size=16, num_classes=10, width=4, latent=16).eval()
        fresh, fixed = (budget(name, 20, params.recipe, n) for name, n in (("fresh", 70), ("fixed", 2)))
        stored = Stored(random_images(20), fixed)
        jobs = {
            "fresh": Job(fresh, FreshGenerated(generator, train.mean, train.std, fresh, compute), 0),
            "fixed": Job(fixed, stored, 0),
        }
    else:
        jobs = control_jobs(stage.removeprefix("evaluate_"), train, 10, 2, params)
    splits = Splits(random_images(shape.test), random_images(shape.held_out), 10)
    run_cell("x", "convnet3", jobs, splits, params.evaluate, seed=0, compute=compute, session=Session(log_seconds=999))
    work = work_of(item, params, shape)
    expected = Counter({("step", *key): count for key, count in by_batch(work).items()})
    expected["tested"] = sum(count_of(work, ClassifiedImage).values())
    expected.update({("block", unit.images): count for unit, count in count_of(work, GeneratedBlock).items()})
    assert done == expected
