"""benchmark/params.yaml -> `BenchmarkParams`: methods that make fixed sets of images, and how they are measured.

Field = key, annotation = type and constraints, as in ``schema``; there are no defaults. A method's section has its
name. Where and how to run (section ``runtime``) is params.yaml's, for both pipelines.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from gendistill.config.benchmark_rules import broken_rules
from gendistill.config.catalogue.methods import GRADIENT_DISTANCES, IMAGE_STARTS, INNER_SCHEDULES, METHODS
from gendistill.config.catalogue.networks import MATCHED_NETWORKS
from gendistill.config.catalogue.protocols import FIXED_PROTOCOLS
from gendistill.config.constraints import Matches, NotEmpty, OneOf, Unique
from gendistill.config.params import parse
from gendistill.config.schema import (
    Count,
    CountOrZero,
    Dsa,
    ImageParams,
    Label,
    Momentum,
    Network,
    Networks,
    Rate,
    Weight,
)
from gendistill.config.yaml12 import load_yaml

FILE: Final = Path("benchmark/params.yaml")

Method = Annotated[str, OneOf(tuple(METHODS))]
MatchedNetwork = Annotated[str, OneOf(MATCHED_NETWORKS)]
Start = Annotated[str, OneOf(tuple(IMAGE_STARTS))]
Published = Annotated[str, Matches(r"|[A-Za-z0-9][A-Za-z0-9._-]*", "the name of a folder in results/accuracy, or ''")]


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchedParams:
    """Section ``matched``: larger sets of a few methods, for rows at the bytes of a generator.

    Attributes:
        methods: names in `catalogue.methods.METHODS`; may be empty.
        ipc: images per class, each >= 1; may be empty.
    """

    methods: Annotated[tuple[Method, ...], Unique()]
    ipc: Annotated[tuple[Count, ...], Unique()]


@dataclass(frozen=True, kw_only=True, slots=True)
class RandomParams:
    """Section ``random``: a uniform draw has nothing to set."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedRecipe:
    """Section ``recipe``: how a student is trained on a fixed set, by SGD, x 0.1 at half.

    Attributes:
        lr: step size; > 0.
        momentum: in [0, 1).
        weight_decay: >= 0.
        batch: largest batch, in images; >= 1.
        augment: DSA strategy under `fixed`; `fixed_plain` has none.
    """

    lr: Rate
    momentum: Momentum
    weight_decay: Weight
    batch: Count
    augment: Dsa


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedEvaluate:
    """Section ``evaluate``: which students are trained, and how long.

    Attributes:
        networks: students, names in `catalogue.networks.NETWORKS`; at least one.
        protocols: names in `catalogue.protocols.FIXED_PROTOCOLS`; at least one.
        students: networks trained from scratch per set; >= 1.
        width: fraction of each network's standard channels; > 0.
        fixed_epochs: passes over the set under `fixed`; >= 1.
        plain_epochs: the same under `fixed_plain`; >= 1.
        test_points: times a student is tested, evenly spaced, the last at the end; >= 1.
    """

    networks: Networks
    protocols: Annotated[tuple[Annotated[str, OneOf(FIXED_PROTOCOLS)], ...], NotEmpty(), Unique()]
    students: Count
    width: Rate
    fixed_epochs: Count
    plain_epochs: Count
    test_points: Count


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchmarkParams:
    """The whole of benchmark/params.yaml.

    Attributes:
        preset: label in tables and results/; no stage depends on it.
        methods: rows, names in `catalogue.methods.METHODS`; at least one.
        ipc: images per class; at least one.
        sets: seeds of the synthetic sets that every method makes, each >= 0; at least one.
        matched: further rows at the bytes of a generator.
        beside: published results of the main pipeline whose rows the report shows, too; '' = none.
        data: section of that name, as are the rest; a method's section has the method's name.
    """

    preset: Label
    methods: Annotated[tuple[Method, ...], NotEmpty(), Unique()]
    ipc: Annotated[tuple[Count, ...], NotEmpty(), Unique()]
    sets: Annotated[tuple[CountOrZero, ...], NotEmpty(), Unique()]
    matched: MatchedParams
    beside: Published
    data: ImageParams
    random: RandomParams
    herding: SelectionParams
    k_center: SelectionParams
    forgetting: SelectionParams
    dm: DmParams
    dc: GradientParams
    dsa: GradientParams
    egm: GradientParams
    kip_fc: KipParams
    recipe: FixedRecipe
    evaluate: FixedEvaluate


def load_benchmark(path: Path = FILE) -> BenchmarkParams:
    """Parameters of the benchmark.

    Raises:
        UserError: no such file, broken YAML, or values that are not legal; all of these in one message.
    """
    return parse_benchmark(load_yaml(path), str(path))


def parse_benchmark(document: Any, origin: str) -> BenchmarkParams:
    """Parameters in a loaded YAML document; `origin` names it in messages.

    Raises:
        UserError: anything missing, unknown, of the wrong type or out of range; all in one message.
    """
    return parse(BenchmarkParams, document, origin, broken_rules)
