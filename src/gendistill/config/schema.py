"""The sections of params.yaml as frozen dataclasses: field = key, annotation = type and constraints.

There are no defaults: params.yaml holds every value. ``params`` builds these classes from a file, checking
each value against its annotation; ``rules`` holds what two or more keys must satisfy together.
"""

from dataclasses import dataclass, replace
from typing import Annotated

from gendistill.config.catalogue.augmentations import DIFF_AUGMENT_GROUPS, DSA_GROUPS
from gendistill.config.catalogue.datasets import DATASETS
from gendistill.config.catalogue.gan import CONDITIONINGS, OBJECTIVES
from gendistill.config.catalogue.images import CHANNELS, FITS, IMAGE_SIZES
from gendistill.config.catalogue.matching import GLOBAL_LOGITS, LOCAL_FORMS, POOL_KINDS, REDUCTIONS, SELECTIONS
from gendistill.config.catalogue.networks import NETWORKS
from gendistill.config.catalogue.protocols import PROTOCOLS
from gendistill.config.catalogue.running import PRECISIONS, STUDENT_FORMS
from gendistill.config.catalogue.sources import GENERATED_SOURCES, SOURCES
from gendistill.config.constraints import (
    Above,
    AtLeast,
    AtMost,
    Augmentation,
    Fraction,
    Matches,
    NotEmpty,
    OneOf,
    Unique,
)

Count = Annotated[int, AtLeast(1)]
CountOrZero = Annotated[int, AtLeast(0)]
BatchOfTwo = Annotated[int, AtLeast(2)]  # batch normalisation has no variance for a single image
Weight = Annotated[float, AtLeast(0)]
Rate = Annotated[float, Above(0)]
Momentum = Annotated[float, Fraction()]
DiffAugment = Annotated[str, Augmentation(DIFF_AUGMENT_GROUPS)]
Dsa = Annotated[str, Augmentation(DSA_GROUPS)]
Network = Annotated[str, OneOf(tuple(NETWORKS))]
Networks = Annotated[tuple[Network, ...], NotEmpty(), Unique()]
GeneratedSource = Annotated[str, OneOf(GENERATED_SOURCES)]
ProtocolName = Annotated[str, OneOf(tuple(PROTOCOLS))]
Label = Annotated[str, Matches(r"[A-Za-z0-9][A-Za-z0-9._-]*", "a name of letters, digits, `.`, `_` and `-`")]
DeviceName = Annotated[str, Matches(r"auto|cpu|mps|cuda(:\d+)?", "auto, cpu, cuda, cuda:<number> or mps")]
Text = Annotated[str, Matches(r"(?s).*\S.*", "text that is not empty")]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageParams:
    """Which images, and how they are prepared: section ``data``, as far as all pipelines share it.

    Attributes:
        name: data set, a name in `catalogue.datasets.DATASETS`.
        path: the .npz file of data set `npz`, the folder of data set `folder`, relative to
            `RuntimeParams.data_root`; else empty.
        image_size: pixels a side after preparation; 16, 32, 64 or 128.
        fit: how images of another size are brought to it, a name in `catalogue.images.FITS`.
        channels: 1 (grey) or 3 (colour), or `auto`: as the images are stored.
        held_out: training images set aside for selection, stratified; 0 = the validation part of a set that has
            one, else none.
        split_seed: seed of that split (and of the test split of sets that have none); >= 0.
    """

    name: Annotated[str, OneOf(tuple(DATASETS))]
    path: str
    image_size: Annotated[int, OneOf(IMAGE_SIZES)]
    fit: Annotated[str, OneOf(tuple(FITS))]
    channels: Annotated[int | str, OneOf(CHANNELS)]
    held_out: CountOrZero
    split_seed: CountOrZero


@dataclass(frozen=True, kw_only=True, slots=True)
class DataParams(ImageParams):
    """Section ``data``: which images, how they are prepared, and how a generator's training draws them.

    Attributes:
        balanced: real batches show all classes alike where the largest has more than twice the images of the
            smallest (`data.order.UNEVEN`); sets more even than that are drawn as they are.
    """

    balanced: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class GanParams:
    """Section ``gan``: the conditional GAN (paper, section 3.1).

    Attributes:
        width: channels of generator and discriminator; >= 1.
        latent: entries of z, the label's included when `conditioning` is `overwrite`; >= 1.
        conditioning: how the label enters G, a name in `catalogue.gan.CONDITIONINGS`.
        objective: adversarial loss, a name in `catalogue.gan.OBJECTIVES`.
        gradient_penalty: weight of the penalty of `wgan_gp`; >= 0.
        class_weight: weight of the auxiliary classifier's cross-entropy; >= 0, 0 removes it.
        discriminator_steps: D steps per G step; >= 1.
        augment: DiffAugment strategy of what D sees; `none` = off.
        steps: G steps; >= 1.
        batch_size: images per step; >= 2.
        lr: Adam step size of both networks; > 0.
        beta1: Adam's decay of the mean; in [0, 1).
        beta2: Adam's decay of the square; in [0, 1).
        ema: decay per step of the moving average of G's weights; in [0, 1), 0 = off.
    """

    width: Count
    latent: Count
    conditioning: Annotated[str, OneOf(tuple(CONDITIONINGS))]
    objective: Annotated[str, OneOf(tuple(OBJECTIVES))]
    gradient_penalty: Weight
    class_weight: Weight
    discriminator_steps: Count
    augment: DiffAugment
    steps: Count
    batch_size: BatchOfTwo
    lr: Rate
    beta1: Momentum
    beta2: Momentum
    ema: Momentum


