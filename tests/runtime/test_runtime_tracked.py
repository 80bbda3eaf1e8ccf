"""What dvc.yaml says a stage depends on."""

from pathlib import Path

import pytest

from gendistill.runtime.errors import UserError
from gendistill.runtime.tracked import Tracked, tracked

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = """
stages:
  plain:
    cmd: x
  cells:
    matrix:
      source: ${sources}
      ipc: ${evaluate.ipc}
    cmd: x --ipc ${item.ipc}
    deps:
    - a.py
    - data/${item.source}/ipc${item.ipc}.bin
    params:
    - seed
    - ${item.source}.steps
"""


def test_matrix_values_are_put_in(tmp_path: Path) -> None:
    pipeline = tmp_path / "dvc.yaml"
    pipeline.write_text(PIPELINE)
    item: dict[str, str | int] = {"ipc": 10, "source": "ours"}  # the order of dvc.yaml names the cell
    assert tracked("cells", item, pipeline) == Tracked(
        name="cells@ours-10",
        params=("seed", "ours.steps"),
        deps=(Path("a.py"), Path("data/ours/ipc10.bin")),
    )
    assert tracked("plain", None, pipeline) == Tracked(name="plain", params=(), deps=())


def test_names_are_those_of_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    cell = tracked("evaluate", {"source": "ours", "network": "convnet3", "ipc": 10})
    assert cell.name == "evaluate@ours-convnet3-10"
    assert Path("data/synthetic/ours/ipc10.safetensors") in cell.deps
    assert "evaluate.students" in cell.params
    assert tracked("evaluate_whole", {"network": "convnet3", "ipc": 10}).name == "evaluate_whole@convnet3"
    assert tracked("prepare").name == "prepare"


def test_elsewhere_the_project_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=rf"^dvc\.yaml is not in {tmp_path}; run stages from the root of the project$"):
        tracked("prepare")
