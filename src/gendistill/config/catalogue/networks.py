"""Classifiers: students, and the networks that a generator or a set of images is matched in."""

from dataclasses import dataclass
from typing import Final, Literal

from gendistill.config.catalogue.table import table


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

NETWORKS: Final[dict[str, NetworkInfo]] = table(
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

# Gradients are matched class by class, and a batch of one class has no statistics for batch normalisation.
MATCHED_NETWORKS: Final = tuple(name for name, network in NETWORKS.items() if network.norm != "batch")

SECOND_LAYER: Final = "second"
