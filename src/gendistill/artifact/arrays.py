"""A network's weights outside torch: numpy arrays by name."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def contiguous(value: NDArray[Any]) -> NDArray[Any]:
    """The array in C order, its shape unchanged; ``np.ascontiguousarray`` would give a scalar one dimension."""
    return np.asarray(value, order="C")
