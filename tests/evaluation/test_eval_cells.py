"""A whole cell: the same students everywhere, the same scale in training and testing, resuming, and honesty."""

from dataclasses import replace

import pytest
import torch

from gendistill.evaluation import apart, inputs
from gendistill.evaluation import cells as module
from gendistill.evaluation.cells import run_cell
from gendistill.evaluation.generated import FreshGenerated
from gendistill.evaluation.inputs import Job, Splits, load_splits
from gendistill.evaluation.sources import FreshReal, Stored
from gendistill.networks.base import Network
from gendistill.runtime.errors import Stopped
from gendistill.runtime.loop import Session


@pytest.fixture
def run(compute, evaluate_params, make_splits):
    def go(jobs, *, splits=None, session=None, seed=0, network="convnet3", **changes):
        return run_cell(
            "cell", network, jobs, splits or make_splits(), replace(evaluate_params, **changes),
            seed=seed, compute=compute, session=session or Session(log_seconds=3600),
        )  # fmt: skip

    return go


def test_students_start_from_equal_weights_everywhere(run, bars, painter, make_job, make_budget, monkeypatch, compute):
    fresh, real = make_budget(8, 8), make_budget(8, 8)
    jobs = {
        "stored": make_job(batch=16, protocol="fixed", lr=0.5, augment="crop"),
        "fresh": Job(fresh, FreshGenerated(painter, bars.mean, bars.std, fresh, compute), 1),
        "real": Job(real, FreshReal(bars, 4, real), 1),
    }
    first, new_team = [], module.build_team

    def spy(students, *rest):
        first.extend(torch.cat([v.detach().flatten() for v in each.network.parameters()]) for each in students)
        return new_team(students, *rest)

    monkeypatch.setattr(module, "build_team", spy)
    run(jobs)
    assert len(first) == 6
    for number in range(2):  # student by student within a protocol
        assert torch.equal(first[number], first[2 + number])
        assert torch.equal(first[number], first[4 + number])
    assert not torch.equal(first[0], first[1])
    first.clear()
    for seed in (0, 1):
        run({"stored": make_job()}, students=1, seed=seed)
    assert not torch.equal(first[0], first[1])


def test_training_and_test_images_have_one_scale(run, bars, make_job, monkeypatch):
    """The same images as training and as test set: the same numbers reach the network."""
    shown = {True: set(), False: set()}
    forward = Network.forward

    def look(network, images):
        shown[network.training].update(images.flatten().tolist())
        return forward(network, images)

    monkeypatch.setattr(Network, "forward", look)
    run({"stored": make_job()}, splits=Splits(bars, bars, 4), students=1)
    assert shown[True] == shown[False]
    assert shown[True]


