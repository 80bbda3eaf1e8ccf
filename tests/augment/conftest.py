"""Every test of this room starts from the same global generator, in whatever order they run."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
