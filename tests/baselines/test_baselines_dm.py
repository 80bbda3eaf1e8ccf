"""DM's loss against plain loops over classes and images, its augmentation, and its networks."""

import pytest
import torch

from gendistill.augment import dsa
from gendistill.baselines import dm
from gendistill.baselines.dm import distribution_matching, embed_real, train_step
from gendistill.baselines.images import augment_classes, redraw, sgd_images
from gendistill.baselines.order import PerClass
from gendistill.networks.registry import fresh_network
from gendistill.runtime.streams import generator as stream


def test_the_loss_by_hand():
    # class 0: means (1, 1) and (0, 1): 1; class 1: (2, 0) and (2, 3): 9
    real = torch.tensor([[[0.0, 0.0], [2.0, 2.0]], [[2.0, 0.0], [2.0, 0.0]]])
    synthetic = torch.tensor([[[0.0, 1.0]], [[2.0, 3.0]]])
    assert distribution_matching(real, synthetic).item() == 10.0


def test_a_step_against_plain_loops(make_task, bars):
    """One class after another, one image after another, with an augmentation of each class's own."""
    task = make_task("dm", ipc=2, augment="color_crop_cutout_flip_scale_rotate", real_batch=3)
    state = sgd_images(task.start("noise"), 1.0, 0.5)
    state.step = 4
    order = PerClass(bars.labels, 4, 3, 0, "dm")
    network = task.network("dm").requires_grad_(False)
    before = state.images.detach().clone()
    twin = task.network("dm").requires_grad_(False)
    redraw(twin, stream("cpu", 0, "dm", "network", 4))
    plain = before.clone().requires_grad_(True)
    index, expected = order.index(4).view(4, 3), 0.0
    for label in range(4):
        draw = stream("cpu", 0, "dm", "augment", 4, label)
        real = bars.batch(index[label])[0]
        assert bars.labels[index[label]].tolist() == [label] * 3
        mixed = dsa.augment(torch.cat([real, plain[2 * label : 2 * label + 2]]), task.params.augment, draw, shared=True)
        embedded = torch.cat([twin.embed(image[None]) for image in mixed])
        expected = expected + (embedded[:3].mean(0).detach() - embedded[3:].mean(0)).pow(2).sum()
    expected.backward()
    loss = train_step(state, network, task, order)
    torch.testing.assert_close(loss, expected.detach()[None])
    torch.testing.assert_close(state.images.detach(), before - plain.grad)  # first step: lr 1, no momentum yet
    assert state.step == 5
    assert all(value.grad is None for value in network.parameters())


def test_embeddings_do_not_depend_on_the_chunks(make_task, monkeypatch):
    network, images = make_task("dm").network("x"), torch.randn(3, 5, 1, 16, 16)
    whole = embed_real(network, images)
    monkeypatch.setattr(dm, "images_at_once", lambda *_: 4)
    torch.testing.assert_close(embed_real(network, images), whole)
    torch.testing.assert_close(whole[1, 2], network.embed(images[1, 2][None])[0])


def test_every_class_has_a_draw_that_both_sides_share():
    """The same image on both sides stays the same; the same image in two classes does not."""
    image = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(0))
    same = image.expand(6, 2, 1, 16, 16)
    real, synthetic = augment_classes(same, same[:, :1], "crop_cutout_scale_rotate", 0, "x", 3)
    assert real.shape == same.shape
    for label in range(6):
        torch.testing.assert_close(real[label, 0], synthetic[label, 0])
        torch.testing.assert_close(real[label, 0], real[label, 1])
    assert len({tuple(part.flatten().tolist()) for part in real[:, 0]}) == 6
    again, _ = augment_classes(same, same[:, :1], "crop_cutout_scale_rotate", 0, "x", 4)
    assert not torch.equal(again, real)
    assert augment_classes(same, same, "none", 0, "x", 0)[0] is same


def test_gradients_reach_the_synthetic_side_only():
    real = torch.randn(2, 2, 1, 16, 16, requires_grad=True)
    synthetic = torch.randn(2, 1, 1, 16, 16, requires_grad=True)
    a, b = augment_classes(real, synthetic, "color_flip", 0, "x", 0)
    (a.sum() * b.square().sum()).backward()
    assert real.grad is None
    assert synthetic.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["convnet3", "alexnet", "vgg11", "resnet10"])
def test_redrawn_weights_are_distributed_as_pytorchs(name):
    def built(seed: int):
        return fresh_network(name, channels=3, image_size=32, num_classes=10, width=0.25, device="cpu", seed=seed)

    network, default = built(0), built(1)
    for value in network.parameters():
        torch.nn.init.constant_(value, 7.0)
    redraw(network, torch.Generator().manual_seed(0))
    for (key, value), other in zip(network.named_parameters(), default.parameters(), strict=True):
        assert not (value == 7.0).any(), key
        assert value.abs().max() <= other.abs().max() * 1.3 + 1e-6, key
        if value.numel() > 2000:
            torch.testing.assert_close(value.std(), other.std(), rtol=0.05, atol=0)
    again = built(2)
    redraw(again, torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
