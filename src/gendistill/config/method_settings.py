"""What methods that make fixed sets of images are set to: sections of benchmark/params.yaml, named after the methods.

Field = key, annotation = type and constraints, as in ``schema``; there are no defaults.
"""

from dataclasses import dataclass
from typing import Annotated

from gendistill.config.catalogue.methods import GRADIENT_DISTANCES, IMAGE_STARTS, INNER_SCHEDULES
from gendistill.config.catalogue.networks import MATCHED_NETWORKS
from gendistill.config.constraints import OneOf
from gendistill.config.schema import Count, CountOrZero, Dsa, Momentum, Network, Rate, Weight

MatchedNetwork = Annotated[str, OneOf(MATCHED_NETWORKS)]
Start = Annotated[str, OneOf(tuple(IMAGE_STARTS))]


@dataclass(frozen=True, kw_only=True, slots=True)
class SelectionParams:
    """Sections ``herding``, ``k_center`` and ``forgetting``: the network that chooses, trained on all training images.

    Attributes:
        network: its architecture, a name in `catalogue.networks.NETWORKS`.
        width: fraction of the standard channels; > 0.
        epochs: passes over the training set; >= 1.
        batch_size: images per step; >= 1.
        lr: SGD step size, constant; > 0.
        momentum: in [0, 1).
        weight_decay: >= 0.
    """

    network: Network
    width: Rate
    epochs: Count
    batch_size: Count
    lr: Rate
    momentum: Momentum
    weight_decay: Weight


@dataclass(frozen=True, kw_only=True, slots=True)
class DmParams:
    """Section ``dm``: distribution matching.

    Attributes:
        network: embedding network, a name in `catalogue.networks.MATCHED_NETWORKS`.
        width: fraction of the standard channels; > 0.
        steps: updates of the images; >= 1.
        lr: SGD step size of the images, in the standardised space, ten times as large from IPC 100 on; > 0.
        momentum: in [0, 1).
        real_batch: real images of every class per step; >= 1.
        start: what the images begin as, a name in `catalogue.methods.IMAGE_STARTS`.
        augment: DSA strategy, siamese; `none` = off.
    """

    network: MatchedNetwork
    width: Rate
    steps: Count
    lr: Rate
    momentum: Momentum
    real_batch: Count
    start: Start
    augment: Dsa


@dataclass(frozen=True, kw_only=True, slots=True)
class GradientParams:
    """Sections ``dc``, ``dsa`` and ``egm``: gradient matching, one engine.

    Attributes:
        network: network in training, a name in `catalogue.networks.MATCHED_NETWORKS`.
        width: fraction of the standard channels; > 0.
        iterations: networks trained from scratch one after another; >= 1.
        outer_steps: updates of the images per network; >= 0, 0 = DC's table by IPC.
        inner_epochs: passes of the network over the images after every outer step; >= 0, 0 = DC's table by IPC.
        inner_schedule: a name in `catalogue.methods.INNER_SCHEDULES`.
        inner_batch: images per step of these passes; >= 1.
        inner_lr: SGD step size of the network; > 0.
        inner_momentum: in [0, 1).
        lr: SGD step size of the images, in the standardised space; > 0.
        momentum: in [0, 1).
        real_batch: real images of every class per outer step; >= 1.
        start: what the images begin as, a name in `catalogue.methods.IMAGE_STARTS`.
        augment: DSA strategy, siamese for matching and per image for the passes; `none` = off.
        distance: a name in `catalogue.methods.GRADIENT_DISTANCES`.
        multi_level: also match the mean of the class gradients.
    """

    network: MatchedNetwork
    width: Rate
    iterations: Count
    outer_steps: CountOrZero
    inner_epochs: CountOrZero
    inner_schedule: Annotated[str, OneOf(tuple(INNER_SCHEDULES))]
    inner_batch: Count
    inner_lr: Rate
    inner_momentum: Momentum
    lr: Rate
    momentum: Momentum
    real_batch: Count
    start: Start
    augment: Dsa
    distance: Annotated[str, OneOf(tuple(GRADIENT_DISTANCES))]
    multi_level: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class KipParams:
    """Section ``kip_fc``: kernel inducing points with the kernel of a fully connected network.

    Attributes:
        steps: updates of the images; >= 1.
        lr: Adam step size of images and labels; > 0.
        target_batch: real images per step, balanced over the classes; >= 1.
        jitter: of the kernel matrix, relative to its mean diagonal; > 0.
        learn_labels: labels are optimised, too.
    """

    steps: Count
    lr: Rate
    target_batch: Count
    jitter: Rate
    learn_labels: bool