def test_every_image_is_tested_once_a_student_and_held_out_ones_too(run, make_job, make_splits, monkeypatch):
    tested, splits = [], make_splits()
    for name in ("accuracy", "confusion"):
        read = getattr(module, name)
        monkeypatch.setattr(module, name, lambda network, data, *rest, read=read: (
            tested.append("test" if data is splits.test else "held out" if data is splits.held_out else "other"),
            read(network, data, *rest))[1])  # fmt: skip
    job = make_job(epochs=3)
    found = run({"stored": job}, splits=splits)["stored"]
    assert tested == ["held out"] * 5 * 2 + ["test"] * 2 + ["held out"] * 2  # two students, point by point
    assert found["held_out_curve"]["steps"] == [job.budget.steps * k // 6 for k in range(1, 7)]
    assert found["held_out_curve"]["mean"][-1] == found["held_out_mean"]


def test_counts_of_the_test_images_are_those_of_the_accuracies(run, make_job, make_splits):
    splits = make_splits()
    found = run({"stored": make_job()}, splits=splits)["stored"]
    counts = torch.tensor(found["confusion"])
    assert counts.sum(1).tolist() == (2 * torch.bincount(splits.test.labels, minlength=4)).tolist()  # two students
    assert counts.trace() / counts.sum() == pytest.approx(found["mean"], abs=1e-6)


def test_test_points_change_nothing_that_is_reported(run, make_job):
    plain = run({"stored": make_job(epochs=5)}, network="resnet10_half")["stored"]
    pointed = run({"stored": make_job(epochs=5)}, network="resnet10_half", test_points=5)["stored"]
    best = pointed.pop("best_of_test_points")
    assert pointed == plain
    assert best >= plain["mean"]


def test_no_held_out_images_give_none(run, make_job, make_splits):
    assert run({"stored": make_job()}, splits=make_splits(held_out=0), students=1)["stored"]["held_out_mean"] is None


@pytest.mark.parametrize("stop_after", [3, 8, 11])
def test_resumed_equals_straight(
    run, bars, painter, make_job, make_budget, make_session, tmp_path, stop_after, compute
):
    """Two students of 8 steps under either protocol: stopped within one protocol, between the two, in the second."""

    def jobs():
        fresh = make_budget(8, 8, epochs=8)
        return {
            "stored": make_job(epochs=2, augment="crop", schedule="half"),
            "fresh": Job(fresh, FreshGenerated(painter, bars.mean, bars.std, fresh, compute), 1),
        }

    straight = run(jobs(), network="resnet10_half", test_points=2)
    with pytest.raises(Stopped, match=f"cell: stopped by the test after step {2 * stop_after} of 32"):
        run(jobs(), network="resnet10_half", test_points=2, session=make_session(tmp_path, stop_after))
    with pytest.raises(Stopped, match=f"after step {2 * stop_after + 4} of 32"):
        run(jobs(), network="resnet10_half", test_points=2, session=make_session(tmp_path, 2))
    resumed = run(jobs(), network="resnet10_half", test_points=2, session=make_session(tmp_path))
    assert resumed == straight
    assert straight["stored"]["n"] == straight["fresh"]["n"] == 2


@pytest.mark.parametrize("stop_after", [5, 11])
def test_streamed_equals_resident_also_resumed(
    run, bars, make_job, make_budget, make_splits, make_streamed, make_session, reading, tmp_path, stop_after
):
    """Training, test and held-out images, streamed after resident ones."""

    def jobs(train):
        stored, real = make_budget(32, 8, epochs=2), make_budget(8, 8, epochs=8)
        return {"stored": Job(stored, Stored(train, stored), 1), "real": Job(real, FreshReal(train, 4, real), 1)}

    splits = make_splits()
    streamed = Splits(make_streamed(splits.test), make_streamed(splits.held_out), 4)
    straight = run(jobs(bars), splits=splits, test_points=2)
    with pytest.raises(Stopped, match=f"after step {2 * stop_after} of 32"):
        run(jobs(make_streamed(bars)), splits=streamed, test_points=2, session=make_session(tmp_path / "c", stop_after))
    assert reading() == []
    resumed = run(jobs(make_streamed(bars)), splits=streamed, test_points=2, session=make_session(tmp_path / "c"))
    assert reading() == []
    assert resumed == straight


def test_students_have_batches_and_augmentations_of_their_own(run, make_job, monkeypatch):
    asked, begun = [], []
    start = Stored.start
    monkeypatch.setattr(Stored, "start", lambda self, *key: (begun.append(key), start(self, *key))[1])
    augment_stream = apart.augment_stream
    monkeypatch.setattr(apart, "augment_stream", lambda *key: (asked.append(key[1:]), augment_stream(*key))[1])
    run({"stored": make_job(batch=16, epochs=1)}, seed=7)
    assert sorted(asked) == [(7, 0, 0), (7, 0, 1), (7, 1, 0), (7, 1, 1)]
    assert begun[:3] == [(7, 0), (7, 0), (7, 1)]  # the source itself, and a copy for each


def test_equal_seeds_give_equal_numbers(run, make_job, monkeypatch):
    weights = []
    confusion = module.confusion
    monkeypatch.setattr(module, "confusion", lambda network, *rest: (
        weights.append(network.classifier.weight.clone()), confusion(network, *rest))[1])  # fmt: skip
    for seed in (0, 0, 1):
        run({"stored": make_job()}, students=1, seed=seed)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def shuffled(data, seed=0):
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    return replace(data, labels=data.labels[order])


def test_a_student_learns_and_one_tested_on_shuffled_labels_does_not(run, make_job, make_bars):
    """Chance is 1/4; on 200 images its deviation is 0.031, and five of those are allowed."""
    test = make_bars(200, seed=1)
    job = {"stored": make_job(epochs=15)}
    honest = run(job, splits=Splits(test, make_bars(0), 4), students=1)["stored"]
    secret = run(job, splits=Splits(shuffled(test), make_bars(0), 4), students=1)["stored"]
    assert honest["mean"] > 0.95
    assert abs(secret["mean"] - 0.25) < 0.155


def test_generated_images_of_a_good_generator_teach(run, bars, painter, make_bars, make_budget, compute):
    plan = make_budget(32, 8, epochs=15)
    job = {"fresh": Job(plan, FreshGenerated(painter, bars.mean, bars.std, plan, compute), 1)}
    result = run(job, splits=Splits(make_bars(200, seed=1), make_bars(0), 4), students=1)["fresh"]
    assert result["mean"] > 0.9
    assert result["distinct_images"] == 15 * 32


def test_splits_are_read_from_a_prepared_folder(tmp_path, bars, make_bars, monkeypatch):
    read = []
    monkeypatch.setattr(inputs, "load_split", lambda folder, name, device, limit: (read.append(name), make_bars(4))[1])
    monkeypatch.setattr(inputs, "load_info", lambda folder: type("Info", (), {"num_classes": 4}))
    splits = load_splits(tmp_path, torch.device("cpu"), 1)
    assert read == ["test", "held_out"]
    assert splits.num_classes == 4


def test_losses_of_students_apart_are_golden(run, make_job, monkeypatch):
    """Written down with torch 2.15 on a CPU, before students could be trained together."""
    losses, train = [], apart.StudentsApart.train
    monkeypatch.setattr(apart.StudentsApart, "train", lambda *rest: (losses.append(train(*rest)), losses[-1])[1])
    jobs = {
        "fixed": make_job(epochs=3, lr=0.05, augment="crop", schedule="half"),
        "plain": make_job(batch=16, epochs=3, lr=0.05),
    }
    run(jobs, network="resnet10_half", test_points=3)
    golden = [
        [1.29165, 1.403742, 1.484166, 1.457357],
        [1.442417, 1.266559, 1.501198, 1.274149],
        [1.415241, 1.482156, 1.425922, 1.233832],
        [1.41074, 1.365867, 1.204417, 1.251565],
    ]  # the first losses of either student under either protocol
    whole = torch.cat(losses)  # 12 steps under one, 6 under the other
    firsts = torch.cat([whole[:4], whole[12:16]], dim=1).T
    torch.testing.assert_close(firsts, torch.tensor(golden), rtol=1e-4, atol=1e-5)


def test_a_student_apart_is_one_trained_by_hand_to_the_bit(run, make_job, make_splits, monkeypatch, compute):
    ended, confusion = [], module.confusion
    monkeypatch.setattr(module, "confusion", lambda network, *rest: (
        ended.append([v.clone() for v in network.state_dict().values()]), confusion(network, *rest))[1])  # fmt: skip
    job = make_job(batch=16, augment="crop", schedule="half")
    run({"fixed": job})
    torch.set_num_threads(1)  # as many as each of the two had
    for number in range(2):
        student = module.build_student("convnet3", number, job.budget, make_splits(), 0.03125, 0, compute)
        job.source.start(0, number)
        for step in range(job.budget.steps):
            apart.train_step(student, *job.source.batch(step), job.budget, apart.augment_stream("cpu", 0, number, step))
        values = student.network.state_dict().values()
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(values, ended[number], strict=True))
