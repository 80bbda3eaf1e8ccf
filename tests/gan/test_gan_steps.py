"""One step of G and one of D: who learns, what D is shown, and what a step is worth."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from gendistill.data.order import Shuffled
from gendistill.data.resident import to_tanh
from gendistill.gan import train as module
from gendistill.gan.objectives import OBJECTIVES
from gendistill.gan.steps import augmented, discriminator_step, generator_terms
from gendistill.gan.train import TERMS, train_step
from gendistill.networks.latent import sample_latent
from gendistill.runtime.streams import generator as stream

LABELS = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])


def weights(network):
    return {name: value.clone() for name, value in network.named_parameters()}


def order_of(data):
    return Shuffled(len(data), 8, 0, "gan", "cpu")


def step_of_d(state, data, params, compute, seed=0):
    real = to_tanh(data.images[:8])
    draw = stream("cpu", seed, "test")
    return discriminator_step(
        state.generator, state.discriminator, state.discriminator_optimizer, real, LABELS, params, compute, draw
    )


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_step_of_d_leaves_g_alone(bars, compute, gan_params, make_gan, same_weights, objective):
    params = replace(gan_params, objective=objective)
    state = make_gan(params)
    generator, discriminator = weights(state.generator), weights(state.discriminator)
    step_of_d(state, bars, params, compute)
    assert same_weights(weights(state.generator), generator)
    assert all(parameter.grad is None for parameter in state.generator.parameters())
    assert not same_weights(weights(state.discriminator), discriminator)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_step_of_g_leaves_d_alone(bars, compute, gan_params, make_gan, same_weights, monkeypatch, objective):
    params = replace(gan_params, objective=objective)
    state = make_gan(params)
    generator, discriminator = weights(state.generator), weights(state.discriminator)
    monkeypatch.setattr(module, "discriminator_step", lambda *_: torch.zeros(2))
    train_step(state, bars, order_of(bars), params, 0, compute)
    assert same_weights(weights(state.discriminator), discriminator)
    assert all(parameter.grad is None for parameter in state.discriminator.parameters())
    assert not same_weights(weights(state.generator), generator)
    assert all(parameter.requires_grad for parameter in state.discriminator.parameters())


@pytest.mark.parametrize("class_weight", [0.0, 0.5])
def test_terms_of_g_by_their_definition(bars, gan_params, make_gan, class_weight):
    params = replace(gan_params, objective="minimax", class_weight=class_weight)
    state = make_gan(params)
    images = to_tanh(bars.images[:8])
    terms = generator_terms(state.discriminator, images, LABELS, params, stream("cpu", 0, "test"))
    values, logits = state.discriminator(images)
    critic = torch.log(1 - torch.sigmoid(values)).mean()
    classes = -torch.stack([row[label] for row, label in zip(logits.log_softmax(1), LABELS, strict=True)]).mean()
    torch.testing.assert_close(terms.critic, critic)
    torch.testing.assert_close(terms.classes, classes)
    torch.testing.assert_close(terms.total, critic + class_weight * classes)


@pytest.mark.parametrize("seed", [1, 2])
def test_loss_of_d_is_the_objective_and_both_cross_entropies_and_the_penalty(bars, compute, gan_params, make_gan, seed):
    """The step once more with the same draws: labels, latents, then the shares of the mixed images."""
    params = replace(gan_params, class_weight=0.5, gradient_penalty=7.0)
    state, again = make_gan(params), make_gan(params)
    loss, penalty = step_of_d(state, bars, params, compute, seed)

    draw = stream("cpu", seed, "test")
    wanted = torch.randint(4, (8,), generator=draw)
    fake = again.generator(sample_latent(8, 8, "cpu", draw), wanted).detach()
    real = to_tanh(bars.images[:8])
    (real_values, real_logits), (fake_values, fake_logits) = again.discriminator(real), again.discriminator(fake)
    share = torch.rand(8, generator=draw)[:, None, None, None]
    points = (share * real + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(again.discriminator(points)[0].sum(), points)
    expected_penalty = ((slope.square().sum((1, 2, 3)).sqrt() - 1) ** 2).mean()
    classes = F.cross_entropy(real_logits, LABELS) + F.cross_entropy(fake_logits, wanted)
    expected = fake_values.mean() - real_values.mean() + 0.5 * classes + 7 * expected_penalty
    torch.testing.assert_close(penalty, expected_penalty)
    torch.testing.assert_close(loss, expected.detach())


@pytest.mark.parametrize("changed", [{"objective": "minimax"}, {"gradient_penalty": 0.0}])
def test_no_penalty_where_none_is_asked_for(bars, compute, gan_params, make_gan, changed):
    params = replace(gan_params, **changed)
    assert step_of_d(make_gan(params), bars, params, compute)[1] == 0


def test_statistics_of_g_see_the_images_of_both_steps(bars, compute, gan_params, make_gan):
    """As in DiM's code: G is in train mode where it makes images for D."""
    state = make_gan(gan_params)
    count = state.generator.project[1].num_batches_tracked
    mean = state.generator.project[1].running_mean
    before = mean.clone()
    step_of_d(state, bars, gan_params, compute)
    assert count == 1
    assert not torch.equal(mean, before)
    train_step(state, bars, order_of(bars), gan_params, 0, compute)
    assert count == 3


