"""Students trained together: each ends where it would have ended alone, whatever becomes of the others."""

import copy
import math
from dataclasses import replace

import pytest
import torch

from gendistill.config.catalogue.networks import NETWORKS
from gendistill.evaluation import apart, cells
from gendistill.evaluation import together as module
from gendistill.evaluation.cells import run_cell
from gendistill.evaluation.generated import FreshGenerated
from gendistill.evaluation.inputs import Job
from gendistill.evaluation.sources import FreshReal, Stored
from gendistill.evaluation.student import augment_stream, new_student, train_step
from gendistill.evaluation.team import side_by_side
from gendistill.evaluation.together import stack_students, train_step_together
from gendistill.networks.registry import fresh_network
from gendistill.runtime.checkpoint import fingerprint
from gendistill.runtime.errors import Stopped, UserError
from gendistill.runtime.loop import Session

STEPS = 24
ENLARGED = {"resnet18": 2}  # at 16 x 16 it normalises 2 x 2 maps, which turns 1e-16 into 1e-2 within 24 steps
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, needs_cuda])]


@pytest.fixture
def run(compute, evaluate_params, make_splits):
    def go(jobs, *, form="together", session=None, network="convnet3", threads=2, **changes):
        return run_cell(
            "cell", network, jobs, make_splits(), replace(evaluate_params, **changes),
            seed=0, compute=replace(compute, students=form, threads=threads),
            session=session or Session(log_seconds=3600),
        )  # fmt: skip

    return go


def networks_of(name, dtype, device="cpu", students=3):
    """Small networks of one architecture, each with weights of its own."""
    shape = {
        "channels": 1,
        "image_size": 16 * ENLARGED.get(name, 1),
        "num_classes": 4,
        "width": 0.0625,
        "device": device,
    }
    return [fresh_network(name, **shape, seed=seed).to(dtype) for seed in range(students)]


def source_of(name, data, budget, dtype, device="cpu"):
    """Stored images that come out as `dtype`, of the side that the architecture `name` is built for here."""
    images = data.images.repeat_interleave(ENLARGED.get(name, 1), 2).repeat_interleave(ENLARGED.get(name, 1), 3)
    parts = images, data.labels, data.mean.to(dtype), data.std.to(dtype)
    return Stored(type(data)(*(part.to(device) for part in parts)), budget)


def alone(networks, source, budget, steps=STEPS):
    """Losses (steps, N) of networks trained one after another; the networks are trained in place."""
    losses = []
    for number, network in enumerate(networks):
        student, draws = new_student(network, budget), (augment_stream(source.device, 0, number, i) for i in range(999))
        source.start(0, number)
        losses.append(torch.stack([train_step(student, *source.batch(i), budget, next(draws)) for i in range(steps)]))
    return torch.stack(losses, dim=1)


def together(networks, source, budget, steps=STEPS):
    """The same together: losses (steps, N) and the stack."""
    students, sources = stack_students(networks, budget), side_by_side(source, 0, len(networks))
    losses = []
    for step in range(steps):
        draws = [augment_stream(source.device, 0, number, step) for number in range(len(networks))]
        losses.append(train_step_together(students, [own.batch(step) for own in sources], budget, draws))
    return torch.stack(losses), students


def values_of(networks):
    """All parameters and buffers of each network in a row, (N, p)."""
    return torch.stack([torch.cat([v.double().flatten() for v in each.state_dict().values()]) for each in networks])


def members(students, count=3):
    return [copy.deepcopy(students.member(number)) for number in range(count)]


