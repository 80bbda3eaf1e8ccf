"""The discriminator with an auxiliary classifier, the architecture of DiM's code at 3 x 32 x 32."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as spectrally_normalised

from gendistill.networks.pooling import check_image_size

_STRIDES = (1, 2, 1, 2, 1, 1, 1, 2)
"""Strides of the eight convolutions at 32 x 32; the last map is 4 x 4."""


class Discriminator(nn.Module):
    """Image to realness and class: eight 3 x 3 convolutions, a maximum over the 4 x 4 map, two heads.

    Every convolution is followed by layer normalisation over (C, H, W) and LeakyReLU(0.01). Width 196 at
    3 x 32 x 32 with 10 classes: 3,137,971 parameters. Training and evaluation mode are the same, except
    that spectral normalisation refines its estimate in training mode only.

    Other sizes (not specified by the paper): the last map stays 4 x 4. At 16 the last stride of 2 becomes
    1, which costs a quarter of what giving up the first one would; at 64 and 128 one or two
    convolutions of stride 2 are put in front.
    """

    def __init__(
        self,
        *,
        channels: int,
        image_size: int,
        num_classes: int,
        width: int = 196,
        spectral_norm: bool = False,
    ) -> None:
        """Build the discriminator with PyTorch's default initialisation from the global generator.

        Args:
            channels: image channels.
            image_size: pixels a side, one of 16, 32, 64, 128.
            num_classes: number of class logits.
            width: channels of every hidden map.
            spectral_norm: divide the weights of all convolutions and both heads by their spectral norm
                (for the hinge loss) and leave out the layer normalisation, whose learned scale would undo
                the bound.

        Raises:
            ValueError: if `image_size` is not one of these.
        """
        super().__init__()
        check_image_size(image_size)
        blocks: list[nn.Module] = []
        c_in, side = channels, image_size
        for stride in strides(image_size):
            convolution = nn.Conv2d(c_in, width, 3, stride=stride, padding=1)
            side //= stride
            if spectral_norm:
                blocks.append(spectrally_normalised(convolution))
            else:
                blocks += [convolution, nn.LayerNorm((width, side, side))]
            blocks.append(nn.LeakyReLU(0.01, inplace=True))
            c_in = width
        self.body = nn.Sequential(*blocks)
        heads: list[nn.Module] = [nn.Linear(width, 1), nn.Linear(width, num_classes)]
        self.critic, self.classifier = map(spectrally_normalised, heads) if spectral_norm else heads

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Realness and class scores, differentiable twice (gradient penalty).

        Args:
            x: images (n, c, h, w) in [-1, 1]; gradients flow.

        Returns:
            Critic values (n,), unbounded, higher is more real; class logits (n, num_classes).
        """
        maps: Tensor = self.body(x)
        strongest = F.max_pool2d(maps, maps.shape[-1]).flatten(1)
        critic: Tensor = self.critic(strongest).squeeze(1)
        logits: Tensor = self.classifier(strongest)
        return critic, logits


def strides(image_size: int) -> tuple[int, ...]:
    """Strides that lead from `image_size` pixels a side to a 4 x 4 map."""
    if image_size == 16:
        return (*_STRIDES[:-1], 1)
    extra = (image_size // 32).bit_length() - 1
    return (2,) * extra + _STRIDES
