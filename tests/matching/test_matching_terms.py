"""L_global and L_local of one batch in one network of the pool, and the record of the terms."""

import pytest
import torch

from gendistill.data.resident import ResidentImages
from gendistill.matching import distill as module
from gendistill.matching.distill import gradient_ratios, matching_terms, named_losses
from gendistill.matching.losses import global_loss, local_loss
from gendistill.networks.base import Network
from gendistill.runtime.streams import generator as stream

LABELS = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])


@pytest.fixture
def batch(bars: ResidentImages) -> tuple[torch.Tensor, torch.Tensor]:
    """Real images and others of the same labels, as a stand-in for generated ones."""
    return bars.batch(torch.arange(8))[0], bars.batch(torch.arange(8, 16))[0]


def member_of(make_pool, recipe):
    pool = make_pool(recipe)
    pool.train(pool.at(0), 0)
    return pool.members[0]


def draw() -> torch.Generator:
    return stream("cpu", 0, "test")


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("logits", ["raw", "log_softmax"])
@pytest.mark.parametrize("omega_l", [0.0, 0.001])
def test_the_global_term_compares_logits(batch, make_recipe, make_pool, logits, reduction, omega_l):
    recipe = make_recipe(global_logits=logits, global_reduction=reduction, omega_l=omega_l)
    member = member_of(make_pool, recipe)
    terms = matching_terms(member, *batch, LABELS, recipe, draw())
    expected = global_loss(member.network(batch[0]), member.network(batch[1]), logits=logits, reduction=reduction)
    torch.testing.assert_close(terms["global"], expected)


@pytest.mark.parametrize("form", ["batch_mean_l2", "class_mean_l2"])
@pytest.mark.parametrize(
    ("pool", "layer", "expected"),
    [
        ("convnet3", "second", "block2"),
        ("convnet3", "block1", "block1"),
        ("resnet10_half", "second", "stage2"),
        ("resnet10_half", "stem", "stem"),
    ],
)
def test_the_local_term_compares_the_layer_asked_for(batch, make_recipe, make_pool, form, pool, layer, expected):
    recipe = make_recipe(pool=(pool,), local_layer=layer, local_form=form)
    member = member_of(make_pool, recipe)
    terms = matching_terms(member, *batch, LABELS, recipe, draw())
    features = [features_by_hand(member.network, images, expected) for images in batch]
    torch.testing.assert_close(terms["local"], local_loss(*features, LABELS, num_classes=4, form=form))


def features_by_hand(network: Network, images: torch.Tensor, layer: str) -> torch.Tensor:
    for name, stage in network.stages.items():
        images = stage(images)
        if name == layer:
            return images
    raise AssertionError(layer)


def test_real_and_generated_images_are_passed_separately(batch, make_recipe, make_pool):
    """BatchNorm then sees each batch's own statistics; one pass over both would mix them."""
    recipe = make_recipe(pool=("resnet10_half",))
    member = member_of(make_pool, recipe)
    sizes = []
    member.network.stages["stem"].register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    moved = (batch[0], batch[1] + 3)  # batch normalisation takes a constant away where a batch is alone
    terms = matching_terms(member, *moved, LABELS, recipe, draw())
    assert sizes == [8, 8]
    torch.testing.assert_close(terms["global"], global_loss(member.network(moved[0]), member.network(moved[1])))


@pytest.mark.parametrize("pool", ["convnet3", "resnet10_half"])
def test_one_draw_of_augmentation_serves_both_batches(batch, make_recipe, make_pool, pool):
    recipe = make_recipe(pool=(pool,), match_augment="color_crop_cutout")
    member = member_of(make_pool, recipe)
    terms = matching_terms(member, batch[0], batch[0].clone(), LABELS, recipe, draw())
    assert terms["global"].item() == pytest.approx(0, abs=1e-10)
    assert terms["local"].item() == pytest.approx(0, abs=1e-10)
    plain = matching_terms(member, *batch, LABELS, make_recipe(pool=(pool,)), draw())
    augmented = matching_terms(member, *batch, LABELS, recipe, draw())
    assert plain["local"].item() != augmented["local"].item()


def test_omega_l_zero_computes_no_features(batch, make_recipe, make_pool, monkeypatch):
    recipe = make_recipe(omega_l=0.0)
    member = member_of(make_pool, recipe)
    for name in ("features", "local_loss"):
        target = Network if name == "features" else module
        monkeypatch.setattr(target, name, lambda *_, **__: pytest.fail("computed for nothing"))
    assert matching_terms(member, *batch, LABELS, recipe, draw()).keys() == {"global"}


def test_omega_g_zero_leaves_the_global_term_out(batch, make_recipe, make_pool, monkeypatch):
    recipe = make_recipe(omega_g=0.0)
    monkeypatch.setattr(module, "global_loss", lambda *_, **__: pytest.fail("computed for nothing"))
    terms = matching_terms(member_of(make_pool, recipe), *batch, LABELS, recipe, draw())
    assert terms.keys() == {"local"}


@pytest.mark.parametrize("omega_l", [0.0, 0.1])
def test_gradients_reach_the_generated_images_and_nothing_else(batch, make_recipe, make_pool, omega_l):
    recipe = make_recipe(omega_l=omega_l, match_augment="color_crop")
    member = member_of(make_pool, recipe)
    before = [None if p.grad is None else p.grad.clone() for p in member.network.parameters()]
    real, fake = batch[0].clone().requires_grad_(), batch[1].clone().requires_grad_()
    sum(matching_terms(member, real, fake, LABELS, recipe, draw()).values()).backward()
    assert bool((fake.grad != 0).flatten(1).any(1).all())
    assert real.grad is None or not bool(real.grad.any())
    for parameter, old in zip(member.network.parameters(), before, strict=True):
        assert parameter.grad is old is None or torch.equal(parameter.grad, old)


def test_the_record_names_every_term():
    terms = {"gan": torch.tensor(2.0), "global": torch.tensor(4.0)}
    record = named_losses(torch.tensor(3.0), terms, {"gan": 1.0, "global": 0.25, "local": 0.5})
    assert dict(zip(module.TERMS, record.tolist(), strict=False)) == {
        "total": 3, "gan": 2, "global": 4, "global_weighted": 1, "local": 0, "local_weighted": 0,
    }  # fmt: skip


def test_gradient_ratios_by_hand():
    """Slopes on the weights: gan (3, 4), norm 5; global 2 * (5, 12), norm 26; local on the bias only, 0.5 * 4."""
    network = torch.nn.Linear(2, 1)
    a, b = network.weight[0]
    terms = {"gan": 3 * a + 4 * b, "global": 5 * a + 12 * b, "local": 4 * network.bias.sum()}
    ratios = gradient_ratios(network, terms, {"gan": 1.0, "global": 2.0, "local": 0.5})
    assert ratios == {
        "global_gradient_ratio": pytest.approx(26 / 5),
        "local_gradient_ratio": pytest.approx(2 / 5),
    }
    assert network.weight.grad is None
    del terms["local"]
    assert gradient_ratios(network, terms, {"gan": 1.0, "global": 2.0, "local": 0.0})["local_gradient_ratio"] == 0
