"""One step of distillation: who learns, who does not, and from what."""

import copy
from dataclasses import replace

import pytest
import torch

from gendistill.data.order import Shuffled
from gendistill.data.resident import from_tanh, to_tanh
from gendistill.gan.steps import discriminator_step, generator_terms
from gendistill.matching import distill as module
from gendistill.matching import pool as pool_module
from gendistill.matching.distill import TERMS, prepare_state, train_step
from gendistill.matching.pool import Pool
from gendistill.networks.latent import sample_latent
from gendistill.runtime.streams import generator as stream

ALL = ("convnet3", "resnet10_half", "resnet18_half")


def order_of(data, seed=0):
    return Shuffled(len(data), 8, seed, "distill", "cpu")


def weights(network):
    return {name: value.clone() for name, value in network.named_parameters()}


@pytest.fixture
def steps(bars, compute, make_state, make_pool):
    """Run n steps from a fresh state; gives the state, the losses (n, 8) and the ratios of the last step."""

    def run(recipe, n=3, seed=0, measure=False):
        state, pool, order = make_state(recipe, seed), make_pool(recipe, seed), order_of(bars, seed)
        rows, ratios = [], {}
        for _ in range(n):
            losses, ratios = train_step(state, pool, bars, order, recipe, seed, compute, measure=measure)
            rows.append(losses)
        return state, torch.stack(rows), ratios

    return run


@pytest.mark.parametrize("pool", ALL)
def test_the_generator_step_changes_the_generator_alone(
    bars, compute, make_state, make_pool, make_recipe, same_weights, monkeypatch, pool
):
    recipe = make_recipe(pool=(pool,), train_discriminator=False, match_augment="color_crop_cutout")
    state, networks = make_state(recipe), make_pool(recipe)
    state.discriminator.zero_grad()
    generator, discriminator = weights(state.generator), weights(state.discriminator)
    trained = {}
    train = Pool.train

    def spy(self, member, step):
        train(self, member, step)
        trained.update(weights(member.network))

    monkeypatch.setattr(Pool, "train", spy)
    losses, _ = train_step(state, networks, bars, order_of(bars), recipe, 0, compute)
    assert not any(torch.equal(value, generator[name]) for name, value in state.generator.named_parameters() if
                   "grow" in name and name.endswith("weight"))  # fmt: skip
    assert same_weights(weights(state.discriminator), discriminator)
    assert same_weights(weights(networks.members[0].network), trained)
    assert losses[-2:].tolist() == [0, 0]
    assert all(parameter.grad is None for parameter in state.discriminator.parameters())
    assert all(parameter.requires_grad for parameter in state.discriminator.parameters())


def test_the_discriminator_learns_after_the_generator(
    bars, compute, make_state, make_pool, make_recipe, same_weights, monkeypatch
):
    recipe = make_recipe()
    state = make_state(recipe)
    generator, discriminator = weights(state.generator), weights(state.discriminator)
    seen = []

    def spy(g, d, *rest):
        seen.append(not same_weights(weights(g), generator) and same_weights(weights(d), discriminator))
        return discriminator_step(g, d, *rest)

    monkeypatch.setattr(module, "discriminator_step", spy)
    losses, _ = train_step(state, make_pool(recipe), bars, order_of(bars), recipe, 0, compute)
    assert seen == [True]
    assert not same_weights(weights(state.discriminator), discriminator)
    assert losses[-1] > 0  # gradient penalty


def test_real_and_generated_samples_are_pairs_of_one_label(
    compute, make_coded, code_of, make_state, make_recipe, monkeypatch
):
    """Real image i carries its number; its label, the generator's label i and the loss's label i must agree."""
    labels = [(7 * i) % 4 for i in range(32)]
    data = make_coded(labels)
    recipe = make_recipe()
    state = make_state(recipe)
    made, seen = [], []
    state.generator.register_forward_hook(lambda _, args, out: made.append((args[1], out.detach())))
    matching_terms = module.matching_terms

    def spy(member, real, fake, given, *rest):
        seen.append((code_of(real), fake.detach(), given))
        return matching_terms(member, real, fake, given, *rest)

    monkeypatch.setattr(module, "matching_terms", spy)
    pool = Pool(recipe.distill, data, num_classes=4, seed=0, compute=compute)
    for step in range(3):
        made.clear()
        seen.clear()
        train_step(state, pool, data, order_of(data), recipe, 0, compute)
        codes, fake, given = seen[0]
        asked, images = made[0]
        assert given.tolist() == asked.tolist() == [labels[code] for code in codes]
        assert torch.equal(fake, from_tanh(images, data.mean, data.std))
        assert codes == order_of(data).index(step).tolist()


