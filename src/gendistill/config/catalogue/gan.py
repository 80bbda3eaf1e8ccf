"""Kinds of the conditional GAN: its objective, and how the label enters its generator."""

from typing import Final

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
