"""What a cell of the result table is given: its jobs, the real images it is scored on, and how many students."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from gendistill.data.info import load_info
from gendistill.data.load import load_split
from gendistill.data.resident import ImageSet
from gendistill.evaluation.protocols import Budget
from gendistill.evaluation.sources import Source


@dataclass(frozen=True)
class Job:
    """What one protocol of a cell trains on.

    Attributes:
        budget: steps, batch, optimiser, augmentation.
        source: batches.
        stored_bytes: what has to be kept to train another network like this.
    """

    budget: Budget
    source: Source
    stored_bytes: int


@dataclass(frozen=True)
class Splits:
    """Real images that students are scored on.

    Attributes:
        test: read for the reported numbers only.
        held_out: part of the training set that nothing was trained on; may be empty.
        num_classes: K.
    """

    test: ImageSet
    held_out: ImageSet
    num_classes: int


class Cohort(Protocol):
    """The students of a cell; section ``evaluate`` has these fields.

    Attributes:
        students: networks trained from scratch; >= 1.
        width: fraction of the architecture's standard channels; > 0.
        test_points: times a student is tested, evenly spaced, the last at the end; >= 1.
    """

    @property
    def students(self) -> int: ...  # noqa: D102
    @property
    def width(self) -> float: ...  # noqa: D102
    @property
    def test_points(self) -> int: ...  # noqa: D102


def load_splits(folder: Path, device: torch.device, resident_limit_mib: int) -> Splits:
    """The test and the held-out images of a prepared data set; larger ones are streamed, see `load_split`."""
    return Splits(
        test=load_split(folder, "test", device, resident_limit_mib),
        held_out=load_split(folder, "held_out", device, resident_limit_mib),
        num_classes=load_info(folder).num_classes,
    )
