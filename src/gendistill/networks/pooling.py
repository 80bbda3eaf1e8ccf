"""Which halvings of the map a network keeps at a given image size: one rule for every architecture.

The networks are published for 32 x 32 images. At other sizes the layers stay as they are and only the
side of the maps changes, with one exception, stated in `kept_halvings`: instance normalisation of a
1 x 1 map returns its bias whatever the image shows, so no normalised convolution may see one.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from gendistill.config.catalogue.images import IMAGE_SIZES


def check_image_size(image_size: int) -> None:
    """Reject image sizes that the networks are not built for.

    Args:
        image_size: pixels a side.

    Raises:
        ValueError: if `image_size` is not one of `IMAGE_SIZES`.
    """
    if image_size not in IMAGE_SIZES:
        raise ValueError(
            f"image_size is {image_size}; networks are built for {', '.join(map(str, IMAGE_SIZES))} pixels "
            "a side: pad or resize the images"
        )


def kept_halvings(image_size: int, normalised_after: Sequence[bool]) -> tuple[bool, ...]:
    """Which of a network's halvings (pool or stride 2) are kept, going from the input to the classifier.

    A halving is dropped when a normalised convolution would then see a map smaller than 2 x 2. One that
    is followed by unnormalised layers or the classifier alone may go down to 1 x 1. At 32 pixels a side
    and above every network here keeps all of its halvings.

    Args:
        image_size: pixels a side of the input, a power of two.
        normalised_after: for each halving in order, whether a normalised convolution reads the halved
            map. A convolution of stride 2 is a halving whose own output is normalised.

    Returns:
        For each halving in order, whether it stays.
    """
    kept = []
    side = image_size
    for normalised in normalised_after:
        keep = side // 2 >= (2 if normalised else 1)
        kept.append(keep)
        if keep:
            side //= 2
    return tuple(kept)


def final_side(image_size: int, kept: Sequence[bool]) -> int:
    """Side of the last map after the kept halvings."""
    return image_size >> sum(kept)


def scaled(channels: int, width: float) -> int:
    """Channel count of a network of relative width `width`, to the nearest multiple of 4 and at least 4.

    Multiples of 4 keep vectorised kernels full; every standard count is one, so width 1 changes nothing.

    Args:
        channels: channels of the standard network.
        width: fraction of the standard channels, > 0.

    Returns:
        Channels of the scaled network.

    Raises:
        ValueError: if `width` is not positive.
    """
    if width <= 0:
        raise ValueError(f"width is {width}; expected a positive fraction of the standard channels")
    return max(4, 4 * round(channels * width / 4))


class AveragePool(nn.Module):
    """2 x 2 average pool with stride 2 of maps (n, c, h, w) of even sides; gradients flow.

    On a CPU it adds shifted views: forward and backward together take a half to a third of the time of torch's
    kernel at the widths of short runs, and pooling was a quarter of a narrow ConvNet3's step.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Mean of every 2 x 2 block: (n, c, h / 2, w / 2)."""
        if x.device.type != "cpu":
            return F.avg_pool2d(x, 2)
        n, c, h, w = x.shape
        rows = x.reshape(n, c, h // 2, 2, w)
        sums = (rows[:, :, :, 0] + rows[:, :, :, 1]).reshape(n, c, h // 2, w // 2, 2)
        return (sums[..., 0] + sums[..., 1]) * 0.25
