"""Section of the page that shows real and generated images side by side, a row a class."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gendistill.config.schema import Params
from gendistill.data.info import DataInfo
from gendistill.reporting.html import Html, join, picture, tag
from gendistill.reporting.labels import CAPTIONS, source_rank
from gendistill.reporting.page import Section, note
from gendistill.reporting.pictures import Pixels, load_images
from gendistill.runtime.seeds import derive_seed

COLUMNS = 8  # images of a class from each source
CLASSES = 100  # shown at most


def strip(images: Pixels, columns: int) -> Pixels:
    """Images (n, c, h, w) uint8 in a row, as they are: (h, columns w, 3), white where there are fewer."""
    size = images.shape[2]
    sheet = np.full((size, columns * size, 3), 255, np.uint8)
    for place, image in enumerate(images[:columns]):
        sheet[:, place * size : (place + 1) * size] = np.broadcast_to(image, (3, size, size)).transpose(1, 2, 0)
    return sheet


def images_section(params: Params, info: DataInfo, root: Path) -> Section:
    """A row a class: real training images, then each generated source from its largest fixed set.

    Raises:
        UserError: a set is missing.
    """
    ipc = max(params.evaluate.ipc)
    columns = min(ipc, COLUMNS)
    seed = derive_seed(params.seed, "report", "page")
    sources = sorted(params.sources, key=source_rank)
    blocks: list[tuple[str, Pixels, NDArray[np.int64], int | None]]
    blocks = [("Real", *load_images(root / "data/prepared/train.safetensors", "prepare"), seed)]
    for source in sources:
        file = root / f"data/synthetic/{source}/ipc{ipc}.safetensors"
        blocks.append((CAPTIONS.get(source, source), *load_images(file, "generate"), None))
    items: list[Html] = [tag("b", "", class_="head"), *(tag("b", caption, class_="head") for caption, *_ in blocks)]
    for label, name in enumerate(info.classes[:CLASSES]):
        items.append(tag("span", name))
        for caption, images, labels, draw in blocks:
            members = np.flatnonzero(labels == label)
            if draw is not None:
                members = np.random.default_rng([draw, label]).permutation(members)
            alt = f"{name}: {min(len(members), columns)} images, {caption}"
            items += [tag("b", caption, class_="own"), picture(strip(images[members[:columns]], columns), alt)]
    shown = min(info.num_classes, CLASSES)
    left_out = f" First {shown} of {info.num_classes} classes." if shown < info.num_classes else ""
    told = note(
        f"Real: training images drawn at random. Generated: the first {columns} of the set of {ipc} images per class, "
        f"not picked.{left_out}"
    )
    grid = tag("div", *items, class_="strips", style=f"--n:{len(blocks)}")
    return Section(key="images", title="Real and generated images", short="Images", body=join([told, grid]))
