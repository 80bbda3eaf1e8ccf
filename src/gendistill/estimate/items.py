"""What there is to estimate: the stage items that parameters imply, and the shape of their data. Torch-free."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

from gendistill.config.catalogue.datasets import DATASETS
from gendistill.config.params import section
from gendistill.config.schema import ImageParams, Params
from gendistill.config.yaml12 import load_yaml
from gendistill.data.info import load_info
from gendistill.runtime.errors import UserError
from gendistill.runtime.tracked import tracked

PIPELINE: Final = Path("dvc.yaml")


@dataclass(frozen=True)
class Item:
    """One stage, or one cell of a stage's matrix.

    Attributes:
        name: as DVC calls it, for example ``evaluate@ours-convnet3-10``.
        stage: key in dvc.yaml.
        values: of the matrix keys (source, network, ipc), those that the stage has.
        modules: modules of ours that the stage imports.
    """

    name: str
    stage: str
    values: dict[str, Any]
    modules: tuple[str, ...]


@dataclass(frozen=True)
class DataShape:
    """What the cost of a run depends on in its data.

    Attributes:
        classes: K.
        channels: of an image.
        image_size: pixels a side.
        train, held_out, test: images of the splits.
    """

    classes: int
    channels: int
    image_size: int
    train: int
    held_out: int
    test: int

    @property
    def image_bytes(self) -> int:
        """Bytes of an image as stored, uint8."""
        return self.channels * self.image_size**2


def stage_items(params: Params, pipeline: Path = PIPELINE) -> list[Item]:
    """Every stage item that the parameters imply, in the order of dvc.yaml.

    Raises:
        UserError: there is no dvc.yaml here.
    """
    if not pipeline.is_file():
        raise UserError(f"{pipeline} is not in {Path.cwd()}; run stages from the root of the project")
    items = []
    for stage, entry in load_yaml(pipeline)["stages"].items():
        axes = {
            key: section(params, values.removeprefix("${").removesuffix("}"))
            for key, values in entry.get("matrix", {}).items()
        }
        for cell in product(*axes.values()):
            values = dict(zip(axes, cell, strict=True))
            known = tracked(stage, values, pipeline)
            items.append(Item(known.name, stage, values, tuple(map(_module, _sources(known.deps)))))
    return items


def choose_item(items: list[Item], name: str) -> Item:
    """The item of that name.

    Raises:
        UserError: there is none; names those of the same stage, or the stages.
    """
    found = {item.name: item for item in items}
    if name not in found:
        stage = name.partition("@")[0]
        own = [item.name for item in items if item.stage == stage]
        listed = ", ".join(own or dict.fromkeys(item.stage for item in items))
        raise UserError(f"{name} is no stage item that params.yaml implies; it implies {listed}")
    return found[name]


def data_shape(params: ImageParams, prepared: Path = Path("data/prepared")) -> DataShape:
    """Classes, channels, size and counts: of the catalogue, or of the prepared data where only the file can tell.

    Raises:
        UserError: the set is one's own and was not prepared yet.
    """
    entry = DATASETS[params.name]
    if entry.num_classes and entry.channels and entry.train_count and entry.test_count:
        classes, channels, train, test = entry.num_classes, entry.channels, entry.train_count, entry.test_count
    else:
        info = load_info(prepared)
        if info.name != params.name:
            raise UserError(
                f"data.name is {params.name}, whose shape only the file can tell, and {prepared} holds {info.name}: "
                "run `dvc repro prepare` first"
            )
        classes, channels, test = info.num_classes, info.channels, info.counts["test"]
        if params.held_out == 0:  # held-out images are then a validation part, or none
            return DataShape(classes, channels, params.image_size, info.counts["train"], info.counts["held_out"], test)
        train = info.counts["train"] + info.counts["held_out"]
    return DataShape(classes, channels, params.image_size, train - params.held_out, params.held_out, test)


def _sources(deps: tuple[Path, ...]) -> list[Path]:
    return [path for path in deps if path.suffix == ".py" and path.parts[0] == "src"]


def _module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts[1:])