# --- each as if alone


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("name", "semantics"), [*((name, "diffaug") for name in NETWORKS), ("convnet3", "dsa")])
def test_in_float64_each_student_is_the_one_trained_alone(bars, make_budget, name, semantics, device):
    """Momentum, weight decay and a schedule; 24 steps; weights and the running statistics of batch norm."""
    changes = {"augment": "color_crop", "semantics": semantics, "schedule": "cosine", "epochs": 6}
    budget = make_budget(32, 8, weight_decay=0.01, **changes)
    source = source_of(name, bars, budget, torch.float64, device)
    ones = networks_of(name, torch.float64, device)
    losses, students = together(ones, source, budget)
    torch.testing.assert_close(losses, alone(ones, source, budget), rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(values_of(members(students)), values_of(ones), rtol=1e-6, atol=1e-8)
    assert not torch.allclose(losses[0, 0], losses[0, 1])


@pytest.mark.parametrize("name", ["convnet3", "alexnet", "resnet10_half"])
def test_in_float32_the_difference_is_that_of_float32_itself(bars, make_budget, name):
    """Held against how far a student alone in float32 is from itself in float64: rounding grows as training goes on."""
    budget = make_budget(32, 8, augment="crop", schedule="half", epochs=6)
    single, double = torch.float32, torch.float64
    ones, exact = networks_of(name, single), networks_of(name, double)
    losses, students = together(ones, source_of(name, bars, budget, single), budget)
    plain = alone(ones, source_of(name, bars, budget, single), budget)
    truth = alone(exact, source_of(name, bars, budget, double), budget)
    torch.testing.assert_close(losses[:2], plain[:2], rtol=1e-4, atol=1e-5)
    for mine, theirs, right in (
        (losses, plain, truth),
        (values_of(members(students)), values_of(ones), values_of(exact)),
    ):
        assert (mine - theirs).norm() <= 10 * (theirs - right).norm()


def test_a_student_that_goes_astray_leaves_the_others_alone(bars, make_budget):
    budget = make_budget(32, 8)
    source, ones = source_of("resnet10_half", bars, budget, torch.float32), networks_of("resnet10_half", torch.float32)
    losses, students = together(ones, source, budget, steps=4)
    torch.nn.init.constant_(ones[1].classifier.weight, math.inf)
    poisoned, others = together(ones, source, budget, steps=4)
    assert not poisoned[:, 1].isfinite().any()
    assert torch.equal(poisoned[:, [0, 2]], losses[:, [0, 2]])
    assert torch.equal(values_of(members(others))[[0, 2]], values_of(members(students))[[0, 2]])


def test_networks_that_are_stacked_keep_their_values(bars, make_budget):
    budget = make_budget(32, 8)
    ones = networks_of("resnet10_half", torch.float32)
    before = values_of(ones)
    _, students = together(ones, source_of("resnet10_half", bars, budget, torch.float32), budget, steps=2)
    assert torch.equal(values_of(ones), before)
    assert all(module.training for module in students.member(0).modules())
    assert [int(value) for value in students.buffers["stages.stem.1.num_batches_tracked"]] == [2, 2, 2]


# --- the streams of each


@pytest.fixture
def three_sources(bars, painter, make_budget, compute):
    """Jobs of every kind of source, two blocks long."""
    fresh = make_budget(8, 8, epochs=130)
    small = replace(fresh, epochs=2)
    return {
        "stored": Job(small, Stored(bars, small), 1),
        "real": Job(small, FreshReal(bars, 4, small), 1),
        "fresh": Job(fresh, FreshGenerated(painter, bars.mean, bars.std, fresh, compute), 1),
    }


def test_every_student_sees_the_images_and_the_augmentation_it_sees_alone(run, three_sources, monkeypatch):
    """Weights, batches and random streams reach the two kinds of step equal to the last bit, in their order."""
    seen = {"apart": {0: [], 1: []}, "together": {0: [], 1: []}}

    def note(form, number, images, labels, draw, weights):
        seen[form][number].append((images, labels, draw.initial_seed(), weights))

    def step_alone(student, images, labels, budget, draw):
        number = alone_of.setdefault(id(student), len(alone_of) % 2)
        kept.append(student)  # so that no other gets its id
        weights = student.network.classifier.weight.detach().clone()
        note("apart", number, images, labels, draw, weights)
        student.step += 1
        return torch.zeros(())

    def step_together(students, batches, budget, draws):
        for number, ((images, labels), draw) in enumerate(zip(batches, draws, strict=True)):
            note("together", number, images, labels, draw, students.member(number).classifier.weight.detach().clone())
        students.step += 1
        return torch.zeros(2)

    alone_of, kept = {}, []
    monkeypatch.setattr(apart, "train_step", step_alone)
    monkeypatch.setattr(module, "train_step_together", step_together)
    for form in seen:
        run(three_sources, form=form, threads=1)  # the spy is not made for two workers
    for number in range(2):
        for mine, theirs in zip(seen["together"][number], seen["apart"][number], strict=True):
            assert torch.equal(mine[0], theirs[0])
            assert torch.equal(mine[1], theirs[1])
            assert mine[2] == theirs[2]
            assert torch.equal(mine[3], theirs[3])
    assert len(seen["together"][0]) == 2 + 2 + 130


def test_images_are_generated_once_for_all_students(bars, painter, make_budget, compute):
    """All students are at the same block."""
    budget, calls = make_budget(8, 8, epochs=300), []
    painter.register_forward_hook(lambda *_: calls.append(1))
    sources = side_by_side(FreshGenerated(painter, bars.mean, bars.std, budget, compute), 0, 3)
    students = stack_students(networks_of("convnet3", torch.float32), budget)
    for until in range(1, budget.steps + 1):
        assert students.train(sources, budget, 0, until).shape == (1, 3)
    assert len(calls) == 3  # blocks of 128 epochs


# --- a whole cell


def test_a_cell_gives_the_same_scores(run, make_job, monkeypatch):
    """Equal counts of right answers after few steps; test points change nothing that is trained."""
    jobs = {"fixed": make_job(epochs=2, augment="crop"), "plain": make_job(batch=16, epochs=2)}
    expected = run(jobs, form="apart", network="resnet10_half", test_points=2, students=3)
    assert run(jobs, network="resnet10_half", test_points=2, students=3) == expected
    assert len(set(expected["fixed"]["accuracies"])) > 1


@pytest.mark.parametrize("stop_after", [3, 8, 9])
def test_resumed_equals_straight(run, make_job, make_session, tmp_path, monkeypatch, stop_after):
    """Two protocols of 8 steps, stopped within one, between the two, and after one step of the second; to the bit."""
    jobs = {"fixed": make_job(epochs=2, augment="crop", schedule="half"), "plain": make_job(epochs=2)}
    ended, confusion = [], cells.confusion
    monkeypatch.setattr(cells, "confusion", lambda network, *rest: (
        ended.append(values_of([network])), confusion(network, *rest))[1])  # fmt: skip
    straight = run(jobs, network="resnet10_half", test_points=2)
    with pytest.raises(Stopped, match=f"cell: stopped by the test after step {2 * stop_after} of 32"):
        run(jobs, network="resnet10_half", test_points=2, session=make_session(tmp_path, stop_after))
    with pytest.raises(Stopped, match=f"after step {2 * stop_after + 4} of 32"):
        run(jobs, network="resnet10_half", test_points=2, session=make_session(tmp_path, 2))
    assert run(jobs, network="resnet10_half", test_points=2, session=make_session(tmp_path)) == straight
    assert torch.equal(torch.cat(ended[:8]), torch.cat(ended[8:]))  # two points, students and protocols


def test_a_loss_that_is_not_finite_is_named_by_its_student(run, make_job, monkeypatch):
    build = cells.build_student

    def poisoned(network, number, *rest):
        student = build(network, number, *rest)
        if number == 1:
            torch.nn.init.constant_(student.network.classifier.weight, math.nan)
        return student

    monkeypatch.setattr(cells, "build_student", poisoned)
    with pytest.raises(UserError, match=r"cell: the loss is not finite at step 3 \(terms: student 2\)"):
        run({"fixed": make_job()}, students=3)


def test_too_little_memory_names_the_way_out(run, make_job, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "train_step_together", full)
    monkeypatch.setattr(apart, "train_step", full)
    message = (
        "cell: 2 students of convnet3 trained together do not fit the memory of cpu; set runtime.students to apart"
    )
    with pytest.raises(UserError, match=message):
        run({"fixed": make_job()})
    with pytest.raises(torch.OutOfMemoryError):
        run({"fixed": make_job()}, form="apart")


def test_one_student_is_not_stacked(run, make_job, monkeypatch):
    monkeypatch.setattr(cells, "stack_students", lambda *_, **__: pytest.fail("one student needs no stack"))
    assert run({"fixed": make_job()}, students=1)["fixed"]["n"] == 1


def test_neither_form_finds_the_checkpoint_of_the_other(compute):
    keys = {fingerprint({}, [], replace(compute, students=form).describe()) for form in ("together", "apart")}
    assert len(keys) == 2
