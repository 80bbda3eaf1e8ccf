"""A GAN written to a file and read back."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from gendistill.data.order import Shuffled
from gendistill.gan.store import load_deployed, load_gan, save_gan
from gendistill.gan.train import train_step
from gendistill.runtime.errors import UserError


@pytest.fixture
def trained(bars, compute, make_gan):
    def make(params):
        state = make_gan(params)
        for _ in range(2):
            train_step(state, bars, Shuffled(32, 8, 0, "gan", "cpu"), params, 0, compute)
        return state

    return make


def tensors_of(nested, path=""):
    """Every tensor of a nested state by its path."""
    if isinstance(nested, torch.Tensor):
        return {path: nested}
    items = nested.items() if isinstance(nested, dict) else enumerate(nested) if isinstance(nested, list) else ()
    return {name: value for key, item in items for name, value in tensors_of(item, f"{path}/{key}").items()}


@pytest.mark.parametrize("changed", [{}, {"ema": 0.9}, {"objective": "hinge"}, {"conditioning": "embed"}])
def test_a_round_trip_is_exact(trained, make_gan, gan_params, same_weights, tmp_path, changed):
    params = replace(gan_params, **changed)
    state, read = trained(params), make_gan(params, seed=5)
    path = tmp_path / "gan" / "state.safetensors"
    save_gan(path, state)
    load_gan(path, read)
    before, after = tensors_of(state.dump()), tensors_of(read.dump())
    assert same_weights(before, after)
    assert {name: value.shape for name, value in before.items()} == {n: v.shape for n, v in after.items()}
    assert any("exp_avg_sq" in name for name in before)
    assert any(name.startswith("/average") for name in before) == (params.ema > 0)


def test_training_goes_on_from_the_file_as_from_memory(bars, compute, trained, make_gan, gan_params, tmp_path):
    state, read = trained(gan_params), make_gan(gan_params, seed=5)
    save_gan(tmp_path / "gan", state)
    load_gan(tmp_path / "gan", read)
    read.step = state.step
    order = Shuffled(32, 8, 0, "gan", "cpu")
    straight, again = (train_step(one, bars, order, gan_params, 0, compute) for one in (state, read))
    assert torch.equal(straight, again)
    save_gan(tmp_path / "a", state)
    save_gan(tmp_path / "b", read)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_learning_rate_is_that_of_the_parameters_not_of_the_file(trained, make_gan, gan_params, tmp_path):
    save_gan(tmp_path / "gan", trained(gan_params))
    read = make_gan(replace(gan_params, lr=0.5))
    load_gan(tmp_path / "gan", read)
    assert read.generator_optimizer.param_groups[0]["lr"] == 0.5


def test_the_file_holds_copies(trained, gan_params, tmp_path):
    state = trained(gan_params)
    save_gan(tmp_path / "gan", state)
    kept = load_file(tmp_path / "gan")["generator/paint.0.bias"].clone()
    with torch.no_grad():
        state.generator.paint[0].bias.add_(1)
    assert torch.equal(load_file(tmp_path / "gan")["generator/paint.0.bias"], kept)


@pytest.mark.parametrize(
    "changed", [{"width": 5}, {"latent": 9}, {"conditioning": "embed"}, {"objective": "hinge"}, {"ema": 0.9}]
)
def test_other_parameters_are_refused(trained, make_gan, gan_params, tmp_path, changed):
    save_gan(tmp_path / "gan", trained(gan_params))
    with pytest.raises(UserError, match=r"(?s)gan does not fit params\.yaml, section gan .*run `dvc repro train_gan`"):
        load_gan(tmp_path / "gan", make_gan(replace(gan_params, **changed)))


def test_a_missing_file_says_what_to_run(make_gan, gan_params, tmp_path):
    with pytest.raises(UserError, match=r"none\.safetensors does not exist; run `dvc repro train_gan` first"):
        load_gan(tmp_path / "none.safetensors", make_gan(gan_params))


@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_the_deployed_generator_alone(trained, make_gan, gan_params, same_weights, tmp_path, ema):
    state = trained(replace(gan_params, ema=ema))
    save_gan(tmp_path / "gan", state)
    generator = make_gan(gan_params, seed=5).generator
    load_deployed(tmp_path / "gan", generator)
    assert same_weights(generator.state_dict(), (state.generator if ema == 0 else state.average).state_dict())
    assert (ema == 0) == same_weights(generator.state_dict(), state.generator.state_dict())


def test_a_generator_of_other_parameters_is_refused(trained, make_gan, gan_params, tmp_path):
    save_gan(tmp_path / "gan", trained(gan_params))
    with pytest.raises(UserError, match=r"(?s)gan does not fit params\.yaml, section gan .*run `dvc repro train_gan`"):
        load_deployed(tmp_path / "gan", make_gan(replace(gan_params, width=5)).generator)
    with pytest.raises(UserError, match=r"none does not exist; run `dvc repro train_gan` first"):
        load_deployed(tmp_path / "none", make_gan(gan_params).generator)