def test_without_matching_terms_it_continues_the_gan(
    bars, compute, make_state, make_pool, make_recipe, same_weights, monkeypatch
):
    recipe = make_recipe(omega_g=0.0, omega_l=0.0)
    monkeypatch.setattr(pool_module, "draw_member", lambda *_, **__: pytest.fail("a network was drawn for nothing"))
    state, gan, order = make_state(recipe), make_state(recipe), order_of(bars)
    for step in range(3):
        losses, _ = train_step(state, make_pool(recipe), bars, order, recipe, 0, compute)

        index = order.index(step)
        labels = bars.labels[index]
        draw = stream("cpu", 0, "distill", "generator", step)
        images = gan.generator(sample_latent(8, 8, "cpu", draw), labels)
        gan.generator_optimizer.zero_grad()
        loss = generator_terms(gan.discriminator, images, labels, recipe.gan, draw).total
        loss.backward()
        gan.generator_optimizer.step()
        critic = discriminator_step(
            gan.generator, gan.discriminator, gan.discriminator_optimizer, to_tanh(bars.images[index]), labels,
            recipe.gan, compute, stream("cpu", 0, "distill", "discriminator", step),
        )  # fmt: skip
        assert losses.tolist() == [loss.item(), loss.item(), 0, 0, 0, 0, *critic.tolist()]
    for part in ("generator", "discriminator"):
        assert same_weights(getattr(state, part).state_dict(), getattr(gan, part).state_dict())


