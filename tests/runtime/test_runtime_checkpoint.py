"""Checkpoints: found again by the same run only, replaced whole or not at all."""

import os
import pickle
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from gendistill.runtime.checkpoint import CheckpointStore, fingerprint
from gendistill.runtime.errors import UserError

PARAMS: dict[str, Any] = {"seed": 0, "gan": {"steps": 3, "lr": 0.1}}
COMPUTE: dict[str, Any] = {"device": "cpu", "precision": "fp32", "threads": 1, "torch": "2"}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.chdir(tmp_path)
    for name, text in {"src/a.py": "a", "data/x/train": "1", "data/x/deep/info": "2"}.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    return [Path("src/a.py"), Path("data/x")]


def test_the_same_run_has_the_same_fingerprint(files: list[Path]) -> None:
    first = fingerprint(PARAMS, files, COMPUTE)
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert fingerprint({"gan": {"lr": 0.1, "steps": 3}, "seed": 0}, files, dict(COMPUTE)) == first
    Path("data/x/train").touch()  # the content counts, not the time
    Path("src/__pycache__").mkdir()
    Path("data/x/__pycache__").mkdir()
    Path("data/x/__pycache__/a.pyc").write_text("new")
    Path("data/other").write_text("not listed")
    assert fingerprint(PARAMS, files, COMPUTE) == first


@pytest.mark.parametrize(
    ("params", "compute"),
    [
        ({"seed": 1}, {}),
        ({"gan": {"steps": 4, "lr": 0.1}}, {}),
        ({"distill": None}, {}),
        ({}, {"device": "NVIDIA H200"}),
        ({}, {"threads": 2}),
        ({}, {"precision": "bf16"}),
        ({}, {"torch": "2.1"}),
    ],
)
def test_parameters_and_computer_count(files: list[Path], params: dict[str, Any], compute: dict[str, Any]) -> None:
    assert fingerprint(PARAMS | params, files, COMPUTE | compute) != fingerprint(PARAMS, files, COMPUTE)


def test_content_and_names_of_files_count(files: list[Path]) -> None:
    seen = [fingerprint(PARAMS, files, COMPUTE)]
    Path("src/a.py").write_text("b")
    seen.append(fingerprint(PARAMS, files, COMPUTE))
    Path("data/x/deep/info").write_text("3")
    seen.append(fingerprint(PARAMS, files, COMPUTE))
    Path("data/x/deep/info").rename("data/x/deep/other")
    seen.append(fingerprint(PARAMS, files, COMPUTE))
    Path("data/x/train").unlink()
    seen.append(fingerprint(PARAMS, files, COMPUTE))
    Path("src/a.py").unlink()  # a missing file is none of the fingerprint's business
    seen.append(fingerprint(PARAMS, files, COMPUTE))
    assert len(set(seen)) == len(seen)


def test_states_come_back_exactly(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "deep/folder")
    assert store.load() is None
    state: dict[str, Any] = {
        "step": 7,
        "rows": [{"step": 1, "loss": 0.1}],
        "weights": {"w": torch.arange(3.0) / 3, "n": torch.tensor(2)},
        "half": torch.tensor([1.5], dtype=torch.bfloat16),
        "none": None,
        "snapshots": {3: torch.ones(1)},
    }
    store.save(state)
    loaded = store.load()
    assert loaded is not None
    assert list(loaded) == list(state)
    assert loaded["rows"] == state["rows"]
    assert loaded["snapshots"].keys() == {3}
    for key in ("w", "n"):
        assert torch.equal(loaded["weights"][key], state["weights"][key])
    assert loaded["half"].dtype == torch.bfloat16
    store.save({"step": 8})
    assert store.load() == {"step": 8}
    assert [path.name for path in store.folder.iterdir()] == ["last.pt"]
    store.clear()
    assert store.load() is None
    assert not store.folder.exists()
    store.clear()


def test_loading_runs_no_code(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    torch.save({"path": Path("x")}, store.path)  # a class torch does not know as harmless
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        store.load()


SIZES = (10, 5_000, 400_000)  # numbers in a tensor: torch's writer fails at different places


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_and_the_previous_checkpoint_kept(tmp_path: Path, size: int) -> None:
    store = CheckpointStore(tmp_path)
    store.save({"step": 1})
    (tmp_path / f"last.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"last\.pt: cannot be written: the disk is full; free some space"):
        store.save({"step": 2, "weights": torch.zeros(size)})
    assert store.load() == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes; Python ignores the signal, so that write() fails instead."""
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [30_000, 400_000])
def test_a_write_that_fails_in_the_middle_is_told(tmp_path: Path, size: int) -> None:
    """The file system takes the first 100,000 bytes: torch's own writer would hide the cause here."""
    store = CheckpointStore(tmp_path)
    store.save({"step": 1})
    message = r"last\.pt: cannot be written: the file is larger than a file may be here"
    with pytest.raises(UserError, match=message), largest_file(100_000):
        store.save({"step": 2, "weights": torch.zeros(size)})
    assert store.load() == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / ".cache").write_text("")
    with pytest.raises(UserError, match="a file stands where a folder is needed"):
        CheckpointStore(tmp_path / ".cache/checkpoints/x").save({"step": 1})
