"""What is known about a prepared data set (`info.json`); readable without torch."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from gendistill.runtime.errors import UserError

SPLITS = ("train", "held_out", "test")
INFO_FILE = "info.json"


@dataclass(frozen=True)
class DataInfo:
    """The content of `info.json`.

    Attributes:
        name: the data set's name, as in `data.name`.
        classes: class names; the label is the position.
        channels: colour channels of an image.
        image_size: pixels a side, after fitting.
        counts: images in each of `SPLITS`.
        mean: per channel, of the training pixels in [0, 1].
        std: per channel, of the training pixels in [0, 1] (population form).
        source: MD5 of every file the images were read from, by file name.
        checksum: SHA-256 over names, shapes and bytes of all prepared tensors.
        notes: what a reader of results should know about this copy of the data.
    """

    name: str
    classes: tuple[str, ...]
    channels: int
    image_size: int
    counts: dict[str, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: dict[str, str]
    checksum: str
    notes: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.classes)

    def to_dict(self) -> dict[str, Any]:
        """The content as JSON types."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            ValueError: entries are missing or unknown; names them.
        """
        known = {field.name for field in fields(cls)}
        if set(content) != known:
            missing, unknown = sorted(known - set(content)), sorted(set(content) - known)
            raise ValueError(f"missing entries {missing}, unknown entries {unknown}")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
        return cls(**values)


def load_info(folder: Path) -> DataInfo:
    """The `DataInfo` of a prepared folder.

    Raises:
        UserError: `info.json` is missing or is not what `prepare` writes.
    """
    path = folder / INFO_FILE
    try:
        return DataInfo.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run {preparing(folder)} first") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is not a description of prepared data ({error}): delete {folder} and run {preparing(folder)}"
        ) from None


def preparing(folder: Path) -> str:
    """The command that makes a prepared folder; those of the benchmark lie in data/benchmark/<data>/prepared."""
    return "`dvc repro benchmark/dvc.yaml`" if folder.parent.parent.name == "benchmark" else "`dvc repro prepare`"