def test_golden_losses_of_a_drawn_pool(steps, make_recipe):
    """ConvNet3 for two steps, then ResNet10; made with torch 2.15 on a CPU, before there was any other kind of pool."""
    recipe = make_recipe(
        pool=ALL[:2], redraw_steps=2, inner_steps=2, inner_augment="crop", match_augment="color_crop_cutout"
    )
    _, losses, _ = steps(recipe, n=4)
    expected = [
        # total, gan, global, global weighted, local, local weighted, discriminator, gradient penalty
        [1.531593, 1.527433, 0.024726, 0.000247, 3.912879, 0.003913, 5.703089, 0.145499],
        [0.974303, 0.960050, 0.117564, 0.001176, 13.077746, 0.013078, 3.922917, 0.063068],
        [1.248623, 1.175852, 0.102400, 0.001024, 71.746414, 0.071746, 4.653159, 0.103584],
        [1.414780, 1.351411, 0.172211, 0.001722, 61.647221, 0.061647, 5.180498, 0.121325],
    ]
    torch.testing.assert_close(losses, torch.tensor(expected), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("changed", [{"omega_l": 0.0}, {"omega_g": 0.0}, {}])
def test_the_terms_add_up(steps, make_recipe, changed):
    recipe = make_recipe(**{"omega_g": 0.5, "omega_l": 0.25, **changed})
    _, losses, _ = steps(recipe)
    row = dict(zip(TERMS, losses.T, strict=True))
    torch.testing.assert_close(row["global_weighted"], recipe.loss.omega_g * row["global"])
    torch.testing.assert_close(row["local_weighted"], recipe.loss.omega_l * row["local"])
    torch.testing.assert_close(row["total"], row["gan"] + row["global_weighted"] + row["local_weighted"])
    for name, omega in (("global", recipe.loss.omega_g), ("local", recipe.loss.omega_l)):
        assert bool((row[name] > 0).all()) == (omega > 0)


def test_equal_seeds_give_equal_numbers(steps, make_recipe, same_weights):
    recipe = make_recipe(pool=ALL, redraw_steps=1, inner_augment="color_crop", match_augment="color_crop_cutout")
    torch.manual_seed(1)
    state, losses, _ = steps(recipe)
    torch.manual_seed(2)  # the global generator plays no part
    again, same, _ = steps(recipe)
    _, other, _ = steps(recipe, seed=1)
    assert torch.equal(losses, same)
    assert same_weights(state.generator.state_dict(), again.generator.state_dict())
    assert not torch.equal(losses, other)


@pytest.mark.parametrize("pool", ALL[:2])
def test_bf16_gives_the_losses_of_fp32_to_two_digits(bars, compute, make_state, make_pool, make_recipe, pool):
    gan = {"gradient_penalty": 0.0}
    recipe = make_recipe(pool=(pool,), match_augment="color_crop", local_form="class_mean_l2", gan=gan)
    rows = []
    for one in (compute, replace(compute, precision="bf16")):
        state, networks = make_state(recipe), Pool(recipe.distill, bars, num_classes=4, seed=0, compute=one)
        losses, ratios = train_step(state, networks, bars, order_of(bars), recipe, 0, one, measure=True)
        rows.append(torch.tensor([*losses.tolist(), *ratios.values()]))
        assert all(p.dtype == torch.float32 for part in (state.generator, networks.members[0].network) for p in
                   part.parameters())  # fmt: skip
    assert not torch.equal(*rows)
    torch.testing.assert_close(rows[1], rows[0], rtol=0.1, atol=0.02)


def test_measuring_gradients_changes_nothing(steps, make_recipe, same_weights):
    recipe = make_recipe()
    state, losses, none = steps(recipe)
    measured, same, ratios = steps(recipe, measure=True)
    assert none == {}
    assert all(value > 0 for value in ratios.values())
    assert torch.equal(losses, same)
    assert same_weights(state.generator.state_dict(), measured.generator.state_dict())


def test_measured_ratios_are_those_of_three_separate_backward_passes(bars, compute, make_state, make_recipe, make_pool):
    """The weight of one term at a time set so that the others vanish in it, read off the gradients that Adam got."""
    recipe = make_recipe(omega_g=0.5, omega_l=0.25)
    _, ratios = train_step(
        make_state(recipe), make_pool(recipe), bars, order_of(bars), recipe, 0, compute, measure=True
    )

    def slope(**changes):
        state = make_state(recipe)
        altered = make_recipe(**changes)
        train_step(state, make_pool(altered), bars, order_of(bars), altered, 0, compute)
        return torch.cat([parameter.grad.flatten() for parameter in state.generator.parameters()])

    gan = slope(omega_g=0.0, omega_l=0.0)
    for name, changes in (("global", {"omega_g": 0.5, "omega_l": 0.0}), ("local", {"omega_g": 0.0, "omega_l": 0.25})):
        expected = (slope(**changes) - gan).norm() / gan.norm()
        assert ratios[f"{name}_gradient_ratio"] == pytest.approx(expected.item(), rel=1e-3)


def test_the_moving_average_follows_the_generator(steps, make_recipe, make_state):
    recipe = make_recipe(gan={"ema": 0.5})
    before = weights(make_state(recipe).average)
    state, _, _ = steps(recipe, n=1)
    for name, value in state.average.named_parameters():
        mean = 0.5 * before[name] + 0.5 * state.generator.get_parameter(name)
        torch.testing.assert_close(value.data, mean.data)


def test_distillation_starts_from_the_generator_that_was_handed_on(make_recipe, make_state):
    recipe = make_recipe(gan={"ema": 0.5})
    state = make_state(recipe)
    torch.nn.init.uniform_(next(state.average.parameters()))
    handed_on, apart = weights(state.average), weights(state.generator)
    assert any(not torch.equal(handed_on[name], apart[name]) for name in handed_on)
    prepared = prepare_state(state, 3e-4)
    assert all(torch.equal(handed_on[name], value) for name, value in weights(prepared.generator).items())
    assert all(torch.equal(handed_on[name], value) for name, value in weights(prepared.average).items())
    assert prepared.generator is not prepared.average


def test_without_an_average_the_generator_goes_on_from_its_last_step(make_recipe, make_state):
    state = make_state(make_recipe(gan={"ema": 0.0}))
    before = weights(state.generator)
    prepared = prepare_state(state, 3e-4)
    assert prepared.average is None
    assert all(torch.equal(before[name], value) for name, value in weights(prepared.generator).items())


def test_distillation_takes_over_adam_and_counts_from_zero(make_recipe, make_state):
    recipe = make_recipe(lr=3e-4)
    state = make_state(recipe)
    state.step = 7
    moments = copy.deepcopy(state.generator_optimizer.state_dict()["state"])
    prepared = prepare_state(state, 3e-4)
    assert prepared.step == 0
    for optimizer in (prepared.generator_optimizer, prepared.discriminator_optimizer):
        assert [group["lr"] for group in optimizer.param_groups] == [3e-4]
        assert [group["betas"] for group in optimizer.param_groups] == [(0.0, 0.9)]
    for index, slots in prepared.generator_optimizer.state_dict()["state"].items():
        assert slots["step"] == moments[index]["step"] == 2
        assert torch.equal(slots["exp_avg_sq"], moments[index]["exp_avg_sq"])
        assert bool(slots["exp_avg_sq"].any())
