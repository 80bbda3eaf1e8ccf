"""The budgets of students of a fixed set of images: the counterpart of `protocols.budget`. Torch-free."""

from gendistill.config.benchmark import FixedRecipe
from gendistill.evaluation.protocols import Budget


def fixed_budget(protocol: str, images: int, recipe: FixedRecipe, epochs: int) -> Budget:
    """The budget of ``fixed`` or ``fixed_plain`` on a set of that many images.

    Args:
        protocol: ``fixed`` or ``fixed_plain``.
        images: of the set.
        recipe: section ``recipe`` of benchmark/params.yaml, which cards of images hold, too.
        epochs: passes over the set.

    Raises:
        KeyError: no such protocol.
    """
    return Budget(
        protocol=protocol,
        epochs=epochs,
        epoch_images=images,
        batch=min(images, recipe.batch),
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        schedule="half",
        augment={"fixed": recipe.augment, "fixed_plain": "none"}[protocol],
        semantics="dsa",
    )
