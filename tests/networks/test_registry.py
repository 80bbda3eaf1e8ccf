"""The registry of classifiers: counts, shapes, names, seeds."""

import pytest
import torch

from gendistill.config.catalogue.images import IMAGE_SIZES
from gendistill.config.catalogue.networks import NETWORKS
from gendistill.networks.registry import BUILDERS, build_network, fresh_network, initialised
from gendistill.runtime.errors import UserError

NAMES = sorted(BUILDERS)


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def small(name: str, *, channels: int = 3, image_size: int = 16, num_classes: int = 4, seed: int = 0):
    return fresh_network(
        name,
        channels=channels,
        image_size=image_size,
        num_classes=num_classes,
        width=0.0625,
        device="cpu",
        seed=seed,
    )


def test_the_registry_and_the_catalogue_have_the_same_names() -> None:
    assert set(BUILDERS) == set(NETWORKS)


@pytest.mark.parametrize("name", NAMES)
def test_standard_networks_match_the_catalogue(name: str) -> None:
    info = NETWORKS[name]
    with torch.device("meta"):  # shapes without memory or initialisation
        network = build_network(name, channels=3, image_size=32, num_classes=10)
        _, feature = network.features(torch.zeros(2, 3, 32, 32), info.layers[0])
    assert parameters(network) == info.parameters
    assert network.layers == info.layers
    assert info.second in network.layers
    assert feature.shape[1] == info.channels
    norms = {"instance": torch.nn.GroupNorm, "batch": torch.nn.BatchNorm2d}
    for norm, kind in norms.items():
        assert any(isinstance(module, kind) for module in network.modules()) == (norm == info.norm)


@pytest.mark.parametrize(
    ("name", "layer", "shape"),
    [
        ("resnet10_half", "stage2", (64, 16, 16)),
        ("resnet18_half", "stage2", (64, 16, 16)),
        ("resnet18", "stage2", (128, 16, 16)),
        ("resnet10_half", "stage1", (32, 32, 32)),
        ("resnet18", "stage4", (512, 4, 4)),
        ("convnet3", "block1", (128, 16, 16)),
        ("convnet3", "block2", (128, 8, 8)),
        ("convnet3", "block3", (128, 4, 4)),
        ("alexnet", "block5", (192, 4, 4)),
        ("vgg11", "block5", (512, 1, 1)),
    ],
)
def test_feature_shapes_at_32_pixels(name: str, layer: str, shape: tuple[int, int, int]) -> None:
    with torch.device("meta"):
        network = build_network(name, channels=3, image_size=32, num_classes=10)
        _, feature = network.features(torch.zeros(2, 3, 32, 32), layer)
    assert feature.shape == (2, *shape)


@pytest.mark.parametrize(("name", "length"), [("convnet3", 2048), ("alexnet", 3072), ("vgg11", 512)])
def test_embeddings_have_the_published_length(name: str, length: int) -> None:
    with torch.device("meta"):
        network = build_network(name, channels=3, image_size=32, num_classes=10)
        assert network.embed(torch.zeros(2, 3, 32, 32)).shape == (2, length)


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_every_size_and_channel_count_runs(name: str, image_size: int) -> None:
    for channels, num_classes in ((1, 2), (3, 1000)):
        network = small(name, channels=channels, image_size=image_size, num_classes=num_classes)
        images = torch.randn(2, channels, image_size, image_size)
        logits = network(images.to(memory_format=torch.channels_last))
        assert logits.shape == (2, num_classes)
        assert logits.isfinite().all()
        assert not torch.equal(logits[0], logits[1])


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_no_single_pixel_is_ever_instance_normalised(name: str, image_size: int) -> None:
    network = small(name, image_size=image_size)
    sides = []
    for module in network.modules():
        if isinstance(module, torch.nn.GroupNorm | torch.nn.BatchNorm2d):
            module.register_forward_hook(lambda module, inputs, output: sides.append(output.shape[-1]))
    network(torch.randn(2, 3, image_size, image_size))
    assert all(side >= 2 for side in sides)


@pytest.mark.parametrize("name", NAMES)
def test_features_come_with_the_logits_of_forward(name: str) -> None:
    network = small(name).eval()
    images = torch.randn(3, 3, 16, 16)
    expected = network(images)
    for layer in network.layers:
        logits, feature = network.features(images, layer)
        assert torch.equal(logits, expected)
        assert feature.min() >= 0  # every layer ends in a ReLU, perhaps pooled
    torch.testing.assert_close(network.classifier(network.embed(images)), expected)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_logits_and_feature_reach_the_images(name: str) -> None:
    network = small(name)
    images = torch.randn(3, 3, 16, 16, requires_grad=True)
    logits, feature = network.features(images, network.layers[1])
    (from_feature,) = torch.autograd.grad(feature.square().sum(), images, retain_graph=True)
    (from_logits,) = torch.autograd.grad(logits.square().sum(), images)
    assert from_feature.abs().sum() > 0
    assert from_logits.abs().sum() > 0


@pytest.mark.parametrize("name", ["convnet3", "alexnet", "resnet10", "resnet10_half"])
def test_networks_can_be_differentiated_twice(name: str) -> None:
    network = small(name)
    images = torch.randn(2, 3, 16, 16)
    loss = network(images).square().sum()
    gradients = torch.autograd.grad(loss, list(network.parameters()), create_graph=True)
    sum(gradient.square().sum() for gradient in gradients).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_only_batch_norm_networks_depend_on_the_mode(name: str) -> None:
    network = small(name)
    images = torch.randn(4, 3, 16, 16)
    training = network(images)
    evaluating = network.eval()(images)
    assert torch.equal(training, evaluating) != (NETWORKS[name].norm == "batch")


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'convnet4' is unknown; choose one of convnet3, alexnet, vgg11"):
        build_network("convnet4", channels=3, image_size=32, num_classes=10)
    with pytest.raises(UserError, match=r"'block4' is not in this network; it has block1, block2, block3"):
        small("convnet3").features(torch.zeros(1, 3, 16, 16), "block4")


@pytest.mark.parametrize("image_size", [8, 28, 48, 256])
def test_sizes_that_the_networks_are_not_built_for_are_rejected(image_size: int) -> None:
    with pytest.raises(ValueError, match=f"image_size is {image_size}; networks are built for 16, 32"):
        build_network("convnet3", channels=3, image_size=image_size, num_classes=10)


def test_parameters_are_a_function_of_the_seed_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = small("resnet10_half", seed=7).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again = small("resnet10_half", seed=7).state_dict()
    other = small("resnet10_half", seed=8).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_the_global_generator_is_put_back_after_an_error() -> None:
    before = torch.get_rng_state()

    def build() -> torch.nn.Module:
        torch.rand(3)
        raise UserError("no")

    with pytest.raises(UserError):
        initialised(build, 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_half_networks_are_initialised_by_fan_out() -> None:
    network = initialised(lambda: build_network("resnet10_half", channels=3, image_size=32, num_classes=10), 0)
    weight = network.get_submodule("stages.stage4.0.body.3").weight
    # N(0, 2 / (k^2 C_out)): k = 3, C_out = 256; 590k draws fix the deviation to about 0.1 %.
    assert weight.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.01)
    assert weight.abs().max() > 4 * weight.std()  # normal, not the default's uniform