@dataclass(frozen=True, kw_only=True, slots=True)
class DistillParams:
    """Section ``distill``: training G on by matching (paper, section 3.2 and Algorithm 1).

    Attributes:
        steps: G steps; >= 1.
        batch_size: images per step, real and generated each; >= 2.
        lr: Adam step size of both networks; > 0.
        train_discriminator: D keeps training.
        pool: networks to match in, names in `catalogue.networks.NETWORKS`; at least one.
        pool_kind: how many of them live at a time, a name in `catalogue.matching.POOL_KINDS`.
        pool_size: networks that take turns, under `resident` only; >= 1, and >= the number of networks in `pool`.
        pool_width: fraction of each network's standard channels; > 0.
        redraw_steps: G steps that a network is used in until it is replaced by a fresh one; >= 1.
        inner_steps: SGD steps of the network in use before every G step; >= 0, 0 = untrained.
        inner_lr: step size of that SGD; > 0.
        inner_momentum: its momentum; in [0, 1).
        inner_weight_decay: its weight decay; >= 0.
        inner_augment: DiffAugment strategy of its batches; `none` = off.
        match_augment: DiffAugment strategy of the matched batches, one draw for both; `none` = off.
        snapshots: generators kept along the way, evenly spaced, the last included; >= 1.
    """

    steps: Count
    batch_size: BatchOfTwo
    lr: Rate
    train_discriminator: bool
    pool: Networks
    pool_kind: Annotated[str, OneOf(tuple(POOL_KINDS))]
    pool_size: Count
    pool_width: Rate
    redraw_steps: Count
    inner_steps: CountOrZero
    inner_lr: Rate
    inner_momentum: Momentum
    inner_weight_decay: Weight
    inner_augment: DiffAugment
    match_augment: DiffAugment
    snapshots: Count


