"""The fast forms against their plain twins: the same losses.

In fp32 the two differ by the order of sums alone; rtol 1e-4 leaves room for three steps of Adam, whose first updates
are signs of gradients. Under bf16 autocast losses within a tenth are asked for: WGAN-GP weighs a penalty of rounded
slopes by 10.
"""

from dataclasses import replace

import pytest
import torch

from benchmarks import dc_step, distill_step, dm_step, evaluate_students, gan_step
from benchmarks.inputs import CLASSES, SEED
from benchmarks.plain import augment, check, cross_entropy, with_plain_optimizers
from gendistill.augment import diffaug
from gendistill.baselines import dm, gradients, parts
from gendistill.baselines.gradient_matching import Trainee, outer_step
from gendistill.evaluation.cells import build_student
from gendistill.evaluation.student import augment_stream, train_step
from gendistill.gan.train import train_step as gan_train_step
from gendistill.matching.distill import prepare_state
from gendistill.matching.distill import train_step as distill_train_step
from gendistill.matching.pool import Pool

STEPS = 3


def gan_losses(setting):
    params, fast, plain = setting.params.gan, setting.gan(), with_plain_optimizers(setting.gan(), setting.params.gan)
    order = setting.order(params.batch_size, "gan")
    ours = [gan_train_step(fast, setting.data, order, params, SEED, setting.compute) for _ in range(STEPS)]
    twins = [gan_step.plain_step(plain, setting.data, order, params, SEED) for _ in range(STEPS)]
    return torch.stack(ours), torch.stack(twins)


def distill_losses(setting):
    recipe = setting.recipe
    state = prepare_state(setting.gan(), recipe.distill.lr)
    order = setting.order(recipe.distill.batch_size, "distill")
    pool = Pool(recipe.distill, setting.data, num_classes=CLASSES, seed=SEED, compute=setting.compute)
    twin = distill_step.Twin(recipe, setting.data, with_plain_optimizers(setting.gan(), recipe.gan, recipe.distill.lr))
    ours = [
        distill_train_step(state, pool, setting.data, order, recipe, SEED, setting.compute)[0] for _ in range(STEPS)
    ]
    return torch.stack(ours), torch.stack([twin.step() for _ in range(STEPS)])


def test_a_gan_step_equals_its_twin(make_setting):
    ours, twins = gan_losses(make_setting())
    assert ours.shape == (STEPS, 4)
    torch.testing.assert_close(ours, twins, rtol=1e-4, atol=1e-5)


def test_a_distillation_step_equals_its_twin(make_setting):
    ours, twins = distill_losses(make_setting())
    assert ours.shape == (STEPS, 8)
    assert bool((twins[:, 2:6] > 0).all())  # both matching terms are there
    torch.testing.assert_close(ours, twins, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("losses", [gan_losses, distill_losses])
def test_under_bf16_the_losses_are_close_to_the_twins(make_setting, losses):
    ours, twins = losses(make_setting("bf16"))
    assert not torch.allclose(ours, twins, rtol=1e-5, atol=0)  # it is another precision
    torch.testing.assert_close(ours, twins, rtol=0.1, atol=0.1)


def test_students_equal_their_twins(make_setting):
    setting = make_setting(epochs={1: 6})
    generator = evaluate_students.fresh_generator(setting).eval().requires_grad_(False)
    splits, plan = evaluate_students.splits_of(setting, 1), evaluate_students.budget_of(setting, 1)
    assert plan.augment == "color_crop"
    twins = evaluate_students.plain_students(setting, 1, generator, splits)
    assert len(twins) == 5
    for number in (0, 4):
        student = build_student("convnet3", number, plan, splits, setting.params.evaluate.width, SEED, setting.compute)
        source = evaluate_students.source_of(setting, 1, generator, setting.compute)
        source.start(SEED, number)
        losses = []
        for step in range(plan.steps):
            draw = augment_stream(setting.compute.device, SEED, number, step)
            losses.append(train_step(student, *source.batch(step), plan, draw).item())
        assert losses == pytest.approx(twins[number][1], rel=1e-4)
    # a cell shares the images, and generates in another memory layout: an image may differ by a grey level
    accuracies = evaluate_students.fast(setting, 1)()
    one_image = 1 / len(splits.test)
    assert accuracies == pytest.approx([accuracy for accuracy, _ in twins], abs=4 * one_image)


def test_dm_equals_its_twin(make_setting, monkeypatch):
    """Losses, and the images after some steps; real images embedded seven at a time, across classes."""
    monkeypatch.setattr(dm, "images_at_once", lambda network, images: 7)
    setting = make_setting(dm_batch=5, ipc=3)
    task = dm_step.task_of(setting)
    assert task.params.augment == "color_crop_cutout_flip_scale_rotate"
    found = []
    for step in (dm.train_step, dm_step.plain_step):
        state, network, order = dm_step.beginning(task)
        losses = [step(state, network, task, order) for _ in range(STEPS)]
        found.append((torch.cat(losses), state.images.detach()))
    assert found[0][0].shape == (STEPS,)
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["dc", "dsa"])
@pytest.mark.parametrize("at_a_time", [3, 1000])  # classes and passes cut in parts, or whole
def test_gradient_matching_equals_its_twin(make_setting, monkeypatch, method, at_a_time):
    """Losses and images over two iterations, so that a network starts afresh with an optimiser of its own."""
    monkeypatch.setattr(parts, "images_at_once", lambda network, images: at_a_time)
    monkeypatch.setattr(gradients, "VMAP_PIXELS", {"cpu": 0 if at_a_time == 3 else 10**9})
    setting = make_setting(dc_batch=5, ipc=2, dc_updates=3)
    task = dc_step.task_of(setting, method)
    assert (task.params.augment == "none") == (method == "dc")
    state, order = dc_step.beginning(task)
    trainee, twin = Trainee(task), dc_step.Twin(task)
    losses = torch.cat([outer_step(state, trainee, task, order) for _ in range(6)])
    twins = torch.cat(twin.iteration() + twin.iteration())
    torch.testing.assert_close(losses, twins, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(state.images.detach(), twin.state.images.detach(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("strategy", ["none", "color", "crop", "cutout", "color_crop", "color_crop_cutout"])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("side", [16, 10])  # cutouts of even and of odd side
def test_augmentation_image_by_image_equals_the_batched_form(strategy, shared, side):
    images = torch.sin(torch.arange(12 * 3 * side * side).float()).view(12, 3, side, side)
    ours = diffaug.augment(images, strategy, torch.Generator().manual_seed(3), shared)
    twin = augment(images, strategy, torch.Generator().manual_seed(3), shared=shared)
    torch.testing.assert_close(ours, twin, rtol=1e-5, atol=1e-5)


def test_the_twins_cross_entropy_is_torchs():
    logits, labels = torch.sin(torch.arange(15.0)).view(5, 3) * 9, torch.tensor([0, 2, 1, 1, 0])
    torch.testing.assert_close(cross_entropy(logits, labels), torch.nn.functional.cross_entropy(logits, labels))


def test_the_twins_refuse_a_recipe_they_do_not_follow(make_setting):
    with pytest.raises(ValueError, match="the plain twins follow the paper's preset"):
        check(replace(make_setting().params.gan, objective="hinge"))
