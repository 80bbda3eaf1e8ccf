"""The GAN loop: a function of the seed, and resumable."""

from dataclasses import replace

import pytest
import torch

from gendistill.gan.store import save_gan
from gendistill.gan.train import TERMS, train_gan
from gendistill.runtime.errors import Stopped, UserError
from gendistill.runtime.loop import Session


@pytest.fixture
def run(bars, compute):
    def go(params, session=None, seed=0):
        session = session or Session(log_seconds=3600)
        return train_gan(bars, params, seed=seed, num_classes=4, compute=compute, session=session)

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
