"""Students whose training is compiled: the numbers of plain ones."""

from dataclasses import replace

import torch
from torch._dynamo.utils import counters

from gendistill.evaluation.apart import StudentsApart
from gendistill.evaluation.cells import build_student
from gendistill.evaluation.student import predictions
from gendistill.evaluation.team import side_by_side


def compiled_graphs():
    return counters["stats"]["unique_graphs"]


def test_compiled_students_have_the_same_losses(make_job, make_splits, compute, compiling):
    job, splits = make_job(augment="color_crop"), make_splits()

    def train(device):
        alone = [build_student("convnet3", n, job.budget, splits, 0.03125, 0, device) for n in range(3)]
        team, sources, losses = StudentsApart(alone, device), side_by_side(job.source, 0, 3), []
        while team.step < 4:
            losses.append(team.train(sources, job.budget, 0, 4))
        graphs = compiled_graphs()
        seen = [predictions(team.member(n), splits.test, device) for n in range(3)]
        assert compiled_graphs() == graphs  # testing compiles nothing
        team.close()
        return torch.cat(losses), seen, team

    plain, expected, straight = train(replace(compute, threads=2))
    graphs = compiled_graphs()
    losses, seen, team = train(replace(compiling, threads=2))  # compiled in the threads that work on them
    # three students of one architecture, at most a graph for each of two workers
    assert compiled_graphs() - graphs <= 2
    assert team.member(0)._compiled_call_impl is not None
    torch.testing.assert_close(losses[0], plain[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(losses, plain, rtol=1e-4, atol=1e-5)
    assert sum(int((a != b).sum()) for a, b in zip(seen, expected, strict=True)) <= 1
    assert list(team.member(0).state_dict()) == list(straight.member(0).state_dict())
