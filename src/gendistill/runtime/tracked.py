"""What dvc.yaml says a stage depends on: the one list that DVC, checkpoints and cost records share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gendistill.config.yaml12 import load_yaml
from gendistill.runtime.errors import UserError


@dataclass(frozen=True)
class Tracked:
    """Dependencies of one stage or matrix cell.

    Attributes:
        name: as DVC calls it, for example ``evaluate@ours-convnet3-10``.
        params: dotted keys of params.yaml, or of the one file that the stage names.
        deps: code and data files and folders.
    """

    name: str
    params: tuple[str, ...]
    deps: tuple[Path, ...]


def tracked(stage: str, item: dict[str, str | int] | None = None, pipeline: Path = Path("dvc.yaml")) -> Tracked:
    """Look a stage up in dvc.yaml.

    Args:
        stage: key under ``stages``.
        item: values of its matrix keys; they are put in where dvc.yaml says ``${item.<key>}``.
        pipeline: the dvc.yaml; its paths are relative to the working directory.

    Raises:
        UserError: there is no dvc.yaml here.
    """
    if not pipeline.is_file():
        raise UserError(f"{pipeline} is not in {Path.cwd()}; run stages from the root of the project")
    entry: dict[str, Any] = load_yaml(pipeline)["stages"][stage]

    def fill(text: str) -> str:
        for key, value in (item or {}).items():
            text = text.replace(f"${{item.{key}}}", str(value))
        return text

    order = list(entry.get("matrix", {}))
    keys: list[str] = []
    for key in entry.get("params", []):
        keys += next(iter(key.values())) if isinstance(key, dict) else [key]
    suffix = "@" + "-".join(str((item or {})[key]) for key in order) if order else ""
    return Tracked(
        name=stage + suffix,
        params=tuple(fill(key) for key in keys),
        deps=tuple(Path(fill(dep)) for dep in entry.get("deps", [])),
    )
