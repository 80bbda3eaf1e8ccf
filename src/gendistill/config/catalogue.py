"""The names that params.yaml may use, each with what must be known before torch is imported.

One table a kind of name; a name is written once, here. What a name does is built elsewhere
(``data`` builds data sets, ``networks`` builds networks, and so on) and tested against these tables.
"""

from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeVar

from gendistill.config import class_names


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Entry = TypeVar("_Entry", bound=_Named)


def _table(*entries: _Entry) -> dict[str, _Entry]:
    """Entries by name, in the order given."""
    return {entry.name: entry for entry in entries}


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetInfo:
    """What is known of a data set before its files are read; None where only the file can tell.

    Attributes:
        name: its name in params.yaml.
        title: its name in tables.
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


DATASETS: Final[dict[str, DatasetInfo]] = _table(
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
        title="Image folder",
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


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkInfo:
    """A classifier that students are built from and that the generator is matched in.

    Attributes:
        name: its name in params.yaml.
        title: its name in tables.
        channels: channels of its first block at width 1.0; the others keep their ratio to it.
        norm: normalisation layers.
        layers: names of its features, in forward order.
        second: the layer that `loss.local_layer: second` means.
        parameters: parameter count at width 1.0 for 3 x 32 x 32 images and 10 classes.
        source: where the architecture comes from.
        description: one line.
    """

    name: str
    title: str
    channels: int
    norm: Literal["instance", "batch", "none"]
    layers: tuple[str, ...]
    second: str
    parameters: int
    source: str
    description: str


_RESNET_LAYERS: Final = ("stem", "stage1", "stage2", "stage3", "stage4")
_FIVE_BLOCKS: Final = ("block1", "block2", "block3", "block4", "block5")

NETWORKS: Final[dict[str, NetworkInfo]] = _table(
    NetworkInfo(
        name="convnet3",
        title="ConvNet3",
        channels=128,
        norm="instance",
        layers=("block1", "block2", "block3"),
        second="block2",
        parameters=320_010,
        source="Zhao et al., Dataset Condensation with Gradient Matching (arXiv 2006.05929)",
        description="three blocks of convolution, instance norm, ReLU and average pooling",
    ),
    NetworkInfo(
        name="resnet10",
        title="ResNet10",
        channels=64,
        norm="instance",
        layers=_RESNET_LAYERS,
        second="stage2",
        parameters=4_903_242,
        source="He et al., Deep Residual Learning (arXiv 1512.03385), with the small-image stem",
        description="four stages of one basic block, 64 to 512 channels",
    ),
    NetworkInfo(
        name="resnet18",
        title="ResNet18",
        channels=64,
        norm="instance",
        layers=_RESNET_LAYERS,
        second="stage2",
        parameters=11_173_962,
        source="He et al., Deep Residual Learning (arXiv 1512.03385), with the small-image stem",
        description="four stages of two basic blocks, 64 to 512 channels",
    ),
    NetworkInfo(
        name="resnet10_half",
        title="ResNet10 (half width)",
        channels=32,
        norm="batch",
        layers=_RESNET_LAYERS,
        second="stage2",
        parameters=1_228_970,
        source="Wang et al., DiM (arXiv 2303.04707), official code",
        description="four stages of one basic block, 32 to 256 channels",
    ),
    NetworkInfo(
        name="resnet18_half",
        title="ResNet18 (half width)",
        channels=32,
        norm="batch",
        layers=_RESNET_LAYERS,
        second="stage2",
        parameters=2_797_610,
        source="Wang et al., DiM (arXiv 2303.04707), official code",
        description="four stages of two basic blocks, 32 to 256 channels",
    ),
    NetworkInfo(
        name="alexnet",
        title="AlexNet",
        channels=128,
        norm="none",
        layers=_FIVE_BLOCKS,
        second="block2",
        parameters=1_872_202,
        source="Zhao et al., Dataset Condensation with Gradient Matching (arXiv 2006.05929)",
        description="five convolutions, three of them with max pooling, one linear layer",
    ),
    NetworkInfo(
        name="vgg11",
        title="VGG11",
        channels=64,
        norm="instance",
        layers=_FIVE_BLOCKS,
        second="block2",
        parameters=9_231_114,
        source="Zhao et al., Dataset Condensation with Gradient Matching (arXiv 2006.05929)",
        description="eight convolutions in five groups, each group with max pooling, one linear layer",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceInfo:
    """Where the images that a student learns from come from.

    Attributes:
        name: its name in params.yaml and in file names.
        title: its name in tables.
        kind: `generated` sets are chosen by `sources`; a `control` runs with `evaluate.control_networks`.
        description: one line.
    """

    name: str
    title: str
    kind: Literal["generated", "control"]
    description: str


SOURCES: Final[dict[str, SourceInfo]] = _table(
    SourceInfo(
        name="cgan",
        title="CGAN",
        kind="generated",
        description="the conditional GAN alone (step 1 of the paper)",
    ),
    SourceInfo(
        name="dim",
        title="DiM",
        kind="generated",
        description="distilled with the global term only (omega_l = 0)",
    ),
    SourceInfo(
        name="ours",
        title="Ours",
        kind="generated",
        description="distilled with the global and the local term",
    ),
    SourceInfo(
        name="real",
        title="Real, fresh",
        kind="control",
        description="real training images, new ones every step, under the budget of `fresh`",
    ),
    SourceInfo(
        name="random",
        title="Real, random",
        kind="control",
        description="real training images, drawn once per class, under the budget of `fixed`",
    ),
    SourceInfo(
        name="whole",
        title="Whole training set",
        kind="control",
        description="every training image, under a recipe of its own",
    ),
)
GENERATED_SOURCES: Final = tuple(source.name for source in SOURCES.values() if source.kind == "generated")
CONTROL_SOURCES: Final = tuple(source.name for source in SOURCES.values() if source.kind == "control")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolInfo:
    """How often, and under which augmentation, a student sees the images of a source.

    Attributes:
        name: its name in params.yaml and in metrics.
        title: its name in tables.
        fresh_images: every step sees new images; otherwise they are drawn once.
        description: one line.
    """

    name: str
    title: str
    fresh_images: bool
    description: str


PROTOCOLS: Final[dict[str, ProtocolInfo]] = _table(
    ProtocolInfo(
        name="fresh",
        title="fresh",
        fresh_images=True,
        description="new images every step; ipc counts images per class and epoch",
    ),
    ProtocolInfo(
        name="fixed",
        title="fixed",
        fresh_images=False,
        description="images drawn once, DSA augmentation; ipc counts images per class in all",
    ),
    ProtocolInfo(
        name="fixed_plain",
        title="fixed, plain",
        fresh_images=False,
        description="images drawn once, no augmentation; ipc counts images per class in all",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodInfo:
    """A distillation method that makes a fixed set of images: a row of the benchmark.

    Attributes:
        name: its name in benchmark/params.yaml and in file names.
        title: its name in tables.
        kind: how its images come to be: chosen among the training images, or optimised.
        source: where the method comes from.
        description: one line.
    """

    name: str
    title: str
    kind: Literal["selection", "optimisation"]
    source: str
    description: str


METHODS: Final[dict[str, MethodInfo]] = _table(
    MethodInfo(
        name="random",
        title="Random",
        kind="selection",
        source="Zhao et al., Dataset Condensation with Gradient Matching (arXiv 2006.05929)",
        description="training images drawn at random from every class",
    ),
    MethodInfo(
        name="herding",
        title="Herding",
        kind="selection",
        source="Welling, Herding Dynamical Weights to Learn (ICML 2009), as the DC author describes it",
        description="training images whose mean embedding follows that of their class",
    ),
    MethodInfo(
        name="k_center",
        title="K-Center",
        kind="selection",
        source="Sener and Savarese, Active Learning: A Core-Set Approach (arXiv 1708.00489)",
        description="training images that lie far from each other in the embedding",
    ),
    MethodInfo(
        name="forgetting",
        title="Forgetting",
        kind="selection",
        source="Toneva et al., An Empirical Study of Example Forgetting (arXiv 1812.05159)",
        description="training images that a network in training forgets most often",
    ),
    MethodInfo(
        name="dm",
        title="DM",
        kind="optimisation",
        source="Zhao and Bilen, Dataset Condensation with Distribution Matching (arXiv 2110.04181)",
        description="class means of embeddings by untrained networks are matched",
    ),
    MethodInfo(
        name="dc",
        title="DC",
        kind="optimisation",
        source="Zhao et al., Dataset Condensation with Gradient Matching (arXiv 2006.05929)",
        description="class gradients of networks in training are matched",
    ),
    MethodInfo(
        name="dsa",
        title="DSA",
        kind="optimisation",
        source="Zhao and Bilen, Differentiable Siamese Augmentation (arXiv 2102.08259)",
        description="DC with one augmentation shared by the real and the synthetic images",
    ),
    MethodInfo(
        name="egm",
        title="EGM",
        kind="optimisation",
        source="Jiang et al., Delving into Effective Gradient Matching (arXiv 2208.00311)",
        description="DC with multi-level gradients, a distance that sees magnitudes, and fewer inner epochs",
    ),
    MethodInfo(
        name="kip_fc",
        title="KIP-FC",
        kind="optimisation",
        source="Nguyen et al., Dataset Distillation with Infinitely Wide Convolutional Networks (arXiv 2107.13034)",
        description="kernel regression on the images with the tangent kernel of a fully connected network",
    ),
)
FIXED_PROTOCOLS: Final = tuple(name for name, protocol in PROTOCOLS.items() if not protocol.fresh_images)
# Gradients are matched class by class, and a batch of one class has no statistics for batch normalisation.
MATCHED_NETWORKS: Final = tuple(name for name, network in NETWORKS.items() if network.norm != "batch")

# Small tables: name -> what it means.
IMAGE_STARTS: Final = {
    "real": "random training images",
    "noise": "standard normal noise in the standardised space",
}
GRADIENT_DISTANCES: Final = {
    "cosine": "one minus the cosine of every output unit's weights' gradient, summed (DC)",
    "cosine_euclidean": "the same plus the Euclidean distance of every output unit (EGM)",
}
INNER_SCHEDULES: Final = {
    "constant": "the same number of inner epochs after every outer step (DC)",
    "decreasing": "50, 40, 30, 20, then 10, and 5 from the tenth outer step on (EGM)",
}
OBJECTIVES: Final = {
    "wgan_gp": "Wasserstein critic with a gradient penalty",
    "hinge": "hinge loss with spectral norm",
    "minimax": "the logarithmic loss of Eq. 2 and 4",
}
CONDITIONINGS: Final = {
    "overwrite": "the first entries of z are replaced by the one-hot label",
    "concat": "the one-hot label is appended to z, Eq. 5",
    "embed": "a learned vector of the label is appended to z",
}
POOL_KINDS: Final = {
    "drawn": "one network at a time, of an architecture drawn at random",
    "resident": "several networks of staggered ages that take turns",
}
GLOBAL_LOGITS: Final = {
    "log_softmax": "Eq. 6 on log-probabilities, as DiM's code does",
    "raw": "Eq. 6 on the logits as printed",
}
REDUCTIONS: Final = {
    "mean": "mean over batch and classes",
    "sum": "sum over batch and classes, Eq. 6 as printed",
}
LOCAL_FORMS: Final = {
    "batch_mean_l2": "squared difference of the batch means, summed",
    "batch_mean_l1": "absolute difference of the batch means, summed",
    "class_mean_l2": "squared difference of the class means, summed, averaged over classes",
    "paired_l2": "squared difference of image pairs, Eq. 7 as printed",
}
FITS: Final = {
    "pad": "zeros around the image, exact pixels",
    "resize": "antialiased interpolation",
    "crop": "the same to the shorter side, then the middle square",
}
CHANNELS: Final = ("auto", 1, 3)
PRECISIONS: Final = {
    "auto": "bf16 on CUDA, fp32 elsewhere",
    "fp32": "single precision",
    "bf16": "autocast to bfloat16",
}
STUDENT_FORMS: Final = {
    "auto": "together on CUDA, apart elsewhere",
    "together": "all students of a cell in one step, their parameters stacked",
    "apart": "each by itself; on a CPU as many at a time as there are threads",
}
SELECTIONS: Final = {
    "last": "the last snapshot",
    "held_out": "the snapshot that is best on the held-out images",
}
IMAGE_SIZES: Final = (16, 32, 64, 128)  # pixels a side

# Groups of the two augmentations; a strategy is group names joined by `_`, or `none`.
DIFF_AUGMENT_GROUPS: Final = ("color", "crop", "cutout", "flip")
DSA_GROUPS: Final = ("color", "crop", "cutout", "flip", "scale", "rotate")
NO_AUGMENT: Final = "none"
SECOND_LAYER: Final = "second"


def augment_groups(strategy: str) -> tuple[str, ...]:
    """Group names of an augmentation strategy: ``color_crop`` -> ("color", "crop"), ``none`` -> ()."""
    return () if strategy == NO_AUGMENT else tuple(strategy.split("_"))
