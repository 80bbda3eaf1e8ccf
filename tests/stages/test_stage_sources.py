"""Generated sources differ in the matching terms that they are distilled with, and in nothing else."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gendistill.config.params import load_params

STEP = "step3.safetensors"


@pytest.fixture
def distilled(
    tmp_path: Path, finished: Path, run_stage: Callable[..., Any], set_params: Callable[..., None]
) -> Callable[..., bytes]:
    """Weights that ``stages.distill`` writes for a source."""
    folder = shutil.copytree(finished, tmp_path / "project")

    def run(source: str, values: dict[str, Any] | None = None) -> bytes:
        set_params(folder, {"sources": ["cgan", "continued", "dim", "ours"]} | (values or {}))
        result = run_stage(folder, "distill", "--source", source)
        assert result.exit_code == 0, (result.output, result.exception)
        return (folder / "data/distilled" / source / STEP).read_bytes()

    return run


@pytest.mark.parametrize(
    ("source", "weights"),
    [("continued", {"loss.omega_g": 0.0, "loss.omega_l": 0.0}), ("dim", {"loss.omega_l": 0.0}), ("ours", {})],
)
def test_a_source_is_ours_without_the_terms_it_lacks(
    distilled: Callable[..., bytes], finished: Path, tmp_path: Path, source: str, weights: dict[str, float]
) -> None:
    made = distilled(source)
    assert made == distilled("ours", weights)
    assert (made == (finished / "data/distilled/ours" / STEP).read_bytes()) == (source == "ours")
    with (tmp_path / f"project/metrics/distill_losses/{source}.csv").open() as file:
        rows = list(csv.DictReader(file))
    for term, weight in (("global", "loss.omega_g"), ("local", "loss.omega_l")):
        assert all((float(row[term]) > 0) == (weight not in weights) for row in rows)


def test_the_weights_of_a_source() -> None:
    loss = load_params(Path(__file__).resolve().parents[2] / "params.yaml").loss
    found = {name: (loss.of(name).omega_g, loss.of(name).omega_l) for name in ("continued", "dim", "ours")}
    assert found == {"continued": (0, 0), "dim": (loss.omega_g, 0), "ours": (loss.omega_g, loss.omega_l)}