@dataclass(frozen=True, kw_only=True, slots=True)
class LossParams:
    """Section ``loss``: the matching terms (Eq. 6-8).

    Attributes:
        omega_g: weight of the global term; >= 0, 0 removes it.
        omega_l: weight of the local term; >= 0, 0 removes it.
        global_logits: what the global term compares, a name in `catalogue.matching.GLOBAL_LOGITS`.
        global_reduction: over batch and classes, a name in `catalogue.matching.REDUCTIONS`.
        local_form: form of the local term, a name in `catalogue.matching.LOCAL_FORMS`.
        local_layer: `second`, or the name of a layer that every network of the pool has.
    """

    omega_g: Weight
    omega_l: Weight
    global_logits: Annotated[str, OneOf(tuple(GLOBAL_LOGITS))]
    global_reduction: Annotated[str, OneOf(tuple(REDUCTIONS))]
    local_form: Annotated[str, OneOf(tuple(LOCAL_FORMS))]
    local_layer: Text

    def of(self, source: str) -> "LossParams":
        """The same with weight 0 for the terms that a generated source is distilled without."""
        terms = SOURCES[source].terms
        weights = {"global": self.omega_g, "local": self.omega_l}
        kept = {name: weight if name in terms else 0.0 for name, weight in weights.items()}
        return replace(self, omega_g=kept["global"], omega_l=kept["local"])


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateParams:
    """Section ``generate``: which generator is deployed.

    Attributes:
        select: a name in `catalogue.matching.SELECTIONS`.
        select_students: networks trained per snapshot, under `held_out` only; >= 1.
        select_width: fraction of their standard channels; > 0.
        select_epochs: epochs of classes x 10 fresh images that each is trained for; >= 1.
    """

    select: Annotated[str, OneOf(tuple(SELECTIONS))]
    select_students: Count
    select_width: Rate
    select_epochs: Count


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeParams:
    """Section ``recipe``: how a student is trained, by SGD.

    Attributes:
        lr: step size; > 0.
        momentum: in [0, 1).
        weight_decay: >= 0.
        fresh_batch: largest batch under `fresh`, in images; >= 1.
        fresh_augment: DiffAugment strategy under `fresh`.
        fixed_batch: largest batch under `fixed` and `fixed_plain`, in images; >= 1.
        fixed_augment: DSA strategy under `fixed`.
        plain_augment: DSA strategy under `fixed_plain`.
        whole_lr: first step size on the whole training set, cosine to 0; > 0.
        whole_batch: batch on the whole training set, in images; >= 1.
        whole_augment: DiffAugment strategy on the whole training set.
    """

    lr: Rate
    momentum: Momentum
    weight_decay: Weight
    fresh_batch: Count
    fresh_augment: DiffAugment
    fixed_batch: Count
    fixed_augment: Dsa
    plain_augment: Dsa
    whole_lr: Rate
    whole_batch: Count
    whole_augment: DiffAugment


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateParams:
    """Section ``evaluate``: which students are trained, on what and how long.

    Attributes:
        networks: students, names in `catalogue.networks.NETWORKS`; at least one.
        control_networks: students of the controls; may be empty.
        ipc: images per class; at least one, each >= 1.
        protocols: names in `catalogue.protocols.PROTOCOLS`; at least one.
        students: networks trained from scratch per cell; >= 1.
        width: fraction of each network's standard channels; > 0.
        fresh_epochs: epochs of classes x ipc images under `fresh`; >= 1.
        fixed_epochs: the same under `fixed`; >= 1.
        plain_epochs: the same under `fixed_plain`; >= 1.
        whole_epochs: passes over the whole training set; >= 1.
        test_points: times a student is tested, evenly spaced, the last at the end; >= 1.
    """

    networks: Networks
    control_networks: Annotated[tuple[Network, ...], Unique()]
    ipc: Annotated[tuple[Count, ...], NotEmpty(), Unique()]
    protocols: Annotated[tuple[ProtocolName, ...], NotEmpty(), Unique()]
    students: Count
    width: Rate
    fresh_epochs: Count
    fixed_epochs: Count
    plain_epochs: Count
    whole_epochs: Count
    test_points: Count


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityParams:
    """Section ``quality``: the network that generated images are judged by, and how many of them are.

    Attributes:
        network: its architecture, a name in `catalogue.networks.NETWORKS`.
        width: fraction of its standard channels; > 0.
        epochs: passes over the whole training set, at least so many that they make 100 steps; >= 1.
        images: generated ones of each source, and as many real ones on either side; >= 2. A training set of fewer
            than twice as many is halved.
        neighbours: k of precision, recall, density and coverage; >= 1.
    """

    network: Network
    width: Rate
    epochs: Count
    images: Annotated[int, AtLeast(2)]
    neighbours: Count


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeParams:
    """Section ``runtime``: where and how to run; changes no tracked result.

    Attributes:
        device: auto, cpu, cuda, cuda:<number> or mps.
        precision: a name in `catalogue.running.PRECISIONS`.
        threads: CPU threads; 0 = all cores.
        students: a name in `catalogue.running.STUDENT_FORMS`: how the students of a cell are trained.
        deterministic: bit-identical repeats on CUDA.
        compile: networks in training go through ``torch.compile``.
        resident_limit_mib: images of a split, in MiB, up to which it lies on the device; a larger one is streamed.
        data_root: folder of the downloaded archives.
        checkpoint_seconds: seconds between checkpoints; >= 0.
        log_seconds: seconds between progress lines when the output is no terminal; >= 0.
        time_limit_minutes: minutes after which a stage stops to be continued; 0 = no limit.
    """

    device: DeviceName
    precision: Annotated[str, OneOf(tuple(PRECISIONS))]
    threads: Annotated[int, AtLeast(0), AtMost(1024)]
    students: Annotated[str, OneOf(tuple(STUDENT_FORMS))]
    deterministic: bool
    compile: bool
    resident_limit_mib: CountOrZero
    data_root: Text
    checkpoint_seconds: Weight
    log_seconds: Weight
    time_limit_minutes: Weight


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """The whole of params.yaml.

    Attributes:
        preset: label in tables and results/; no stage depends on it.
        seed: root of every random stream; >= 0.
        sources: generated sets to make and evaluate, names in `catalogue.sources.GENERATED_SOURCES`.
        data: section of that name, as are the rest.
        gan: the conditional GAN.
        distill: the matching loop.
        loss: its terms.
        generate: what is deployed.
        recipe: how students are trained.
        evaluate: which students are trained.
        quality: what generated images are judged by.
        runtime: where it runs.
    """

    preset: Label
    seed: CountOrZero
    sources: Annotated[tuple[GeneratedSource, ...], NotEmpty(), Unique()]
    data: DataParams
    gan: GanParams
    distill: DistillParams
    loss: LossParams
    generate: GenerateParams
    recipe: RecipeParams
    evaluate: EvaluateParams
    quality: QualityParams
    runtime: RuntimeParams
