"""Every method as a loop: exact resume, streamed data, learning, and schedules."""

from dataclasses import replace

import pytest
import torch
from torch._dynamo.utils import counters

from gendistill.baselines import gradient_matching, registry
from gendistill.baselines.gradient_matching import inner_epochs, outer_steps
from gendistill.config.methods import METHODS
from gendistill.runtime.errors import Stopped

LONG = [name for name in METHODS if name != "random"]


@pytest.mark.parametrize("method", LONG)
def test_resuming_equals_a_straight_run(method, make_task, make_session, make_streamed, bars, tmp_path):
    """Stopped in the middle, twice; the second part streams its images from disk."""
    straight = registry.method(method)(make_task(method))
    for data in (None, make_streamed(bars)):
        with pytest.raises(Stopped):
            registry.method(method)(make_task(method, session=make_session(tmp_path, 2), data=data))
    resumed = registry.method(method)(make_task(method, session=make_session(tmp_path)))
    assert torch.equal(resumed.images, straight.images)
    assert torch.equal(resumed.labels, straight.labels)
    assert resumed.rows == straight.rows
    assert resumed.steps == straight.steps > 4


@pytest.mark.parametrize("method", ["dm", "dc", "dsa", "kip_fc"])
def test_sets_are_functions_of_their_seed(method, make_task):
    first, again, other = (registry.method(method)(make_task(method, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    assert first.images.shape == (8, 1, 16, 16)
    assert first.images.dtype == torch.float32
    assert not first.images.requires_grad


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("dm", {"steps": 40, "real_batch": 8, "augment": "none", "start": "noise"}),
        ("egm", {"iterations": 30, "outer_steps": 1, "inner_epochs": 1, "real_batch": 8}),
        ("kip_fc", {"steps": 40, "target_batch": 32, "learn_labels": False}),
    ],
)
def test_losses_fall(method, changes, make_task):
    losses = [row["loss"] for row in registry.method(method)(make_task(method, **changes)).rows]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_kip_learns_labels_only_when_asked(make_task):
    hard = registry.method("kip_fc")(make_task("kip_fc", learn_labels=False))
    soft = registry.method("kip_fc")(make_task("kip_fc", learn_labels=True))
    assert hard.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert soft.labels.shape == (8, 4)
    assert soft.labels.argmax(1).tolist() == hard.labels.tolist()
    assert (soft.labels - (torch.eye(4).repeat_interleave(2, 0) - 0.25)).abs().max() > 0.01


def test_updates_follow_gradients_however_they_lie_in_memory():
    state = gradient_matching.sgd_images(torch.zeros(3, 4), 1.0, 0.0)
    slopes = torch.arange(12.0).view(4, 3).T
    state.update((state.images.T.contiguous().flatten() * torch.arange(12.0)).sum())
    assert torch.equal(state.images.detach(), -slopes)


def test_loops_are_those_of_the_papers(benchmark_params):
    """Inner epochs of one network: DC at IPC 10 and 50; EGM 190 instead of 450, and 395 instead of 490."""
    dc, egm = (replace(own, outer_steps=0, inner_epochs=0) for own in (benchmark_params.dc, benchmark_params.egm))
    for ipc, of_dc, of_egm in ((1, 0, 0), (10, 450, 190), (50, 490, 395)):
        assert outer_steps(dc, ipc) == outer_steps(egm, ipc) == ipc
        for params, expected in ((dc, of_dc), (egm, of_egm)):
            assert sum(inner_epochs(params, ipc, outer) for outer in range(ipc - 1)) == expected
    assert [inner_epochs(egm, 50, outer) for outer in (0, 3, 4, 9, 10)] == [50, 20, 10, 10, 5]


def test_networks_restart_once_an_iteration_and_train_in_between(make_task, monkeypatch):
    calls: list[tuple[str, int]] = []
    trainee = gradient_matching.Trainee
    for name, place in (("restart", 0), ("train", 2)):
        plain = getattr(trainee, name)

        def noted(self, *args, plain=plain, name=name, place=place):
            calls.append((name, args[place]))
            return plain(self, *args)

        monkeypatch.setattr(trainee, name, noted)
    registry.method("dc")(make_task("dc", iterations=2, outer_steps=3, inner_epochs=4))
    once = [("train", 4), ("train", 4)]
    assert calls == [("restart", 0), *once, ("restart", 1), *once]


def test_the_inner_passes_see_every_image_and_change_the_network_only(make_task, monkeypatch):
    task = make_task("dsa", ipc=3, inner_batch=5)
    trainee, images = gradient_matching.Trainee(task), task.start("real").requires_grad_(True)
    trainee.restart(0)
    seen: list[int] = []
    plain = gradient_matching.dsa.augment

    def noted(batch, strategy, draw, *, shared):
        assert (strategy, shared) == (task.params.augment, False)
        seen.append(len(batch))
        return plain(batch, strategy, draw, shared=shared)

    monkeypatch.setattr(gradient_matching.dsa, "augment", noted)
    before = trainee.network.classifier.weight.detach().clone()
    trainee.train(images, task.labels, 2, 0)
    assert seen == [5, 5, 2, 5, 5, 2]
    assert images.grad is None
    assert not torch.equal(trainee.network.classifier.weight, before)


def test_compiled_passes_give_the_images_of_plain_ones(make_task, compiling):
    """The passes alone are compiled: matching differentiates twice, which compiled code is not able to."""
    plain = gradient_matching.distil(make_task("dsa", inner_batch=8))
    graphs = counters["stats"]["unique_graphs"]
    trainee = gradient_matching.Trainee(task := replace(make_task("dsa", inner_batch=8), compute=compiling))
    assert trainee.in_training._compiled_call_impl is not None
    assert trainee.network._compiled_call_impl is None
    compiled = gradient_matching.distil(task)
    assert counters["stats"]["unique_graphs"] == graphs + 1
    assert [row["loss"] for row in compiled.rows] == pytest.approx([row["loss"] for row in plain.rows], rel=1e-4)
    torch.testing.assert_close(compiled.images, plain.images, rtol=1e-3, atol=1e-4)


def test_matching_leaves_no_gradient_on_the_network(make_task, bars):
    task = make_task("dc", ipc=20)  # large enough for the plain form
    state = gradient_matching.sgd_images(task.start("noise"), 0.1, 0.5)
    trainee = gradient_matching.Trainee(task)
    order = gradient_matching.PerClass(bars.labels, 4, 8, 0, "x")
    gradient_matching.train_step(state, trainee, task, order)
    assert all(value.grad is None for value in trainee.network.parameters())


def test_noise_is_standard_normal_and_real_starts_are_the_random_set(make_task):
    noise = make_task("dc", ipc=50).start("noise")
    assert abs(noise.mean().item()) < 0.02
    assert noise.std().item() == pytest.approx(1, abs=0.02)
    task = make_task("dm", ipc=3)
    assert torch.equal(task.start("real"), task.data.batch(task.chosen())[0])


def test_previews_are_evenly_spaced(make_task):
    shown: list[int] = []
    task = make_task("dm", steps=20)
    object.__setattr__(task, "preview", lambda step, images: shown.append(step))
    registry.method("dm")(task)
    assert shown == list(range(0, 21, 2))
