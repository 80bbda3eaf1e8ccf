"""`samples.png`: real and generated images side by side, a row a class, every pixel enlarged to a square."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from safetensors.numpy import load_file

from gendistill.config.schema import Params
from gendistill.data.info import DataInfo
from gendistill.reporting.labels import CAPTIONS, source_rank
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_atomically
from gendistill.runtime.seeds import derive_seed

Pixels = NDArray[np.uint8]

COLUMNS = 10  # images of a class in a block
ROWS = 20  # classes shown
IMAGE_PIXELS = 48  # least side of an enlarged image
GAP = 4  # pixels between images
BLOCK_GAP = 40
TOP, BOTTOM, RIGHT = 48, 30, 24
DPI = 100


def write_samples(params: Params, info: DataInfo, root: Path, path: Path) -> None:
    """Draw the blocks: random training images, then each generated source from its largest fixed set.

    Raises:
        UserError: a set is missing or holds too few images of a class.
    """
    classes = list(range(min(info.num_classes, ROWS)))
    ipc = max(params.evaluate.ipc)
    columns = min(ipc, COLUMNS)
    train = load_images(root / "data/prepared/train.safetensors", "prepare")
    blocks = [("Real", block(*train, classes, columns, seed=derive_seed(params.seed, "report", "samples")))]
    for source in sorted(params.sources, key=source_rank):
        file = root / f"data/synthetic/{source}/ipc{ipc}.safetensors"
        blocks.append((CAPTIONS.get(source, source), block(*load_images(file, "generate"), classes, columns)))
    names = [info.classes[label] for label in classes]
    foot = f"first {len(classes)} of {info.num_classes} classes" if len(classes) < info.num_classes else ""
    save_figure(_figure(blocks, names, foot), path)


def block(
    images: Pixels, labels: NDArray[np.int64], classes: list[int], columns: int, seed: int | None = None
) -> Pixels:
    """A sheet of images, a row a class, enlarged by a whole factor.

    Args:
        images: (n, c, h, w) uint8.
        labels: (n,) int64.
        classes: labels to show, one row each.
        columns: images of a class; a class with fewer leaves the rest of its row white.
        seed: draws them without replacement; None takes the first.

    Returns:
        (height, width, 3) uint8.

    Raises:
        UserError: a class has no image at all.
    """
    size = images.shape[2]
    scale = -(-IMAGE_PIXELS // size)
    side = scale * size
    shape = (len(classes) * (side + GAP) - GAP, columns * (side + GAP) - GAP, 3)
    sheet = np.full(shape, 255, dtype=np.uint8)
    draw = None if seed is None else np.random.default_rng(seed)
    for row, label in enumerate(classes):
        members = np.flatnonzero(labels == label)
        if not len(members):
            raise UserError(f"no image of class {label} among {len(labels)}: run `dvc repro` again")
        picked = members if draw is None else draw.permutation(members)
        for column, index in enumerate(picked[:columns]):
            pixels = np.broadcast_to(images[index], (3, size, size)).transpose(1, 2, 0)
            y, x = row * (side + GAP), column * (side + GAP)
            sheet[y : y + side, x : x + side] = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    return sheet


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG whose bytes depend on the picture alone: no date, no version of the library."""
    with write_atomically(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None}, facecolor="white")


def _figure(blocks: list[tuple[str, Pixels]], names: list[str], foot: str) -> Figure:
    """Blocks in a row at one screen pixel a picture pixel, names at the left, captions above."""
    rows = blocks[0][1].shape[0]
    left = 32 + 10 * max(map(len, names))
    width = left + sum(sheet.shape[1] for _, sheet in blocks) + BLOCK_GAP * (len(blocks) - 1) + RIGHT
    height = TOP + rows + BOTTOM
    with mpl.rc_context({"font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(width / DPI, height / DPI))
        x = left
        for caption, sheet in blocks:
            # One axes pixel for each sheet pixel: nothing is resampled, so edges stay sharp.
            box = (x / width, BOTTOM / height, sheet.shape[1] / width, rows / height)
            axes = figure.add_axes(box)
            axes.imshow(sheet, interpolation="nearest", aspect="auto")
            axes.set_axis_off()
            figure.text(x / width, 1 - (TOP - 10) / height, caption, size=14, weight="bold", va="bottom")
            x += sheet.shape[1] + BLOCK_GAP
        step = (rows + GAP) / len(names)
        for row, name in enumerate(names):
            y = 1 - (TOP + (row + 0.5) * step - GAP / 2) / height
            figure.text((left - 14) / width, y, name, size=12, ha="right", va="center")
        figure.text(left / width, 10 / height, foot, size=10, color="0.4")
    return figure


def load_images(path: Path, stage: str) -> tuple[Pixels, NDArray[np.int64]]:
    """Images and labels of a tensor file."""
    if not path.is_file():
        raise UserError(f"{path} does not exist: run `dvc repro {stage}` first")
    tensors = load_file(path)
    return tensors["images"], tensors["labels"]
