"""Every method that makes a fixed set of images, by name: what it is called, what it may be set to, where it is.

To add one: write its function in a file of its own in ``gendistill/baselines``, and enter it here. Its section of
benchmark/params.yaml has to be there only in files that ask for it. CAFE, MTT and FRePo (benchmark specification 6.5,
7.2, 7.3) are not here yet. Functions are named, not imported: parameters are checked without torch.
"""

from dataclasses import dataclass, make_dataclass
from typing import Any, Final, Literal

from gendistill.config.catalogue.table import table
from gendistill.config.method_settings import DmParams, GradientParams, KipParams, SelectionParams


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodInfo:
    """A distillation method that makes a fixed set of images: a row of the benchmark.

    Attributes:
        name: its name in benchmark/params.yaml and in file names.
        title: its name in tables.
        kind: how its images come to be: chosen among the training images, or optimised.
        source: where the method comes from.
        description: one line.
        settings: dataclass of its section of benchmark/params.yaml, from `gendistill.config.method_settings` or `keys`.
        function: ``module:name`` of a function of a `gendistill.baselines.task.Task` that gives a ``DistilledSet``.
    """

    name: str
    title: str
    kind: Literal["selection", "optimisation"]
    source: str
    description: str
    settings: type[Any]
    function: str


def keys(**types: Any) -> type[Any]:
    """Settings of a method by name and type (of `gendistill.config.schema`), such as ``keys(steps=Count, lr=Rate)``."""
    return make_dataclass("Settings", types.items(), frozen=True, kw_only=True, slots=True)


METHODS: Final[dict[str, MethodInfo]] = table(
    MethodInfo(
        name="random",
        title="Random",
        kind="selection",
        source="Zhao et al., Dataset Condensation with Gradient Matching (arXiv 2006.05929)",
        description="training images drawn at random from every class",
        settings=keys(),
        function="gendistill.baselines.choosing:choose_random",
    ),
    MethodInfo(
        name="herding",
        title="Herding",
        kind="selection",
        source="Welling, Herding Dynamical Weights to Learn (ICML 2009), as the DC author describes it",
        description="training images whose mean embedding follows that of their class",
        settings=SelectionParams,
        function="gendistill.baselines.choosing:choose_herding",
    ),
    MethodInfo(
        name="k_center",
        title="K-Center",
        kind="selection",
        source="Sener and Savarese, Active Learning: A Core-Set Approach (arXiv 1708.00489)",
        description="training images that lie far from each other in the embedding",
        settings=SelectionParams,
        function="gendistill.baselines.choosing:choose_k_center",
    ),
    MethodInfo(
        name="forgetting",
        title="Forgetting",
        kind="selection",
        source="Toneva et al., An Empirical Study of Example Forgetting (arXiv 1812.05159)",
        description="training images that a network in training forgets most often",
        settings=SelectionParams,
        function="gendistill.baselines.choosing:choose_forgotten",
    ),
    MethodInfo(
        name="dm",
        title="DM",
        kind="optimisation",
        source="Zhao and Bilen, Dataset Condensation with Distribution Matching (arXiv 2110.04181)",
        description="class means of embeddings by untrained networks are matched",
        settings=DmParams,
        function="gendistill.baselines.dm:distil",
    ),
    MethodInfo(
        name="dc",
        title="DC",
        kind="optimisation",
        source="Zhao et al., Dataset Condensation with Gradient Matching (arXiv 2006.05929)",
        description="class gradients of networks in training are matched",
        settings=GradientParams,
        function="gendistill.baselines.gradient_matching:distil",
    ),
    MethodInfo(
        name="dsa",
        title="DSA",
        kind="optimisation",
        source="Zhao and Bilen, Differentiable Siamese Augmentation (arXiv 2102.08259)",
        description="DC with one augmentation shared by the real and the synthetic images",
        settings=GradientParams,
        function="gendistill.baselines.gradient_matching:distil",
    ),
    MethodInfo(
        name="egm",
        title="EGM",
        kind="optimisation",
        source="Jiang et al., Delving into Effective Gradient Matching (arXiv 2208.00311)",
        description="DC with multi-level gradients, a distance that sees magnitudes, and fewer inner epochs",
        settings=GradientParams,
        function="gendistill.baselines.gradient_matching:distil",
    ),
    MethodInfo(
        name="kip_fc",
        title="KIP-FC",
        kind="optimisation",
        source="Nguyen et al., Dataset Distillation with Infinitely Wide Convolutional Networks (arXiv 2107.13034)",
        description="kernel regression on the images with the tangent kernel of a fully connected network",
        settings=KipParams,
        function="gendistill.baselines.kip:distil",
    ),
)
