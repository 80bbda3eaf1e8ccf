"""The loop of distillation: snapshots, resuming, and that matching works."""

import threading
from functools import partial

import pytest
import torch

from gendistill.data.streamed import AHEAD, StreamedImages
from gendistill.matching import distill as module
from gendistill.matching.distill import COLUMNS, distill
from gendistill.runtime.errors import Stopped, UserError
from gendistill.runtime.loop import Loop, Session


@pytest.fixture
def run(bars, compute, make_state):
    """Distil from a fresh state under a session; gives snapshots, rows and the state."""

    def go(recipe, session=None, data=bars):
        state = make_state(recipe)
        snapshots, rows = distill(
            state, data, recipe, title="test", seed=0, num_classes=4, compute=compute,
            session=session or Session(log_seconds=3600),
        )  # fmt: skip
        return snapshots, rows, state

    return go


@pytest.mark.parametrize(("count", "expected"), [(1, [5]), (2, [2, 5]), (5, [1, 2, 3, 4, 5])])
def test_snapshots_are_evenly_spaced_and_end_with_the_last(run, make_recipe, same_weights, count, expected):
    snapshots, rows, state = run(make_recipe(steps=5, snapshots=count))
    assert list(snapshots) == expected
    assert same_weights(snapshots[5], state.generator.state_dict())
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]
    assert all(list(row) == COLUMNS for row in rows)


def test_a_snapshot_is_what_a_shorter_run_ends_with(run, make_recipe, same_weights):
    long, _, _ = run(make_recipe(steps=4, snapshots=2))
    short, _, _ = run(make_recipe(steps=2))
    assert same_weights(long[2], short[2])
    assert not same_weights(long[2], long[4])


def test_the_average_is_deployed_where_there_is_one(run, make_recipe, same_weights, compute):
    snapshots, _, state = run(make_recipe(steps=2, gan={"ema": 0.9}))
    assert same_weights(snapshots[2], state.deployed(0, compute).state_dict())
    assert not same_weights(snapshots[2], state.generator.state_dict())


@pytest.mark.parametrize(
    "stop_after", [1, 3]
)  # in the middle of a member's life; at the change of members, with a snapshot
def test_resumed_equals_straight(run, make_recipe, make_session, same_weights, tmp_path, stop_after):
    recipe = make_recipe(
        steps=5, snapshots=2, redraw_steps=3, pool=("convnet3", "resnet10_half"), match_augment="color_crop",
        inner_augment="crop", gan={"ema": 0.9},
    )  # fmt: skip
    straight, rows, state = run(recipe)
    with pytest.raises(Stopped, match=rf"test: stopped by the test after step {stop_after} of 5"):
        run(recipe, make_session(tmp_path, stop_after))
    resumed, rows_again, state_again = run(recipe, make_session(tmp_path))
    assert rows_again == rows
    assert resumed.keys() == straight.keys() == {2, 5}
    assert all(same_weights(resumed[step], straight[step]) for step in straight)
    for part in ("generator", "discriminator"):
        assert same_weights(getattr(state, part).state_dict(), getattr(state_again, part).state_dict())


def test_a_resident_pool_resumes_between_renewals(run, make_recipe, make_session, same_weights, tmp_path):
    """Stopped when every network has been used and none renewed; renewals come at steps 5 and 6 (from 0)."""
    recipe = make_recipe(
        steps=8, redraw_steps=2, pool_kind="resident", pool_size=3, pool=("convnet3", "resnet10_half"),
        inner_augment="crop", omega_g=1.0, omega_l=1.0,
    )  # fmt: skip
    straight, rows, _ = run(recipe)
    with pytest.raises(Stopped):
        run(recipe, make_session(tmp_path, 4))
    resumed, rows_again, _ = run(recipe, make_session(tmp_path))
    assert rows_again == rows
    assert same_weights(resumed[8], straight[8])


