import pytest

from gendistill.reporting.cells import Result
from gendistill.reporting.paper import Comparison, comparisons, printed


@pytest.mark.parametrize(
    ("dataset", "source", "network", "protocol", "ipc", "mean", "std", "steps"),
    [
        ("mnist", "ours", "convnet3", "fresh", 1, 97.3, 0.3, 1000),
        ("cifar10", "ours", "convnet3", "fresh", 50, 73.1, 0.2, 5000),  # 500 images in batches of 100
        ("fashion_mnist", "dim", "convnet3", "fresh", 10, 88.2, 0.2, 1000),
        ("cifar10", "cgan", "convnet3", "fresh", 10, 62.7, 0.9, 1000),
        ("cifar10", "random", "convnet3", "fixed_plain", 50, 43.4, 1.0, 600),  # 500 images in batches of 256
        ("mnist", "random", "convnet3", "fixed_plain", 1, 64.9, 3.5, 1000),
        ("mnist", "whole", "convnet3", "whole", None, 99.6, 0.0, None),
        ("cifar10", "ours", "resnet18_half", "fresh", 10, 71.6, None, 1000),
        ("cifar10", "dim", "vgg11", "fresh", 10, 66.8, None, 1000),
    ],
)
def test_printed_values(dataset, source, network, protocol, ipc, mean, std, steps):
    found = printed(dataset, source, network, protocol, ipc)
    assert found is not None
    assert (found.mean, found.std, found.steps) == (mean, std, steps)


@pytest.mark.parametrize(
    "key",
    [
        ("digits", "ours", "convnet3", "fresh", 1),
        ("mnist", "ours", "convnet3", "fixed", 1),  # generative rows are fresh
        ("mnist", "random", "convnet3", "fixed", 1),  # printed without augmentation
        ("mnist", "real", "convnet3", "fresh", 1),
        ("mnist", "ours", "convnet3", "fresh", 5),
        ("mnist", "ours", "vgg11", "fresh", 10),  # Table 2 is CIFAR-10
        ("cifar10", "ours", "vgg11", "fresh", 50),  # and IPC 10
        ("cifar10", "ours", "resnet18", "fresh", 10),  # and half width
        ("cifar10", "whole", "vgg11", "whole", None),
    ],
)
def test_nothing_printed_belongs_here(key):
    assert printed(*key) is None


def result(statistics, **changes) -> Result:
    found = statistics([0.96, 0.97], **changes)
    del found["accuracies"]
    return Result(source="ours", network="convnet3", protocol="fresh", ipc=10, **found)


def test_a_comparison_carries_both_students(statistics):
    (pair,) = comparisons([result(statistics)], "mnist", 32)
    assert pair.trained_here == "width 32, 300 steps"
    assert pair.trained_there == "width 128, 1,000 steps"
    assert pair.differences == ("narrower student", "fewer steps")


def test_like_for_like_has_no_differences(statistics):
    mine = result(statistics, width=1.0, channels=128, steps=1000)
    number = printed("mnist", "ours", "convnet3", "fresh", 10)
    assert Comparison(result=mine, printed=number, image_size=32).differences == ()
    assert Comparison(result=mine, printed=number, image_size=16).differences == ("16-pixel images",)
