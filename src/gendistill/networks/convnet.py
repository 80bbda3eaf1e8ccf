"""Plain convolutional classifiers of the field: ConvNet3, AlexNet and VGG11 in their small-image forms.

The forms are those of the dataset-condensation code (Zhao et al., ICLR 2021), read as a specification.
"Instance normalisation" there is ``GroupNorm(C, C)`` with learned scale and shift. Every convolution
preserves the map's side at all sizes and channel counts: 28 x 28 grey sets are padded to 32 x 32 with
the data, so that there is no second, wider padding in the first layer.
"""

from torch import nn

from gendistill.networks.base import Network
from gendistill.networks.pooling import AveragePool, final_side, kept_halvings, scaled

_ALEXNET = ((128, 5, True), (192, 5, True), (256, 3, False), (192, 3, False), (192, 3, True))
"""Blocks of AlexNet: channels, kernel, pooled."""

_VGG11 = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Blocks of VGG11, each ended by a pool: channels of its convolutions."""


def convnet3(channels: int, image_size: int, num_classes: int, width: float) -> Network:
    """ConvNet3: three blocks of 3 x 3 convolution, instance normalisation, ReLU, 2 x 2 average pool.

    The standard width is 128. Layers `block1`..`block3` are taken after pooling; at 3 x 32 x 32 they are
    (128, 16, 16), (128, 8, 8), (128, 4, 4), and the network has 320,010 parameters for 10 classes.

    Args:
        channels: image channels.
        image_size: pixels a side.
        num_classes: number of logits.
        width: fraction of the standard channels.

    Returns:
        The network, with PyTorch's default initialisation from the global generator.
    """
    c = scaled(128, width)
    kept = kept_halvings(image_size, (True, True, False))
    stages: dict[str, nn.Module] = {}
    c_in = channels
    for index, keep in enumerate(kept, start=1):
        block: list[nn.Module] = _normalised_convolution(c_in, c)
        if keep:
            block.append(AveragePool())
        stages[f"block{index}"] = nn.Sequential(*block)
        c_in = c
    embedding = c * final_side(image_size, kept) ** 2
    return Network(stages, embedding=embedding, num_classes=num_classes, average=False)


def alexnet(channels: int, image_size: int, num_classes: int, width: float) -> Network:
    """AlexNet without normalisation: convolutions 128-192-256-192-192, three 2 x 2 max pools.

    Layers `block1`..`block5`, each after its ReLU and, for 1, 2 and 5, its pool; 1,872,202 parameters at
    3 x 32 x 32 for 10 classes.

    Args:
        channels: image channels.
        image_size: pixels a side.
        num_classes: number of logits.
        width: fraction of the standard channels.

    Returns:
        The network, with PyTorch's default initialisation from the global generator.
    """
    kept = iter(halvings := kept_halvings(image_size, (False, False, False)))
    stages: dict[str, nn.Module] = {}
    c_in = channels
    for index, (standard, kernel, pooled) in enumerate(_ALEXNET, start=1):
        c = scaled(standard, width)
        block: list[nn.Module] = [nn.Conv2d(c_in, c, kernel, padding=kernel // 2), nn.ReLU(inplace=True)]
        if pooled and next(kept):
            block.append(nn.MaxPool2d(2))
        stages[f"block{index}"] = nn.Sequential(*block)
        c_in = c
    embedding = c_in * final_side(image_size, halvings) ** 2
    return Network(stages, embedding=embedding, num_classes=num_classes, average=False)


def vgg11(channels: int, image_size: int, num_classes: int, width: float) -> Network:
    """VGG11 with instance normalisation and a single linear readout: 64, 128, 2 x 256, 2 x 512, 2 x 512.

    Layers `block1`..`block5`, each after its 2 x 2 max pool; 9,231,114 parameters at 3 x 32 x 32 for 10
    classes. At 16 x 16 the fourth pool is left out, for the fifth block would normalise single pixels.

    Args:
        channels: image channels.
        image_size: pixels a side.
        num_classes: number of logits.
        width: fraction of the standard channels.

    Returns:
        The network, with PyTorch's default initialisation from the global generator.
    """
    kept = kept_halvings(image_size, (True, True, True, True, False))
    stages: dict[str, nn.Module] = {}
    c_in = channels
    for index, (standard, keep) in enumerate(zip(_VGG11, kept, strict=True), start=1):
        block: list[nn.Module] = []
        for c in (scaled(count, width) for count in standard):
            block += _normalised_convolution(c_in, c)
            c_in = c
        if keep:
            block.append(nn.MaxPool2d(2))
        stages[f"block{index}"] = nn.Sequential(*block)
    embedding = c_in * final_side(image_size, kept) ** 2
    return Network(stages, embedding=embedding, num_classes=num_classes, average=False)


def _normalised_convolution(c_in: int, c_out: int) -> list[nn.Module]:
    return [nn.Conv2d(c_in, c_out, 3, padding=1), nn.GroupNorm(c_out, c_out), nn.ReLU(inplace=True)]