@pytest.mark.parametrize(("first", "then"), [(0, 1), (1, 0), (1, 1)])
def test_streamed_equals_resident_also_resumed(
    run, bars, make_recipe, make_streamed, make_session, same_weights, reading, tmp_path, first, then
):
    recipe = make_recipe(
        steps=6, snapshots=2, redraw_steps=3, inner_steps=3, match_augment="color_crop", inner_augment="crop",
        gan={"ema": 0.9},
    )  # fmt: skip
    forms = (bars, make_streamed(bars))
    straight, rows, state = run(recipe)
    with pytest.raises(Stopped):
        run(recipe, make_session(tmp_path / "checkpoint", 2), forms[first])
    assert reading() == []
    resumed, rows_again, state_again = run(recipe, make_session(tmp_path / "checkpoint"), forms[then])
    assert reading() == []
    assert rows_again == rows
    assert all(same_weights(resumed[step], straight[step]) for step in (3, 6))
    for part in ("generator", "discriminator"):
        assert same_weights(getattr(state, part).state_dict(), getattr(state_again, part).state_dict())


def test_no_batch_is_read_by_the_loop_itself(run, bars, make_recipe, make_streamed, monkeypatch):
    """Six steps with three inner ones each, and for both orders two batches beyond the end."""
    calls, read = [], StreamedImages.read

    def spy(self, index):
        calls.append(threading.current_thread().name)
        return read(self, index)

    monkeypatch.setattr(StreamedImages, "read", spy)
    run(make_recipe(steps=6, inner_steps=3), data=make_streamed(bars))
    assert all(name.startswith("prefetch") for name in calls)
    assert 6 + 18 <= len(calls) <= 6 + 18 + 2 * AHEAD


def test_gradients_are_measured_at_ticks_only(run, make_recipe, make_session, monkeypatch, tmp_path):
    """Five steps, a tick every two and at the end; stopped inside of a tick, the rows are the same."""
    monkeypatch.setattr(module, "Loop", partial(Loop, ticks=2))
    measured = []
    ratios = module.gradient_ratios
    monkeypatch.setattr(module, "gradient_ratios", lambda *args: (measured.append(1), ratios(*args))[1])
    _, rows, _ = run(make_recipe(steps=5))
    assert len(measured) == 3
    assert [row["step"] for row in rows] == [2, 4, 5]
    assert all(list(row) == COLUMNS and row["local_gradient_ratio"] > 0 for row in rows)
    with pytest.raises(Stopped):
        run(make_recipe(steps=5), make_session(tmp_path, 3))
    assert run(make_recipe(steps=5), make_session(tmp_path))[1] == rows


def test_resuming_a_finished_loop_changes_nothing(run, make_recipe, make_session, same_weights, tmp_path):
    recipe = make_recipe(steps=2)
    with pytest.raises(Stopped):
        run(recipe, make_session(tmp_path, 2))
    straight, rows, _ = run(recipe)
    resumed, rows_again, _ = run(recipe, make_session(tmp_path))
    assert rows_again == rows
    assert same_weights(resumed[2], straight[2])


def test_a_loss_that_is_not_finite_is_named(run, make_recipe, monkeypatch):
    real = module.local_loss
    monkeypatch.setattr(module, "local_loss", lambda *args, **kw: real(*args, **kw) * torch.nan)
    with pytest.raises(UserError, match=r"not finite at step 1 \(terms: total, local, local_weighted\)"):
        run(make_recipe(steps=2, train_discriminator=False))


@pytest.mark.parametrize(
    ("term", "weights"),
    [("local", {"omega_g": 0.0, "omega_l": 10.0}), ("global", {"omega_g": 1000.0, "omega_l": 0.0})],
)
def test_matching_falls_on_a_batch_that_comes_again_and_again(run, make_recipe, term, weights):
    """One untrained network, all the images in every batch, and a term that outweighs the GAN."""
    recipe = make_recipe(
        steps=60, batch_size=32, redraw_steps=99, inner_steps=0, lr=0.005, train_discriminator=False,
        pool_width=0.0625, **weights,
    )  # fmt: skip
    _, rows, _ = run(recipe)
    losses = [row[term] for row in rows]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5]), losses
