"""A fabricated project: digits as data and as "generated" images, invented losses and accuracies."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.datasets import load_digits

from gendistill.config.params import parse_params
from gendistill.config.schema import Params
from gendistill.config.yaml12 import load_yaml

ROOT = Path(__file__).resolve().parents[2]
LEVEL = {
    "whole": 0.978, "real": 0.95, "random": 0.72, "cgan": 0.86, "continued": 0.87, "dim": 0.9, "ours": 0.93,
}  # fmt: skip


@pytest.fixture
def make_params() -> Callable[..., Params]:
    """Parameters of the project's params.yaml with changes by dotted key."""

    def make(**changes: Any) -> Params:
        document = load_yaml(ROOT / "params.yaml")
        for key, value in {"sources": ["cgan", "ours"], **changes}.items():
            *parents, last = key.split("__")
            place = document
            for parent in parents:
                place = place[parent]
            place[last] = value
        return parse_params(document, "params.yaml")

    return make


@pytest.fixture
def statistics() -> Callable[..., dict[str, Any]]:
    """One protocol's entry of a cell file."""

    def make(accuracies: list[float], **changes: Any) -> dict[str, Any]:
        return {
            "mean": float(np.mean(accuracies)),
            "std": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0,
            "min": min(accuracies),
            "max": max(accuracies),
            "n": len(accuracies),
            "accuracies": accuracies,
            "held_out_mean": 0.5,
            "width": 0.25,
            "channels": 32,
            "epochs": 300,
            "steps": 300,
            "batch": 10,
            "augment": "color_crop",
            "distinct_images": 3000,
            "bytes": 1_234_567,
            "confusion": [[170 if a == b else int(b < 10) for b in range(10)] for a in range(10)],
            "held_out_curve": {"steps": [100, 200, 300], "mean": [0.3, 0.45, 0.5], "std": [0.1, 0.05, 0.02]},
        } | changes

    return make


def write_images(root: Path, sources: tuple[str, ...], ipc: int) -> None:
    """Prepared data, and fixed sets that are other digits of the right class."""
    digits = load_digits()
    images = (digits.images * 255 / 16).astype(np.uint8)[:, None].repeat(2, 2).repeat(2, 3)
    labels = digits.target.astype(np.int64)
    prepared = root / "data/prepared"
    prepared.mkdir(parents=True)
    save_file({"images": images[360:], "labels": labels[360:]}, prepared / "train.safetensors")
    save_file({"images": images[:360], "labels": labels[:360]}, prepared / "test.safetensors")
    info = {
        "name": "digits",
        "classes": [str(k) for k in range(10)],
        "channels": 1,
        "image_size": 16,
        "counts": {"train": 1293, "held_out": 144, "test": 360},
        "mean": [0.3],
        "std": [0.4],
        "source": {},
        "checksum": "0" * 64,
        "notes": ["a note on this copy"],
    }
    (prepared / "info.json").write_text(json.dumps(info))
    chosen = np.concatenate([np.flatnonzero(labels == label)[:ipc] for label in range(10)])
    for source in sources:
        folder = root / f"data/synthetic/{source}"
        folder.mkdir(parents=True)
        save_file({"images": images[chosen], "labels": labels[chosen]}, folder / f"ipc{ipc}.safetensors")
        artifact = root / f"data/artifacts/{source}.safetensors"
        artifact.parent.mkdir(parents=True, exist_ok=True)
        artifact.write_bytes(b"x" * 1_234_567)


def write_curves(root: Path, sources: tuple[str, ...]) -> None:
    """Loss tables with the shapes of the real ones."""
    rng = np.random.default_rng(0)
    gan = ["step,generator,generator_classes,discriminator,gradient_penalty"]
    for step in range(1, 901, 10):
        values = (3 - step / 300, 2.3 * np.exp(-step / 150), -step / 200 - 1, 1 + rng.random())
        gan.append(",".join([str(step), *(f"{value:.5f}" for value in values)]))
    (root / "metrics/distill_losses").mkdir(parents=True)
    (root / "metrics/gan_losses.csv").write_text("\n".join(gan) + "\n")
    for source in sources:
        rows = [
            "step,total,gan,global,global_weighted,local,local_weighted,discriminator,gradient_penalty,"
            "global_gradient_ratio,local_gradient_ratio"
        ]
        for step in range(1, 201, 5):
            g, part = 1.5 * np.exp(-step / 80) + rng.random() * 0.1, 30 * np.exp(-step / 60) + rng.random()
            adversarial = 1 - step / 150
            total = adversarial + (g + part) / 100
            ratios = f"{0.02 + 0.01 * rng.random():.4f},{0.4 + 0.3 * rng.random():.4f}"
            terms = f"{g:.5f},{g / 100:.6f},{part:.5f},{part / 100:.6f}"
            rows.append(f"{step},{total:.5f},{adversarial:.5f},{terms},{-2 - step / 300:.5f},0.3,{ratios}")
        (root / f"metrics/distill_losses/{source}.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture
def write_cells(statistics: Callable[..., dict[str, Any]]) -> Callable[..., None]:
    """Every cell file that the parameters name."""

    def write(root: Path, params: Params, **changes: Any) -> None:
        from gendistill.reporting.cells import named_cells

        folder = root / "data/cells"
        folder.mkdir(parents=True, exist_ok=True)
        for cell in named_cells(params):
            loss = 0.25 / (cell.ipc or 50) ** 0.5
            results = {}
            for protocol in cell.protocols:
                level = LEVEL[cell.source] - loss * (1 + protocol.startswith("fixed"))
                accuracies = [round(level + 0.004 * k, 6) for k in range(params.evaluate.students)]
                results[protocol] = statistics(accuracies, **changes)
            content = {"source": cell.source, "network": cell.network, "ipc": cell.ipc, "results": results}
            (folder / cell.file).write_text(json.dumps(content))

    return write


def write_quality(root: Path, sources: tuple[str, ...]) -> None:
    """Scores and pairs of the generated sources."""
    row = {
        "frechet_distance": 1.25, "precision": 0.9, "recall": 0.8, "density": 1.1, "coverage": 0.85,
        "nearest_median": 26.5, "close_share": 0.012,
    }  # fmt: skip
    scores = {source: {**row, "recall": 0.8 + 0.01 * k} for k, source in enumerate(("real", *sources))}
    made = {"network": "convnet3", "width": 0.25, "epochs": 8, "features": 128, "images": 500, "neighbours": 5}
    (root / "metrics/quality.json").write_text(json.dumps({**made, "scores": scores}))
    images = np.arange(12, dtype=np.uint8)[:, None, None, None].repeat(16, 2).repeat(16, 3)
    tensors = {}
    for source in sources:
        tensors |= {f"{source}.generated": images, f"{source}.training": images + 1}
        tensors[f"{source}.distance"] = np.linspace(1, 9, 12, dtype=np.float32)
    (root / "data/quality").mkdir()
    save_file(tensors, root / "data/quality/nearest.safetensors")


@pytest.fixture
def project(
    tmp_path: Path, make_params: Callable[..., Params], write_cells: Callable[..., None]
) -> tuple[Params, Path]:
    """A project in which every stage before the report has run."""
    params = make_params()
    write_images(tmp_path, params.sources, max(params.evaluate.ipc))
    write_curves(tmp_path, tuple(source for source in params.sources if source != "cgan"))
    write_cells(tmp_path, params)
    write_quality(tmp_path, params.sources)
    return params, tmp_path
