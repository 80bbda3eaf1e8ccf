"""Pieces of the plain twins: the method written down as straight as it goes, and the tests' oracle.

Eager fp32, one image at a time where an image is converted or augmented, one pass of the discriminator for each kind
of image, losses as their formulas, optimisers parameter by parameter. Only the networks and the random streams are
those of the fast form, so that in fp32 both give the same numbers.
"""

import torch
from torch import Tensor, nn

from gendistill.augment import dsa
from gendistill.config.schema import GanParams
from gendistill.data.resident import ImageSet
from gendistill.gan.train import GanState
from gendistill.runtime.streams import generator as stream


def check(params: GanParams) -> None:
    """Refuse parameters that the twins do not follow; ValueError says which are expected."""
    found = (params.objective, params.conditioning, params.augment, params.discriminator_steps, params.ema)
    expected = ("wgan_gp", "overwrite", "none", 1, 0.0)
    if found != expected:
        raise ValueError(f"the plain twins follow the paper's preset, {expected}; found {found}")


def with_plain_optimizers(state: GanState, params: GanParams, lr: float | None = None) -> GanState:
    """The state with optimisers that go parameter by parameter."""
    for name, network in (("generator_optimizer", state.generator), ("discriminator_optimizer", state.discriminator)):
        betas = (params.beta1, params.beta2)
        adam = torch.optim.Adam(network.parameters(), lr=lr or params.lr, betas=betas, foreach=False, fused=False)
        setattr(state, name, adam)
    return state


def plain_sgd(network: nn.Module, lr: float, momentum: float, weight_decay: float) -> torch.optim.SGD:
    """SGD that goes parameter by parameter."""
    return torch.optim.SGD(
        network.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay, foreach=False, fused=False
    )


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over (n,) of -log softmax(logits)[label]."""
    log_probabilities = logits - logits.logsumexp(dim=1, keepdim=True)
    return -torch.stack([row[label] for row, label in zip(log_probabilities, labels.tolist(), strict=True)]).mean()


def tanh_images(data: ImageSet, index: Tensor) -> Tensor:
    """Images at `index` in [-1, 1], one after another."""
    return torch.stack([image.float() / 127.5 - 1 for image in data.gather(index)])


def standardised(data: ImageSet, index: Tensor) -> Tensor:
    """Images at `index` standardised, one after another."""
    return torch.stack([standardise(image.float() / 255, data) for image in data.gather(index)])


def standardise(pixels: Tensor, data: ImageSet) -> Tensor:
    """One image (c, h, w) in [0, 1], standardised with the training set's statistics."""
    return (pixels - data.mean[:, None, None]) / data.std[:, None, None]


def discriminator_step(
    state: GanState, real: Tensor, labels: Tensor, params: GanParams, draw: torch.Generator
) -> Tensor:
    """One D step of WGAN-GP with an auxiliary classifier on `real` (n, c, h, w) in [-1, 1].

    Returns:
        (2,) its loss and the gradient penalty.
    """
    n, device = len(real), real.device
    wanted = torch.randint(state.generator.num_classes, (n,), device=device, generator=draw)
    latent = torch.randn(n, params.latent, device=device, generator=draw)
    with torch.no_grad():
        fake = state.generator(latent, wanted)
    fake_values, fake_logits = state.discriminator(fake)
    real_values, real_logits = state.discriminator(real)
    loss = fake_values.mean() - real_values.mean()
    loss = loss + params.class_weight * (cross_entropy(fake_logits, wanted) + cross_entropy(real_logits, labels))

    share = torch.rand(n, device=device, generator=draw).tolist()
    points = torch.stack([a * x + (1 - a) * y for a, x, y in zip(share, real, fake, strict=True)]).requires_grad_()
    (slopes,) = torch.autograd.grad(state.discriminator(points)[0].sum(), points, create_graph=True)
    penalty = torch.stack([(slope.square().sum().sqrt() - 1) ** 2 for slope in slopes]).mean()
    loss = loss + params.gradient_penalty * penalty

    state.discriminator_optimizer.zero_grad()
    loss.backward()
    state.discriminator_optimizer.step()
    return torch.stack([loss.detach(), penalty.detach()])


def augment(images: Tensor, strategy: str, draw: torch.Generator, *, shared: bool) -> Tensor:
    """DiffAug of standardised images (n, c, h, w), one after another; groups ``color``, ``crop`` and ``cutout``.

    Parameters are drawn in the order of the fast form: group by group, for all images or once.
    """
    groups = [] if strategy == "none" else strategy.split("_")
    n, side = len(images), images.shape[2]
    count = 1 if shared else n

    def uniform(low: float, high: float) -> list[float]:
        values: list[float] = (low + (high - low) * torch.rand(count, generator=draw, device=draw.device)).tolist()
        return values * (n // count)

    def integers(low: int, high: int) -> list[int]:
        values: list[int] = torch.randint(low, high + 1, (count,), generator=draw, device=draw.device).tolist()
        return values * (n // count)

    result = list(images)
    if "color" in groups:
        brightness, saturation, contrast = uniform(-0.5, 0.5), uniform(0.0, 2.0), uniform(0.5, 1.5)
        result = [color(*each) for each in zip(result, brightness, saturation, contrast, strict=True)]
    if "crop" in groups:
        reach = int(side / 8 + 0.5)
        down, right = integers(-reach, reach), integers(-reach, reach)
        result = [moved(*each) for each in zip(result, down, right, strict=True)]
    if "cutout" in groups:
        last = side - (side // 2) % 2  # an even square is centred between pixels
        rows, columns = integers(0, last), integers(0, last)
        result = [with_hole(*each) for each in zip(result, rows, columns, strict=True)]
    return torch.stack(result)


def siamese(images: Tensor, strategy: str, seed: int, *path: str | int) -> Tensor:
    """DSA of standardised images (n, c, h, w), one after another, each from the beginning of one stream."""
    augmented = [
        dsa.augment(image[None], strategy, stream(images.device, seed, *path), shared=True) for image in images
    ]
    return torch.cat(augmented)


def color(image: Tensor, brightness: float, saturation: float, contrast: float) -> Tensor:
    """One image (c, h, w) with its brightness, saturation and contrast changed, in this order."""
    image = image + brightness
    grey = image.mean(dim=0, keepdim=True)
    image = (image - grey) * saturation + grey
    return (image - image.mean()) * contrast + image.mean()


def moved(image: Tensor, down: int, right: int) -> Tensor:
    """One image (c, h, w) moved by whole pixels, zeros moving in."""
    h, w = image.shape[1:]
    result = torch.zeros_like(image)
    target = (slice(max(down, 0), h + min(down, 0)), slice(max(right, 0), w + min(right, 0)))
    source = (slice(max(-down, 0), h + min(-down, 0)), slice(max(-right, 0), w + min(-right, 0)))
    result[:, target[0], target[1]] = image[:, source[0], source[1]]
    return result


def with_hole(image: Tensor, row: int, column: int) -> Tensor:
    """One image (c, h, w) of even side with a square of half the side about (row, column) set to zero."""
    length = image.shape[1] // 2
    top, left = row - length // 2, column - length // 2
    mask = torch.ones_like(image)
    mask[:, max(top, 0) : max(top + length, 0), max(left, 0) : max(left + length, 0)] = 0
    return image * mask
