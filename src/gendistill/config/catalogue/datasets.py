"""Data sets: what is known of them before their files are read."""

from dataclasses import dataclass
from typing import Final

from gendistill.config.catalogue import class_names
from gendistill.config.catalogue.table import table


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetInfo:
    """What is known of a data set before its files are read; None where only the file can tell.

    Attributes:
        name: its name in params.yaml.
        title: its name in tables; of data that data.path names, what that is.
        channels: 1 (grey) or 3 (colour).
        native_size: pixels a side of the images as published.
        num_classes: number of labels.
        train_count: training images, before any are held out.
        test_count: test images.
        classes: names of the classes in the order of the labels.
        has_flip: a mirrored image is an image of the same class (objects, not digits).
        description: one line.
        validation: it has a validation part of its own.
    """

    name: str
    title: str
    channels: int | None
    native_size: int | None
    num_classes: int | None
    train_count: int | None
    test_count: int | None
    classes: tuple[str, ...] | None
    has_flip: bool
    description: str
    validation: bool | None = False


DATASETS: Final[dict[str, DatasetInfo]] = table(
    DatasetInfo(
        name="digits",
        title="Digits",
        channels=1,
        native_size=8,
        num_classes=10,
        train_count=1437,
        test_count=360,
        classes=class_names.DIGITS,
        has_flip=False,
        description="scikit-learn's 1,797 handwritten digits, embedded; stratified into 1,437 and 360 by us",
    ),
    DatasetInfo(
        name="mnist",
        title="MNIST",
        channels=1,
        native_size=28,
        num_classes=10,
        train_count=60_000,
        test_count=10_000,
        classes=class_names.DIGITS,
        has_flip=False,
        description="handwritten digits",
    ),
    DatasetInfo(
        name="fashion_mnist",
        title="Fashion-MNIST",
        channels=1,
        native_size=28,
        num_classes=10,
        train_count=60_000,
        test_count=10_000,
        classes=class_names.FASHION_MNIST,
        has_flip=True,
        description="grey pictures of clothes",
    ),
    DatasetInfo(
        name="cifar10",
        title="CIFAR-10",
        channels=3,
        native_size=32,
        num_classes=10,
        train_count=50_000,
        test_count=10_000,
        classes=class_names.CIFAR10,
        has_flip=True,
        description="small photographs of ten kinds of animals and vehicles",
    ),
    DatasetInfo(
        name="cifar100",
        title="CIFAR-100",
        channels=3,
        native_size=32,
        num_classes=100,
        train_count=50_000,
        test_count=10_000,
        classes=class_names.CIFAR100,
        has_flip=True,
        description="small photographs of a hundred kinds of things",
    ),
    DatasetInfo(
        name="svhn",
        title="SVHN",
        channels=3,
        native_size=32,
        num_classes=10,
        train_count=73_257,
        test_count=26_032,
        classes=class_names.DIGITS,
        has_flip=False,
        description="house numbers cut out of photographs; classes of unequal size",
    ),
    DatasetInfo(
        name="npz",
        title="NPZ file",
        channels=None,
        native_size=None,
        num_classes=None,
        train_count=None,
        test_count=None,
        classes=None,
        has_flip=False,
        description="any .npz file with the keys of MedMNIST, named by data.path",
        validation=None,
    ),
    DatasetInfo(
        name="folder",
        title="image folder",
        channels=None,
        native_size=None,
        num_classes=None,
        train_count=None,
        test_count=None,
        classes=None,
        has_flip=False,
        description="any folder of image files, one folder a class, named by data.path",
        validation=None,
    ),
)