def test_d_takes_its_steps_on_different_batches(bars, compute, gan_params, make_gan, monkeypatch):
    params = replace(gan_params, discriminator_steps=3)
    real, seen = discriminator_step, []

    def spy(generator, discriminator, optimizer, images, labels, *rest):
        seen.append((images, labels))
        return real(generator, discriminator, optimizer, images, labels, *rest)

    monkeypatch.setattr(module, "discriminator_step", spy)
    state = make_gan(params)
    for _ in range(2):
        train_step(state, bars, order_of(bars), params, 0, compute)
    assert state.step == 2
    assert len(seen) == 6
    for step, (images, labels) in enumerate(seen):
        index = order_of(bars).index(step)
        assert torch.equal(images, to_tanh(bars.images[index]))
        assert torch.equal(labels, bars.labels[index])


def test_noise_is_new_at_every_step_and_g_is_asked_for_the_labels_of_the_batch(bars, compute, gan_params, make_gan):
    params = replace(gan_params, discriminator_steps=2)
    state, order, asked = make_gan(params), order_of(bars), []
    state.generator.register_forward_pre_hook(lambda _, args: asked.append(args))
    for _ in range(3):
        train_step(state, bars, order, params, 0, compute)
    state.step = 0
    train_step(state, bars, order, params, 1, compute)  # another seed
    assert len({tuple(z.flatten().tolist()) for z, _ in asked}) == len(asked) == 4 * (1 + 2)
    for step in range(3):
        assert torch.equal(asked[3 * step][1], bars.labels[order.index(2 * step)])


def test_the_average_is_taken_after_every_step_of_g(bars, compute, gan_params, make_gan):
    params = replace(gan_params, ema=0.8)
    state = make_gan(params)
    expected = weights(state.generator)
    for _ in range(3):
        train_step(state, bars, order_of(bars), params, 0, compute)
        expected = {name: 0.8 * expected[name] + 0.2 * value for name, value in state.generator.named_parameters()}
    for name, value in state.average.named_parameters():
        torch.testing.assert_close(value, expected[name].detach())
    assert make_gan(gan_params).average is None


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("conditioning", ["overwrite", "concat", "embed"])
def test_every_variant_trains(bars, compute, gan_params, make_gan, objective, conditioning):
    params = replace(gan_params, objective=objective, conditioning=conditioning, augment="color_crop_cutout", ema=0.9)
    state, before = make_gan(params), weights(make_gan(params).generator)
    for _ in range(2):
        losses = train_step(state, bars, order_of(bars), params, 0, compute)
        assert losses.shape == (len(TERMS),)
        assert bool(losses.isfinite().all())
        assert not losses.requires_grad
    moved = [name for name, value in state.generator.named_parameters() if not torch.equal(value, before[name])]
    assert ("embedding.weight" in moved) == (conditioning == "embed")
    assert {"project.0.weight", "paint.0.weight"} <= set(moved)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_d_learns_a_batch_that_comes_again_and_again(bars, compute, gan_params, make_gan, objective):
    params = replace(gan_params, objective=objective, lr=0.01)
    state = make_gan(params)
    losses = [step_of_d(state, bars, params, compute)[0].item() for _ in range(25)]
    assert losses[-1] < losses[0] - 1


