"""Students each by itself: as many workers as there are threads change when a step is done, and no number."""

import threading
from dataclasses import replace

import pytest
import torch

from gendistill.evaluation import apart, cells
from gendistill.evaluation.apart import STEPS_AT_ONCE, StudentsApart, thread_pool
from gendistill.evaluation.cells import build_student, run_cell
from gendistill.evaluation.team import side_by_side
from gendistill.runtime.errors import Stopped, UserError
from gendistill.runtime.loop import Session


@pytest.fixture
def make_team(make_splits, compute):
    """A team of narrow students, closed at the end; one thread until then."""
    teams = []
    torch.set_num_threads(1)

    def make(budget, *, students=3, threads=1, network="convnet3"):
        device = replace(compute, threads=threads)
        alone = [build_student(network, n, budget, make_splits(), 0.03125, 0, device) for n in range(students)]
        teams.append(StudentsApart(alone, device))
        return teams[-1]

    yield make
    for team in teams:
        team.close()


def weights(team, students=3):
    return [torch.cat([v.double().flatten() for v in team.member(n).state_dict().values()]) for n in range(students)]


@pytest.mark.parametrize("students", [1, 2, 3, 5])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_change_no_bit(make_job, make_team, students, workers):
    """Losses and weights against one student after another; the threads of each are one in all cases."""
    job = make_job(epochs=3, augment="color_crop", schedule="half")
    expected, values = [], []
    for number in range(students):
        team = make_team(job.budget, students=students)
        student = team.students[number]
        job.source.start(0, number)
        expected.append(torch.stack([
            apart.train_step(student, *job.source.batch(i), job.budget, apart.augment_stream("cpu", 0, number, i))
            for i in range(10)
        ]))  # fmt: skip
        values.append(weights(team, students)[number])
    team = make_team(job.budget, students=students, threads=min(workers, students))
    assert team.workers == min(workers, students)
    sources, losses = side_by_side(job.source, 0, students), []
    while team.step < 10:
        losses.append(team.train(sources, job.budget, 0, 10))
    assert [len(part) for part in losses] == [STEPS_AT_ONCE, 10 - STEPS_AT_ONCE]
    assert torch.equal(torch.cat(losses), torch.stack(expected, dim=1))
    assert torch.equal(torch.stack(weights(team, students)), torch.stack(values))


def test_students_are_trained_at_the_same_time(make_job, make_team, monkeypatch):
    """Each of two steps waits until the other has begun: one worker would wait in vain."""
    meeting, step = threading.Barrier(2, timeout=20), apart.train_step
    monkeypatch.setattr(apart, "train_step", lambda *rest: (meeting.wait(), step(*rest))[1])
    job = make_job()
    team = make_team(job.budget, students=2, threads=2)
    assert team.train(side_by_side(job.source, 0, 2), job.budget, 0, 3).shape == (3, 2)


def test_threads_are_divided_and_the_caller_keeps_all():
    for workers, threads, each in ((2, 2, 1), (2, 5, 2), (3, 3, 1)):
        torch.set_num_threads(threads)
        pool = thread_pool(workers, threads)
        asked = [pool.submit(torch.get_num_threads) for _ in range(3 * workers)]
        assert {number.result() for number in asked} == {each}
        assert torch.get_num_threads() == threads
        pool.shutdown()


def test_a_gpu_is_worked_on_by_one_thread(make_team, make_job, compute):
    device = replace(compute, device=torch.device("meta"), threads=8)
    team = StudentsApart(make_team(make_job().budget).students, device)
    assert (team.workers, team.pool) == (1, None)


def test_an_error_in_a_worker_is_raised(make_job, make_team, monkeypatch):
    def fail(*_):
        raise UserError("the disk is gone")

    job = make_job()
    team = make_team(job.budget, threads=2)
    monkeypatch.setattr(apart, "train_step", fail)
    with pytest.raises(UserError, match="the disk is gone"):
        team.train(side_by_side(job.source, 0, 3), job.budget, 0, 3)


@pytest.mark.parametrize("stop_after", [2, 5])
def test_a_cell_of_several_workers_resumes_to_the_bit(
    make_job, make_splits, make_session, tmp_path, compute, evaluate_params, monkeypatch, stop_after
):
    ended, confusion = [], cells.confusion
    monkeypatch.setattr(cells, "confusion", lambda network, *rest: (
        ended.append([v.clone() for v in network.state_dict().values()]), confusion(network, *rest))[1])  # fmt: skip
    jobs = {"fixed": make_job(epochs=2, augment="crop"), "plain": make_job(epochs=2)}

    def run(threads, session):
        torch.set_num_threads(threads)
        return run_cell(
            "cell", "resnet10_half", jobs, make_splits(), replace(evaluate_params, students=3),
            seed=0, compute=replace(compute, threads=threads), session=session,
        )  # fmt: skip

    straight = run(1, Session(log_seconds=3600))
    with pytest.raises(Stopped):
        run(2, make_session(tmp_path, stop_after))
    assert run(2, make_session(tmp_path)) == straight
    for before, after in zip(ended[:6], ended[-6:], strict=True):
        assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
