"""Steps of GAN and distillation with compiled networks: the losses of the plain ones, and the same state."""

from dataclasses import replace

import pytest
import torch
from torch._dynamo.utils import counters

from gendistill.data.order import Shuffled
from gendistill.gan import train as gan
from gendistill.matching import distill
from gendistill.matching.pool import Pool


@pytest.fixture
def start(bars, make_state, make_recipe):
    """State, pool and a call that does n steps of distillation: losses (n, 8)."""
    recipe = make_recipe(redraw_steps=2, match_augment="color_crop_cutout")

    def begin(compute):
        state = make_state(recipe)
        compute.compiled(state.generator)
        pool = Pool(recipe.distill, bars, num_classes=4, seed=0, compute=compute)
        order = Shuffled(len(bars), 8, 0, "distill", "cpu")

        def steps(n):
            return torch.stack([distill.train_step(state, pool, bars, order, recipe, 0, compute)[0] for _ in range(n)])

        return state, pool, steps

    return begin


def compiled_graphs():
    return counters["stats"]["unique_graphs"]


def test_a_compiled_distillation_step_has_the_same_losses(start, compute, compiling):
    plain_state, plain_pool, plain = start(compute)
    state, pool, compiled = start(compiling)
    first = compiled(1)
    assert compiled_graphs() >= 3  # G with and without gradients, ConvNet3; now or by a test before
    torch.testing.assert_close(first, plain(1), rtol=1e-5, atol=1e-6)
    compiled(1)
    before = compiled_graphs()
    last = compiled(1)  # by a network drawn afresh, under the code of the one before
    assert compiled_graphs() == before
    plain(1)
    torch.testing.assert_close(last, plain(1), rtol=1e-4, atol=1e-5)
    for mine, theirs in ((state.generator, plain_state.generator), (pool.at(2).network, plain_pool.at(2).network)):
        assert list(mine.state_dict()) == list(theirs.state_dict())


def test_compiled_runs_go_on_from_a_checkpoint_to_the_same_bits(start, compiling, tmp_path):
    state, pool, steps = start(compiling)
    steps(1)
    torch.save({"gan": state.dump(), "pool": pool.dump()}, tmp_path / "saved.pt")
    expected = steps(2)
    saved = torch.load(tmp_path / "saved.pt", weights_only=True)
    state, pool, steps = start(compiling)
    state.load(saved["gan"])
    pool.load(saved["pool"])
    assert torch.equal(steps(2), expected)


@pytest.mark.parametrize(("precision", "first", "later"), [("fp32", 1e-5, 1e-4), ("bf16", 0.02, 0.1)])
def test_a_compiled_gan_step_has_the_same_losses(bars, compute, compiling, make_recipe, precision, first, later):
    """In bf16 fused operations round less often than single ones: equal to its 8 bits, not to float32's."""
    params = make_recipe(gan={"ema": 0.9}).gan
    order = Shuffled(len(bars), 8, 0, "gan", "cpu")

    def losses(device):
        state = gan.build_gan(params, channels=1, image_size=16, num_classes=4, seed=0, device=device.device)
        device.compiled(state.generator)
        rows = [gan.train_step(state, bars, order, params, 0, device) for _ in range(2)]
        return torch.stack(rows), state.deployed(0, device).state_dict()

    (plain, expected), (compiled, average) = (
        losses(replace(each, precision=precision)) for each in (compute, compiling)
    )
    torch.testing.assert_close(compiled[0], plain[0], rtol=first, atol=first / 10)
    torch.testing.assert_close(compiled[1], plain[1], rtol=later, atol=later / 10)
    if precision == "fp32":
        torch.testing.assert_close(average, expected, rtol=1e-3, atol=1e-3)
