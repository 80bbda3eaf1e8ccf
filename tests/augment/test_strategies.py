"""DSA and DiffAug: which groups are applied, to whom, and from which stream."""

from types import ModuleType

import pytest
import torch
from torch import Tensor

from gendistill.augment import diffaug, dsa
from gendistill.augment.groups import GROUPS, Draws
from gendistill.config.catalogue.augmentations import DIFF_AUGMENT_GROUPS, DSA_GROUPS
from gendistill.runtime.errors import UserError
from gendistill.runtime.streams import generator

BOTH = pytest.mark.parametrize("module", [dsa, diffaug], ids=["dsa", "diffaug"])
COLOR_CROP_CUTOUT = "color_crop_cutout"


def record_groups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the groups applied, in order, in place of the groups."""
    applied: list[str] = []

    def spy(name: str):
        def group(images: Tensor, source: Draws) -> Tensor:
            applied.append(name)
            source.uniform(0, 1)
            return images

        return group

    for name in list(GROUPS):
        monkeypatch.setitem(GROUPS, name, spy(name))
    return applied


@BOTH
@pytest.mark.parametrize("shared", [False, True])
def test_none_returns_the_input_and_draws_nothing(module: ModuleType, shared: bool) -> None:
    images, stream = torch.randn(2, 3, 16, 16), generator("cpu", 0)
    before = stream.get_state()
    assert module.augment(images, "none", stream, shared) is images
    assert torch.equal(stream.get_state(), before)


@BOTH
@pytest.mark.parametrize("shared", [False, True])
def test_the_stream_decides_and_the_global_generator_is_left_alone(module: ModuleType, shared: bool) -> None:
    images = torch.randn(4, 3, 16, 16)
    before = torch.get_rng_state()
    first = module.augment(images, COLOR_CROP_CUTOUT, generator("cpu", 5), shared)
    torch.rand(3)
    again = module.augment(images, COLOR_CROP_CUTOUT, generator("cpu", 5), shared)
    other = module.augment(images, COLOR_CROP_CUTOUT, generator("cpu", 6), shared)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.set_rng_state(before)
    module.augment(images, COLOR_CROP_CUTOUT, generator("cpu", 5), shared)
    assert torch.equal(torch.get_rng_state(), before)


@BOTH
def test_a_shared_draw_is_the_same_for_batches_of_any_size(module: ModuleType) -> None:
    """Siamese use: two calls with equally seeded streams equal one call on the concatenation."""
    real, generated = torch.randn(5, 3, 16, 16), torch.randn(2, 3, 16, 16)
    for seed in range(8):
        apart = [
            module.augment(images, COLOR_CROP_CUTOUT, generator("cpu", seed), True) for images in (real, generated)
        ]
        together = module.augment(torch.cat([real, generated]), COLOR_CROP_CUTOUT, generator("cpu", seed), True)
        torch.testing.assert_close(torch.cat(apart), together)


@BOTH
def test_parameters_differ_between_images_unless_shared(module: ModuleType) -> None:
    images = torch.randn(1, 3, 16, 16).repeat(32, 1, 1, 1)
    per_image = module.augment(images, "crop", generator("cpu", 0), False)
    shared = module.augment(images, "crop", generator("cpu", 0), True)
    assert len({tuple(image.flatten().tolist()) for image in per_image}) > 5
    assert len({tuple(image.flatten().tolist()) for image in shared}) == 1


@BOTH
@pytest.mark.parametrize("shared", [False, True])
def test_gradients_reach_every_image(module: ModuleType, shared: bool) -> None:
    for seed in range(6):
        images = torch.randn(3, 1, 16, 16, requires_grad=True)
        module.augment(images, "color_crop_cutout_flip", generator("cpu", seed), shared).square().sum().backward()
        assert images.grad is not None
        assert (images.grad.flatten(1).abs().sum(dim=1) > 0).all()


@BOTH
def test_streams_that_go_on_give_new_draws(module: ModuleType) -> None:
    images, stream = torch.randn(2, 1, 16, 16), generator("cpu", 0)
    results = [module.augment(images, "color", stream, True) for _ in range(3)]
    assert not torch.equal(results[0], results[1])
    assert not torch.equal(results[1], results[2])


def test_diffaug_applies_every_named_group_in_its_own_order(monkeypatch: pytest.MonkeyPatch) -> None:
    applied = record_groups(monkeypatch)
    diffaug.augment(torch.zeros(1, 1, 16, 16), "cutout_crop_flip_color", generator("cpu", 0), False)
    assert applied == ["flip", "color", "crop", "cutout"] == list(diffaug.ORDER)
    assert set(diffaug.ORDER) == set(DIFF_AUGMENT_GROUPS)


def test_dsa_applies_one_group_drawn_uniformly(monkeypatch: pytest.MonkeyPatch) -> None:
    applied = record_groups(monkeypatch)
    stream, images = generator("cpu", 0), torch.zeros(1, 1, 16, 16)
    for _ in range(1200):
        dsa.augment(images, "_".join(DSA_GROUPS), stream, False)
    assert len(applied) == 1200
    for name in DSA_GROUPS:
        assert abs(applied.count(name) - 200) < 65  # 5 deviations of a binomial (1200, 1/6)


def test_dsa_draws_the_group_anew_for_every_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    applied = record_groups(monkeypatch)
    for step in range(60):
        dsa.augment(torch.zeros(1, 1, 16, 16), COLOR_CROP_CUTOUT, generator("cpu", 0, "aug", step), True)
    assert set(applied) == {"color", "crop", "cutout"}


def test_diffaug_does_not_know_the_geometric_groups_of_dsa() -> None:
    images = torch.zeros(1, 1, 16, 16)
    dsa.augment(images, "rotate", generator("cpu", 0), False)
    with pytest.raises(UserError, match=r"'rotate' is not a group; use none, or groups from color, crop, cut"):
        diffaug.augment(images, "crop_rotate", generator("cpu", 0), False)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@BOTH
def test_cuda_augments_without_waiting_for_the_device(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    images, stream = torch.randn(8, 3, 32, 32, device="cuda"), generator("cuda", 0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for shared in (False, True):
            module.augment(images, "color_crop_cutout_flip", stream, shared)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    applied = record_groups(monkeypatch)
    for _ in range(100):
        dsa.augment(images, COLOR_CROP_CUTOUT, stream, True)
    assert set(applied) == {"color", "crop", "cutout"}


def test_sets_are_augmented_as_each_alone() -> None:
    """Bit for bit, each under its own generator; more sets than groups, so that some go through one together."""
    strategy = "color_crop_cutout_flip_scale_rotate"
    sets = torch.randn(12, 3, 3, 16, 16, requires_grad=True)
    streams = [torch.Generator().manual_seed(seed) for seed in range(12)]
    found = dsa.augment_sets(sets, strategy, streams)
    for seed, (own, images) in enumerate(zip(found, sets, strict=True)):
        alone = dsa.augment(images, strategy, torch.Generator().manual_seed(seed), shared=True)
        assert torch.equal(own, alone)
    found[4].sum().backward()
    assert {int(place) for place in sets.grad.flatten(1).abs().sum(1).nonzero()} == {4}  # type: ignore[union-attr]
    assert dsa.augment_sets(sets, "none", []) is sets


def test_siamese_sets_share_group_and_parameters() -> None:
    """Equal images stay equal across sets of different sizes."""
    image = torch.randn(1, 1, 3, 16, 16).expand(12, 3, -1, -1, -1)
    both = [
        dsa.augment_sets(images, "color_crop_cutout_flip_scale_rotate", [generator("cpu", seed) for seed in range(12)])
        for images in (image, image[:, :1])
    ]
    torch.testing.assert_close(both[0], both[1].expand_as(both[0]))
