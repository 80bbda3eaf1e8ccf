"""Residual classifiers for small images: a 3 x 3 stem of stride 1 and four stages of basic blocks.

Two families share the code. `resnet10` and `resnet18` have the full widths 64-512 and instance
normalisation (``GroupNorm(C, C)``), as in the dataset-condensation code. `resnet10_half` and
`resnet18_half` are what DiM's code builds under the names ResNet10 and ResNet18: widths 32-256, batch
normalisation, and convolution weights from a normal distribution scaled by the fan-out.
"""

import math

from torch import Tensor, nn

from gendistill.networks.base import Network
from gendistill.networks.pooling import kept_halvings, scaled

_FULL = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut: relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))."""

    def __init__(self, c_in: int, c_out: int, stride: int, *, instance: bool) -> None:
        """Build the block; the shortcut is a normalised 1 x 1 convolution where the shapes differ.

        Args:
            c_in: channels read.
            c_out: channels written.
            stride: 1 or 2, of the first convolution and the shortcut.
            instance: instance normalisation if true, else batch normalisation.
        """
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False),
            _norm(c_out, instance),
            nn.ReLU(inplace=True),
            nn.Conv2d(c_out, c_out, 3, padding=1, bias=False),
            _norm(c_out, instance),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride=stride, bias=False), _norm(c_out, instance))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c_in, h, w) to (n, c_out, h / stride, w / stride); gradients flow."""
        out: Tensor = self.body(x) + self.shortcut(x)
        return out.relu()


def resnet(channels: int, image_size: int, num_classes: int, width: float, *, blocks: int, half: bool) -> Network:
    """A residual network of four stages with `blocks` basic blocks each and global average pooling.

    Layers `stem`, `stage1`..`stage4`. At 32 x 32 stage 2 of the full networks is (128, 16, 16), of the
    half ones (64, 16, 16).

    Args:
        channels: image channels.
        image_size: pixels a side.
        num_classes: number of logits.
        width: fraction of the standard channels.
        blocks: basic blocks a stage: 1 makes ResNet10, 2 ResNet18.
        half: DiM's variant (32-256, batch normalisation, fan-out initialisation) instead of the full one.

    Returns:
        The network, initialised from the global generator.
    """
    widths = [scaled(standard // 2 if half else standard, width) for standard in _FULL]
    kept = (False, *kept_halvings(image_size, (True, True, True)))
    c_in = widths[0]
    stages: dict[str, nn.Module] = {
        "stem": nn.Sequential(
            nn.Conv2d(channels, c_in, 3, padding=1, bias=False), _norm(c_in, not half), nn.ReLU(inplace=True)
        )
    }
    for index, (c, halved) in enumerate(zip(widths, kept, strict=True), start=1):
        first = BasicBlock(c_in, c, 2 if halved else 1, instance=not half)
        rest = [BasicBlock(c, c, 1, instance=not half) for _ in range(blocks - 1)]
        stages[f"stage{index}"] = nn.Sequential(first, *rest)
        c_in = c
    network = Network(stages, embedding=c_in, num_classes=num_classes, average=True)
    if half:
        _initialise_by_fan_out(network)
    return network


def _norm(channels: int, instance: bool) -> nn.Module:
    return nn.GroupNorm(channels, channels) if instance else nn.BatchNorm2d(channels)


def _initialise_by_fan_out(network: nn.Module) -> None:
    """Draw convolution weights from N(0, 2 / (k^2 C_out)), as DiM's code does."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
