"""Methods that make a fixed set of images, and what they may be set to."""

from dataclasses import dataclass
from typing import Final, Literal

from gendistill.config.catalogue.table import table


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodInfo:
    """A distillation method that makes a fixed set of images: a row of the benchmark.

    Attributes:
        name: its name in benchmark/params.yaml and in file names.
        title: its name in tables.
        kind: how its images come to be: chosen among the training images, or optimised.
        source: where the method comes from.
        description: one line.
    """

    name: str
    title: str
    kind: Literal["selection", "optimisation"]
    source: str
    description: str


METHODS: Final[dict[str, MethodInfo]] = table(
    MethodInfo(
        name="random",
        title="Random",
        kind="selection",
        source="Zhao et al., Dataset Condensation with Gradient Matching (arXiv 2006.05929)",
        description="training images drawn at random from every class",
    ),
    MethodInfo(
        name="herding",
        title="Herding",
        kind="selection",
        source="Welling, Herding Dynamical Weights to Learn (ICML 2009), as the DC author describes it",
        description="training images whose mean embedding follows that of their class",
    ),
    MethodInfo(
        name="k_center",
        title="K-Center",
        kind="selection",
        source="Sener and Savarese, Active Learning: A Core-Set Approach (arXiv 1708.00489)",
        description="training images that lie far from each other in the embedding",
    ),
    MethodInfo(
        name="forgetting",
        title="Forgetting",
        kind="selection",
        source="Toneva et al., An Empirical Study of Example Forgetting (arXiv 1812.05159)",
        description="training images that a network in training forgets most often",
    ),
    MethodInfo(
        name="dm",
        title="DM",
        kind="optimisation",
        source="Zhao and Bilen, Dataset Condensation with Distribution Matching (arXiv 2110.04181)",
        description="class means of embeddings by untrained networks are matched",
    ),
    MethodInfo(
        name="dc",
        title="DC",
        kind="optimisation",
        source="Zhao et al., Dataset Condensation with Gradient Matching (arXiv 2006.05929)",
        description="class gradients of networks in training are matched",
    ),
    MethodInfo(
        name="dsa",
        title="DSA",
        kind="optimisation",
        source="Zhao and Bilen, Differentiable Siamese Augmentation (arXiv 2102.08259)",
        description="DC with one augmentation shared by the real and the synthetic images",
    ),
    MethodInfo(
        name="egm",
        title="EGM",
        kind="optimisation",
        source="Jiang et al., Delving into Effective Gradient Matching (arXiv 2208.00311)",
        description="DC with multi-level gradients, a distance that sees magnitudes, and fewer inner epochs",
    ),
    MethodInfo(
        name="kip_fc",
        title="KIP-FC",
        kind="optimisation",
        source="Nguyen et al., Dataset Distillation with Infinitely Wide Convolutional Networks (arXiv 2107.13034)",
        description="kernel regression on the images with the tangent kernel of a fully connected network",
    ),
)

IMAGE_STARTS: Final = {
    "real": "random training images",
    "noise": "standard normal noise in the standardised space",
}

GRADIENT_DISTANCES: Final = {
    "cosine": "one minus the cosine of every output unit's weights' gradient, summed (DC)",
    "cosine_euclidean": "the same plus the Euclidean distance of every output unit (EGM)",
}

INNER_SCHEDULES: Final = {
    "constant": "the same number of inner epochs after every outer step (DC)",
    "decreasing": "50, 40, 30, 20, then 10, and 5 from the tenth outer step on (EGM)",
}