def test_g_learns_what_d_wants(bars, compute, gan_params, make_gan, monkeypatch):
    monkeypatch.setattr(module, "discriminator_step", lambda *_: torch.zeros(2))
    params = replace(gan_params, lr=0.01, batch_size=32)
    state, order = make_gan(params), Shuffled(32, 32, 0, "gan", "cpu")
    losses = torch.stack([train_step(state, bars, order, params, 0, compute) for _ in range(25)])
    assert losses[-1, 0] < losses[0, 0] - 0.1


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_bf16_gives_the_losses_of_fp32_to_two_digits(bars, compute, gan_params, make_gan, objective):
    """The penalty is left out: rounding moves the maximum over D's last map, which in a tiny D is a different slope."""
    params = replace(gan_params, objective=objective, ema=0.9, gradient_penalty=0.0)
    half = replace(compute, precision="bf16")
    state, twin = make_gan(params), make_gan(params)
    exact, rounded = (train_step(s, bars, order_of(bars), params, 0, c) for s, c in ((state, compute), (twin, half)))
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(rounded, exact, rtol=0.05, atol=0.05)
    assert all(p.dtype == torch.float32 for part in (twin.generator, twin.discriminator) for p in part.parameters())


# --- what D sees


def test_a_shift_uncovers_black():
    """On grey images of 0.5, in [-1, 1], a crop leaves two values: 0.5, and -1 in a frame of at most 2 of 16 pixels."""
    images = torch.full((30, 1, 16, 16), 0.5)
    seen = augmented(images, "crop", stream("cpu", 0, "test"))
    assert set(seen.unique().tolist()) == {-1.0, 0.5}
    assert bool((seen[:, :, 2:-2, 2:-2] == 0.5).all())
    assert seen[:, 0].eq(-1).any(2).any(1).sum() > 20  # 24 of 25 shifts uncover something


def test_brightness_is_in_units_of_the_range_0_to_1():
    images = torch.zeros(200, 1, 2, 2)
    seen = augmented(images, "color", stream("cpu", 0, "test"))  # brightness alone changes a grey image: +-0.5 of 1
    assert seen.abs().max() <= 1
    assert seen.abs().max() > 0.9


def test_none_is_the_image_itself():
    images = torch.zeros(2, 1, 4, 4)
    assert augmented(images, "none", stream("cpu", 0, "test")) is images


def test_gradients_pass_through_the_augmentation(gan_params, make_gan):
    params = replace(gan_params, augment="color_crop")
    images = torch.zeros(8, 1, 16, 16, requires_grad=True)
    generator_terms(make_gan(params).discriminator, images, LABELS, params, stream("cpu", 0, "t")).total.backward()
    assert bool(images.grad.flatten(1).any(1).all())


@pytest.mark.parametrize("groups", ["none", "cutout"])
def test_d_sees_all_images_augmented(bars, compute, gan_params, make_gan, groups):
    """A cutout leaves a black square, exactly -1 in every image; a tanh image never reaches it by itself."""
    params = replace(gan_params, augment=groups)
    state = make_gan(params)
    bright = replace(bars, images=bars.images.clamp(min=30))
    shown = []
    state.discriminator.register_forward_pre_hook(lambda _, args: shown.append(args[0].detach()))
    train_step(state, bright, order_of(bars), params, 0, compute)
    assert [len(images) for images in shown] == [8, 16, 8]  # G's images; real and generated ones; those in between
    for images in shown[:2]:
        assert bool((images == -1).flatten(1).any(1).all()) == (groups == "cutout")
