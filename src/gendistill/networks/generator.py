"""The conditional generator, the architecture of DiM's code at 3 x 32 x 32."""

import torch
from torch import Tensor, nn

from gendistill.config.catalogue.gan import CONDITIONINGS
from gendistill.networks.latent import concat_label, overwrite_label
from gendistill.networks.pooling import check_image_size
from gendistill.runtime.errors import UserError


class Generator(nn.Module):
    """Noise and label to image: linear to 4 x 4, then transposed convolutions doubling the side.

    Every layer but the last is followed by batch normalisation and ReLU. The upsampling to 8 x 8 is
    followed by three 3 x 3 convolutions, each one to an intermediate size by one, the last by the
    output convolution and tanh. Width 196, latent 100, overwrite, 3 x 32 x 32: 3,559,363 parameters.

    Other sizes (not specified by the paper): at 16 the last upsampling of the 32-pixel network and the
    convolution before it are left out, at 64 and 128 upsamplings with one convolution each are added.

    Attributes:
        latent: entries of the noise that `forward` expects.
        num_classes: number of classes.
    """

    def __init__(
        self,
        *,
        channels: int,
        image_size: int,
        num_classes: int,
        width: int = 196,
        latent: int = 100,
        conditioning: str = "overwrite",
    ) -> None:
        """Build the generator with PyTorch's default initialisation from the global generator.

        Args:
            channels: image channels.
            image_size: pixels a side, one of 16, 32, 64, 128.
            num_classes: number of classes.
            width: channels of every hidden map.
            latent: entries of z.
            conditioning: how the label enters: `overwrite` (the first num_classes entries of z, DiM's
                code), `concat` (one-hot behind z, Eq. 5), `embed` (a learned vector of length `latent`
                behind z).

        Raises:
            UserError: for an unknown conditioning, or if `overwrite` would leave no noise.
            ValueError: if `image_size` is not one of these.
        """
        super().__init__()
        check_image_size(image_size)
        if conditioning not in CONDITIONINGS:
            raise UserError(f"conditioning {conditioning!r} is unknown; use {', '.join(CONDITIONINGS)}")
        if conditioning == "overwrite" and latent <= num_classes:
            raise UserError(
                f"latent is {latent} with {num_classes} classes: conditioning overwrite leaves no noise; "
                f"set latent above {num_classes}, or conditioning to concat"
            )
        self.latent = latent
        self.num_classes = num_classes
        self.conditioning = conditioning
        self.embedding = nn.Embedding(num_classes, latent) if conditioning == "embed" else None

        inputs = {"overwrite": latent, "concat": latent + num_classes, "embed": 2 * latent}[conditioning]
        flat = width * 4 * 4
        self.project = nn.Sequential(
            nn.Linear(inputs, flat),
            nn.BatchNorm1d(flat),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (width, 4, 4)),
        )
        self.grow = nn.Sequential(*_growth(width, image_size))
        self.paint = nn.Sequential(nn.Conv2d(width, channels, 3, padding=1), nn.Tanh())

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Images for noise and labels.

        Args:
            z: plain noise (n, latent), from N(0, I); gradients flow.
            labels: int64 (n,), in [0, num_classes).

        Returns:
            Images (n, channels, image_size, image_size) in [-1, 1].
        """
        images: Tensor = self.paint(self.grow(self.project(self.condition(z, labels))))
        return images

    def condition(self, z: Tensor, labels: Tensor) -> Tensor:
        """Join the labels to the noise: the input of the first linear layer.

        Args:
            z: plain noise (n, latent); gradients flow.
            labels: int64 (n,), in [0, num_classes).

        Returns:
            (n, d), d = latent (overwrite), latent + num_classes (concat) or 2 latent (embed).
        """
        if self.embedding is not None:
            return torch.cat([z, self.embedding(labels).to(z.dtype)], dim=1)
        join = overwrite_label if self.conditioning == "overwrite" else concat_label
        return join(z, labels, self.num_classes)


def _growth(width: int, image_size: int) -> list[nn.Module]:
    """Upsamplings from 4 x 4 to the image's side with the convolutions between them."""
    modules: list[nn.Module] = []
    side = 4
    while side < image_size:
        side *= 2
        modules += _activated(nn.ConvTranspose2d(width, width, 4, stride=2, padding=1))
        # the output convolution takes the place of the last size's own
        convolutions = 3 if side == 8 else 0 if side == image_size else 1
        for _ in range(convolutions):
            modules += _activated(nn.Conv2d(width, width, 3, padding=1))
    return modules


def _activated(convolution: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True)]
