"""A folder of images from files to report: real digits written in the formats and modes that people have."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from gendistill.artifact.file import load_artifact
from gendistill.data.info import load_info
from gendistill.data.load import load_split

NewProject = Callable[..., Path]
RunStage = Callable[..., Any]
SetParams = Callable[..., None]
OWN = {
    "data.name": "folder",
    "data.path": "my digits",
    "data.fit": "crop",
    "data.held_out": 0,
    "gan.conditioning": "concat",
    "gan.latent": 8,
}
NAMES = ("zero", "one", "two", "three")
COUNTS = {"train": (40, 12, 3, 40), "val": (4, 4, 4, 4), "test": (6, 6, 6, 0)}


def write_digits(root: Path) -> None:
    """Digits 0 … 3, unequally many, each file in another format, mode, size or shape; white on black."""
    digits = load_digits()
    ways = (write_png, write_jpeg, write_wide, write_deep, write_clear, write_palette)
    for label, name in enumerate(NAMES):
        images = iter(np.rint(digits.images[digits.target == label] * (255 / 16)).astype(np.uint8))
        for part, counts in COUNTS.items():
            folder = root / part / name
            for number in range(counts[label]):
                folder.mkdir(parents=True, exist_ok=True)
                ways[number % len(ways)](folder / f"{number:03}", Image.fromarray(next(images)))


def write_png(path: Path, picture: Image.Image) -> None:
    picture.save(path.with_suffix(".png"))


def write_jpeg(path: Path, picture: Image.Image) -> None:
    picture.resize((32, 32)).convert("RGB").save(path.with_suffix(".JPG"), quality=95)


def write_wide(path: Path, picture: Image.Image) -> None:
    wide = Image.new("L", (20, 12))
    wide.paste(picture.resize((12, 12)), (4, 0))
    wide.save(path.with_suffix(".webp"), lossless=True)


def write_deep(path: Path, picture: Image.Image) -> None:
    Image.fromarray(np.asarray(picture).astype(np.uint16) * 257).save(path.with_suffix(".tiff"))


def write_clear(path: Path, picture: Image.Image) -> None:
    clear = Image.new("LA", picture.size)  # ink is opaque black where the digit is not
    clear.putalpha(Image.fromarray(255 - np.asarray(picture)))
    clear.save(path.with_suffix(".png"))


def write_palette(path: Path, picture: Image.Image) -> None:
    picture.convert("P").save(path.with_suffix(".bmp"))


@pytest.fixture(scope="module")
def own(
    tmp_path_factory: pytest.TempPathFactory, new_project: NewProject, run_stage: RunStage, pipeline: Any
) -> tuple[Path, list[str]]:
    """A project of such a folder in which every stage has run, and what the stages said."""
    folder = new_project(tmp_path_factory.mktemp("own"), OWN)
    write_digits(folder / "data/raw/my digits")
    said = []
    for stage, *options in pipeline:
        result = run_stage(folder, stage, *options)
        assert result.exit_code == 0, (stage, result.output, result.exception)
        said.append(result.output)
    return folder, said


def test_the_prepared_data_are_the_digits(own: tuple[Path, list[str]]) -> None:
    folder, said = own
    info = load_info(folder / "data/prepared")
    assert info.classes == tuple(sorted(NAMES))
    assert info.counts == {"train": 95, "held_out": 16, "test": 18}
    assert (info.channels, info.image_size) == (3, 16)
    assert "folder: 95 train, 16 held-out, 18 test images of 4 classes, 16 x 16" in said[0]
    notes = json.loads((folder / "metrics/data.json").read_text())["notes"]
    assert "no test image has the label 1 (three)" in notes
    train = load_split(folder / "data/prepared", "train", "cpu", 100)
    assert torch.bincount(train.labels).tolist() == [12, 40, 3, 40]  # one, three, two, zero
    digits = load_digits()
    means = torch.stack([torch.tensor(digits.images[digits.target == label].mean(0)) / 16 for label in (1, 3, 2, 0)])
    small = torch.nn.functional.avg_pool2d(train.gather(torch.arange(95)).float().mean(1) / 255, 2)
    # every image is nearest to the mean of its own class, so no format was inverted, turned or shifted
    nearest = torch.cdist(small.flatten(1).double(), means.flatten(1)).argmin(1)
    assert (nearest == train.labels).float().mean() > 0.9


def test_the_artifact_knows_the_classes(own: tuple[Path, list[str]]) -> None:
    _, card = load_artifact(own[0] / "data/artifacts/ours.safetensors")
    assert (card["dataset"], card["image_shape"]) == ("folder", [3, 16, 16])
    assert list(card["classes"]) == sorted(NAMES)


def test_the_report_names_the_folder(own: tuple[Path, list[str]]) -> None:
    report = own[0] / "data/report"
    assert (report / "table.md").read_text().startswith("# my digits (image folder)\n")
    page = (report / "index.html").read_text()
    assert "<title>gendistill: my digits (image folder)</title>" in page
    assert "<h1>my digits (image folder)</h1>" in page


@pytest.fixture
def project(tmp_path: Path, new_project: NewProject) -> Path:
    """A project of such a folder in which nothing has run."""
    folder = new_project(tmp_path / "project", OWN)
    write_digits(folder / "data/raw/my digits")
    return folder


def test_what_later_stages_would_stumble_over_is_told_first(
    project: Path, run_stage: RunStage, set_params: SetParams
) -> None:
    changes = {"gan.conditioning": "overwrite", "gan.latent": 4, "distill.batch_size": 96, "recipe.whole_batch": 96}
    set_params(project, changes | {"evaluate.ipc": [1, 24]})
    result = run_stage(project, "prepare")
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        "params.yaml, for the images of my digits, has 3 problems:",
        "  gan.latent: must be >= 5, found 4: overwrite puts the label of folder into the first 4 entries; or write "
        "gan.conditioning: concat, which takes any",
        "  distill.batch_size: must be <= 95, found 96 (folder has 95 training images, 0 held out)",
        "  evaluate.ipc: must be <= 23 for the control random, found 24: folder has no more training images a class; "
        "write fewer, or evaluate.control_networks: []",
    ]
    assert not (project / "data/prepared").exists()


def test_selection_on_held_out_images_needs_val_or_a_number(
    project: Path, run_stage: RunStage, set_params: SetParams
) -> None:
    set_params(project, {"generate.select": "held_out", "distill.snapshots": 2})
    assert run_stage(project, "prepare").exit_code == 0
    (project / "data/raw/my digits/val").rename(project / "val")
    result = run_stage(project, "prepare")
    assert result.exit_code == 2
    assert "generate.select: held_out needs held-out images" in result.output


def test_damage_is_one_message_without_traceback(project: Path, run_stage: RunStage) -> None:
    own = project / "data/raw/my digits"
    (own / "train/one/000.png").write_bytes(b"")
    (own / "test/two/readme.gif").write_bytes(b"GIF89a")
    result = run_stage(project, "prepare")
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert "train/one/000.png: no PNG, JPEG" in result.output
    assert "test/two/readme.gif" in result.output
    assert not (project / "data/prepared").exists()
    assert not (project / "metrics").exists()


def test_selection_without_held_out_images_is_told_by_package_too(
    own: tuple[Path, list[str]], tmp_path: Path, run_stage: RunStage, set_params: SetParams
) -> None:
    """Parameters may change after the data were prepared."""
    folder = shutil.copytree(own[0], tmp_path / "project")
    info = json.loads((folder / "data/prepared/info.json").read_text())
    info["counts"]["held_out"] = 0
    (folder / "data/prepared/info.json").write_text(json.dumps(info))
    set_params(folder, {"generate.select": "held_out", "distill.snapshots": 2})
    snapshots = folder / "data/distilled/ours"
    shutil.copy(snapshots / "step3.safetensors", snapshots / "step2.safetensors")
    result = run_stage(folder, "package")
    assert result.exit_code == 2
    assert "generate.select: held_out needs held-out images, but data/prepared has none" in result.output


def seen_classes(order: Any, labels: torch.Tensor, steps: int) -> list[int]:
    return torch.bincount(torch.cat([labels[order.index(step)] for step in range(steps)]), minlength=4).tolist()


@pytest.mark.parametrize(("balanced", "alike"), [(True, True), (False, False)])
def test_stages_train_on_balanced_batches(
    own: tuple[Path, list[str]], tmp_path: Path, run_stage: RunStage, set_params: SetParams, new_project: NewProject,
    monkeypatch: pytest.MonkeyPatch, balanced: bool, alike: bool,
) -> None:  # fmt: skip
    """What the GAN, the distillation and the pool draw from 40, 12, 3 and 40 images."""
    from gendistill.data import order as module

    made = []
    real = module.training_order

    def spy(labels: torch.Tensor, *args: Any, **options: Any) -> Any:
        made.append((real(labels, *args, **options), labels))
        return made[-1][0]

    for place in ("gan.train", "matching.distill", "matching.pool"):
        monkeypatch.setattr(f"gendistill.{place}.training_order", spy)
    folder = new_project(tmp_path / "project", OWN | {"data.balanced": balanced})
    (folder / "data").mkdir()
    (folder / "data/prepared").symlink_to(own[0] / "data/prepared")
    for stage in ("train_gan", "distill"):
        assert run_stage(folder, stage).exit_code == 0
    assert len(made) == 3
    for order, labels in made:
        counts = seen_classes(order, labels, 4)
        assert (max(counts) - min(counts) <= 2) == alike
