"""The GAN loop: a function of the seed, and resumable."""

import threading
from dataclasses import replace

import pytest
import torch

from gendistill.data.streamed import AHEAD, StreamedImages
from gendistill.gan.store import save_gan
from gendistill.gan.train import TERMS, train_gan
from gendistill.runtime.errors import Stopped, UserError
from gendistill.runtime.loop import Session


@pytest.fixture
def run(bars, compute):
    def go(params, session=None, seed=0, data=bars):
        session = session or Session(log_seconds=3600)
        return train_gan(data, params, seed=seed, num_classes=4, compute=compute, session=session)

    return go


def test_initial_weights_are_a_function_of_the_seed(gan_params, make_gan, same_weights):
    torch.manual_seed(1)
    first = make_gan(gan_params)
    torch.manual_seed(2)
    again, other = make_gan(gan_params), make_gan(gan_params, seed=1)
    assert same_weights(first.generator.state_dict(), again.generator.state_dict())
    assert same_weights(first.discriminator.state_dict(), again.discriminator.state_dict())
    assert not same_weights(first.generator.state_dict(), other.generator.state_dict())
    for optimizer in (first.generator_optimizer, first.discriminator_optimizer):
        assert [(group["lr"], group["betas"]) for group in optimizer.param_groups] == [(0.001, (0.0, 0.9))]


def test_the_record_has_a_row_per_tick(run, gan_params):
    state, rows = run(gan_params)
    assert state.step == 4
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert all(row.keys() == {"step", *TERMS} for row in rows)


def test_the_average_is_handed_on_with_statistics_of_its_own(run, gan_params, compute, same_weights):
    """Recalibrating again changes nothing; the live generator's statistics are others."""
    state, _ = run(replace(gan_params, ema=0.9))
    assert same_weights(state.average.state_dict(), state.deployed(0, compute).state_dict())
    assert not torch.equal(state.average.project[1].running_var, state.generator.project[1].running_var)


@pytest.mark.parametrize("stop_after", [1, 3])
def test_resumed_equals_straight(run, gan_params, make_session, same_weights, tmp_path, stop_after):
    params = replace(gan_params, discriminator_steps=2, ema=0.9, augment="crop", objective="hinge")
    straight, rows = run(params)
    with pytest.raises(Stopped, match=rf"train_gan: stopped by the test after step {stop_after} of 4") as stopped:
        run(params, make_session(tmp_path / "checkpoint", stop_after))
    assert stopped.value.status == 130
    resumed, rows_again = run(params, make_session(tmp_path / "checkpoint"))
    assert rows_again == rows
    save_gan(tmp_path / "straight", straight)
    save_gan(tmp_path / "resumed", resumed)
    assert (tmp_path / "straight").read_bytes() == (tmp_path / "resumed").read_bytes()


@pytest.mark.parametrize(("first", "then"), [(0, 1), (1, 0), (1, 1)])
def test_streamed_equals_resident_also_resumed(
    run, bars, gan_params, make_streamed, make_session, reading, tmp_path, first, then
):
    """Straight on resident images, against stopped and resumed with either form; four batches of eight are an epoch."""
    params = replace(gan_params, steps=5, discriminator_steps=2, ema=0.9)
    forms = (bars, make_streamed(bars))
    straight, rows = run(params)
    with pytest.raises(Stopped):
        run(params, make_session(tmp_path / "checkpoint", 2), data=forms[first])
    assert reading() == []
    resumed, rows_again = run(params, make_session(tmp_path / "checkpoint"), data=forms[then])
    assert reading() == []
    assert rows_again == rows
    save_gan(tmp_path / "straight", straight)
    save_gan(tmp_path / "resumed", resumed)
    assert (tmp_path / "straight").read_bytes() == (tmp_path / "resumed").read_bytes()


def test_the_batches_of_the_loop_are_those_read_ahead(run, bars, gan_params, make_streamed, monkeypatch):
    """None is read by the loop itself, or more often than needed: ten steps, and two beyond the end."""
    calls, read = [], StreamedImages.read

    def spy(self, index):
        calls.append(threading.current_thread().name)
        return read(self, index)

    monkeypatch.setattr(StreamedImages, "read", spy)
    run(replace(gan_params, steps=5, discriminator_steps=2), data=make_streamed(bars))
    assert all(name.startswith("prefetch") for name in calls)
    assert 10 <= len(calls) <= 10 + AHEAD


def test_equal_seeds_give_equal_files(run, gan_params, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(len(name) + seed)  # the global generator plays no part
        save_gan(tmp_path / name, run(replace(gan_params, steps=2, ema=0.9), seed=seed)[0])
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_too_large_a_batch_is_refused(run, gan_params):
    with pytest.raises(UserError, match="gan: batch_size is 33, but the training set has 32 images"):
        run(replace(gan_params, batch_size=33))
