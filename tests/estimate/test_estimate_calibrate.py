"""Every unit is done by the stage's own step function, on data of the stage's size."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from gendistill.data.resident import ResidentImages
from gendistill.estimate import calibrate, worker
from gendistill.estimate.calibrate import Calibration, random_images, time_unit
from gendistill.estimate.counts import (
    ClassifiedImage,
    GanStep,
    GeneratedBlock,
    MatchStep,
    PoolDraw,
    StudentStart,
    StudentStep,
    work_of,
)
from gendistill.estimate.timing import Timing
from gendistill.evaluation import apart, together
from gendistill.evaluation.protocols import budget
from gendistill.networks.base import Network
from gendistill.runtime.device import Compute
from gendistill.runtime.errors import UserError

CPU = Compute(torch.device("cpu"), "fp32", 1)


@pytest.fixture
def calibration(make_params, digits):
    return Calibration(make_params(), digits, ("train", "held_out", "test"), 1, CPU)


def spy(monkeypatch, module, name):
    """The calls of a function, which still does its work."""
    calls = []
    function = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *a, **k: (calls.append((a, k)), function(*a, **k))[1])
    return calls


def test_splits_lie_there_in_full_size(calibration):
    assert {name: len(split) for name, split in calibration.data.items()} == {
        "train": 1293, "held_out": 144, "test": 360,
    }  # fmt: skip
    train = calibration.data["train"]
    assert (train.images.shape, train.images.dtype) == ((1293, 1, 16, 16), torch.uint8)
    assert train.labels.bincount().tolist() == [130, 130, 130, 129, 129, 129, 129, 129, 129, 129]
    assert train.images.float().std() > 60  # noise, not one value


def test_an_empty_split_is_empty(digits):
    assert len(random_images(digits, 0, CPU.device)) == 0


def test_a_gan_step_is_the_stages(calibration, monkeypatch):
    calls = spy(monkeypatch, calibrate.gan, "train_step")
    call, times = calibration.action(GanStep())
    call()
    call()
    assert times == 1
    assert calibration.state.step == len(calls) == 2
    assert calls[0][0][1] is calibration.data["train"]


@pytest.mark.parametrize(
    ("network", "local", "ratios"),
    [("convnet3", True, True), ("convnet3", False, False), ("resnet10_half", True, False)],
)
def test_a_match_step_is_in_the_network_named(calibration, monkeypatch, network, local, ratios):
    calls = spy(monkeypatch, calibrate.matching, "train_step")
    call, _ = calibration.action(MatchStep(network, local, ratios))
    for _ in range(6):  # beyond distill.redraw_steps
        call()
    (_, pool, data, _, recipe, *_), options = calls[0]
    assert (pool.members[0].name, pool.members[0].draw, options["measure"]) == (network, 0, ratios)
    assert (recipe.loss.omega_l > 0) == local
    assert data is calibration.data["train"]
    assert pool.members[0].optimizer.state  # inner steps were taken


def test_without_matching_no_pool_is_asked(make_params, digits, monkeypatch):
    params = make_params({"loss.omega_g": 0.0, "loss.omega_l": 0.0})
    calls = spy(monkeypatch, calibrate.matching, "train_step")
    Calibration(params, digits, ("train",), 1, CPU).action(MatchStep(None, False, False))[0]()
    assert calls[0][0][1].members == {}


def test_networks_are_built_as_they_will_be(calibration):
    member = calibration.action(PoolDraw("resnet10_half"))[0]()
    assert member.name == "resnet10_half"
    student = calibration.action(StudentStart("convnet3", 0.0625))[0]()
    assert isinstance(student, Network)


def test_a_student_step_has_the_batch_and_the_augmentation_of_its_budget(calibration, make_params, monkeypatch):
    plan = budget("fixed", 40, make_params().recipe, 1)
    calls = spy(monkeypatch, apart, "train_step")
    call, _ = calibration.action(StudentStep("convnet3", 0.0625, plan))
    for _ in range(3):
        call()
    assert [args[1].shape[0] for args, _ in calls] == [40, 40, 40]
    assert calls[0][0][3] is plan
    assert calls[0][0][0].step == 3


def test_images_are_tested_in_the_stages_batches(calibration, monkeypatch):
    calls = spy(monkeypatch, calibrate.students, "accuracy")
    call, times = calibration.action(ClassifiedImage("convnet3", 0.0625))
    call()
    assert times == len(calls[0][0][1]) == 360
    monkeypatch.setattr(calibrate.students, "TEST_BATCH", 100)
    assert calibration.action(ClassifiedImage("convnet3", 0.0625))[1] == 100


def test_held_out_images_stand_in_where_no_test_set_is_read(make_params, digits):
    calibration = Calibration(make_params(), digits, ("held_out",), 1, CPU)
    assert calibration.action(ClassifiedImage("convnet3", 0.0625))[1] == 144


def test_a_block_is_generated_anew_each_time(calibration, monkeypatch):
    from gendistill.evaluation import generated

    calls = spy(monkeypatch, generated, "sample")
    call, _ = calibration.action(GeneratedBlock(1000))
    call()
    call()
    assert [len(args[1]) for args, _ in calls] == [1000, 1000]


def test_costs_are_per_unit(calibration, monkeypatch):
    """360 images in 36 s are 0.1 s each, and what is known of one is told of a pass."""
    asked = []
    monkeypatch.setattr(calibrate, "time_call", lambda call, wait, known: (asked.append(known), Timing(36.0, 72.0))[1])
    assert time_unit(calibration, ClassifiedImage("convnet3", 0.0625), None) == Timing(pytest.approx(0.1), 72.0)
    time_unit(calibration, ClassifiedImage("convnet3", 0.0625), 0.1)
    assert asked == [None, pytest.approx(36.0)]


# --- the worker around it


@pytest.fixture
def quick(monkeypatch):
    """Each unit is done once, and took a second."""
    monkeypatch.setattr(calibrate, "time_call", lambda call, wait, known: (call(), wait(), Timing(1.0, 3.0))[2])


@pytest.mark.usefixtures("quick")
def test_every_unit_of_an_item_has_a_cost(make_params, make_item, digits):
    params = make_params({"generate.select": "held_out", "distill.snapshots": 2})
    for item in (
        make_item("train_gan"), make_item("distill", source="ours"), make_item("package", source="ours"),
        make_item("generate", source="ours", ipc=10),
        make_item("evaluate", source="ours", network="convnet3", ipc=10),
        make_item("evaluate_whole", network="convnet3"), make_item("quality"),
    ):  # fmt: skip
        work = work_of(item, params, digits)
        reply = worker.calibrate(item, params, digits, {})
        assert set(reply["costs"]) == {repr(unit) for unit, _ in work.counts}
        assert reply["spent"] == 3.0 * len(work.counts)
        assert reply["compute"]["device"] == "cpu"


@pytest.mark.usefixtures("quick")
def test_kept_images_are_added_to_the_peak(make_params, make_item, digits, monkeypatch):
    monkeypatch.setattr(worker, "peak_memory", lambda device: 5)
    item = make_item("evaluate", source="ours", network="convnet3", ipc=10)
    assert worker.calibrate(item, make_params(), digits, {})["peak_memory_bytes"] == 5 + 2 * 1000 * 256
    assert worker.calibrate(make_item("train_gan"), make_params(), digits, {})["peak_memory_bytes"] == 5


def test_too_little_memory_is_told(make_params, make_item, digits, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("much text")

    monkeypatch.setattr(calibrate, "time_unit", full)
    with pytest.raises(UserError, match=r"^train_gan: the memory of cpu does not suffice for it; lower"):
        worker.calibrate(make_item("train_gan"), make_params(), digits, {})


def test_random_images_are_like_prepared_ones(digits):
    assert isinstance(random_images(digits, 3, CPU.device), ResidentImages)


@pytest.mark.parametrize("students", [1, 3])
def test_students_trained_together_share_a_step(make_params, digits, monkeypatch, students):
    """The cost of a student's step is its share of the step that all take."""
    calls = spy(monkeypatch, together, "train_step_together")
    params = make_params()
    plan = replace(budget("fixed", 100, params.recipe, 1), epochs=1)
    calibration = Calibration(params, digits, ("test",), students, replace(CPU, students="together"))
    call, times = calibration.action(StudentStep("convnet3", 0.0625, plan))
    call()
    assert times == students
    assert len(calls) == (students > 1)
    if calls:
        stacked, batches, *_ = calls[0][0]
        assert len(batches) == students
        assert next(iter(stacked.parameters.values())).shape[0] == students


@pytest.mark.parametrize(("students", "threads", "times"), [(5, 2, 10), (3, 3, 3), (2, 4, 2), (4, 3, 12), (5, 1, 5)])
def test_students_apart_are_timed_with_every_thread_busy(make_params, digits, monkeypatch, students, threads, times):
    calls = spy(monkeypatch, apart, "train_step")
    params = make_params()
    compute = replace(CPU, threads=threads, students="apart")
    calibration = Calibration(params, digits, ("test",), students, compute)
    call, counted = calibration.action(StudentStep("convnet3", 0.0625, budget("fixed", 20, params.recipe, 1)))
    call()
    assert counted == times == len(calls)
    trained = Counter(id(args[0]) for args, _ in calls)  # whichever thread is first
    assert sorted(trained.values()) == [times // students] * students


def test_of_a_split_that_is_streamed_few_images_are_held(make_params, digits):
    params = make_params({"runtime.resident_limit_mib": 1})  # 4096 images of 256 bytes
    many = replace(digits, train=4097, test=4096)
    calibration = Calibration(params, many, ("train", "test"), 1, CPU)
    assert (len(calibration.data["train"]), len(calibration.data["test"])) == (2048, 4096)
