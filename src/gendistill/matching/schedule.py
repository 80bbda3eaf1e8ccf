"""Which network of the pool a generator step is matched in, as pure functions of the step (no state to resume).

| symbol | meaning |
| --- | --- |
| t | generator step, from 0 |
| P | places of the pool: 1 under ``pool_kind: drawn``, ``pool_size`` under ``resident`` |
| L | uses in the life of a network, ``redraw_steps``; its SGD steps on real images are ``inner_steps`` a use |

The places take turns, so each is used every P-th generator step and G is matched in every member within P steps.
A life lasts L P generator steps, and about one network in L steps is initialised under either kind.

Ages are staggered by the first networks' lives: that of place p lasts p L / P uses less than L (nothing is trained
beforehand). So all members start at age 0, and from step L P on, when every place has been renewed, their ages divide
the life of L uses into P equal parts, up to rounding.

Not in the paper, whose pool (section 3.2, Algorithm 1) draws one network at a time (docs/decisions.md).
"""

from typing import NamedTuple

from gendistill.config.schema import DistillParams
from gendistill.runtime.seeds import derive_seed


class Due(NamedTuple):
    """The network that a generator step is matched in.

    Attributes:
        place: its place in the pool, from 0.
        draw: its number in the run, from 0, unique over all places; the key of its weights.
    """

    place: int
    draw: int


def places(params: DistillParams) -> int:
    """Networks that live at a time, P."""
    return params.pool_size if params.pool_kind == "resident" else 1


def due(params: DistillParams, step: int) -> Due:
    """Place and number of the network of generator step `step` (from 0).

    With u = t // P uses of the place p = t mod P before this one, the place has seen (u + p L // P) // L renewals.
    """
    size, life = places(params), params.redraw_steps
    uses, place = divmod(step, size)
    renewals = (uses + place * life // size) // life
    return Due(place, renewals * size + place)


def architecture(params: DistillParams, draw: int, seed: int) -> str:
    """Name of network number `draw`.

    ``drawn``: uniform over ``pool``, at random. ``resident``: the places have the networks of ``pool`` in turn and keep
    them when renewed, so that every architecture is there at any time; they are matched in equally often where
    ``pool_size`` is a multiple of their number.
    """
    if params.pool_kind == "resident":
        return params.pool[draw % places(params) % len(params.pool)]
    return params.pool[derive_seed(seed, "pool", "architecture", draw) % len(params.pool)]
