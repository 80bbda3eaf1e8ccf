"""Real processes, really killed: the same command again ends with the bytes of an undisturbed run.

Every start of a process costs an import of torch, so the runs that nobody disturbs happen in this process.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gendistill.config.params import load_params

SetParams = Callable[..., None]
RunStage = Callable[..., Any]
PATIENCE_SECONDS = 120  # until a line must have come, on a busy machine
GAN = ("train_gan",)
DISTILL = ("distill", "--source", "ours")
EVALUATE = ("evaluate", "--source", "ours", "--network", "convnet3", "--ipc", "1")
# long enough to be hit in the middle, with a checkpoint after every step
LONG: dict[str, Any] = {
    "gan.steps": 60,
    "distill.steps": 40,
    "distill.redraw_steps": 7,
    "distill.snapshots": 4,
    "evaluate.fresh_epochs": 60,
    "evaluate.fixed_epochs": 60,
    "evaluate.protocols": ["fresh", "fixed"],
    "evaluate.test_points": 5,
    "runtime.checkpoint_seconds": 0,
}
SOON = ("--time-limit", "1e-9")  # minutes: stops after one step


@dataclass
class Ended:
    """A process that has ended: exit status (negative: killed by that signal) and what it said on stderr."""

    status: int
    lines: list[str] = field(default_factory=list)

    @property
    def continued_at(self) -> int | None:
        """The step that the first line says the run continues at."""
        found = re.search(r"continuing at step (\d+) of", self.lines[0]) if self.lines else None
        return int(found[1]) if found else None

    @property
    def last_step(self) -> int:
        """The last step that was reported."""
        steps = [int(found[1]) for line in self.lines if (found := re.search(r": step (\d+)/", line))]
        return steps[-1]

    @property
    def stopped_after(self) -> int | None:
        """The step that the message of a clean stop names."""
        found = re.search(r" after step (\d+) of \d+; the state is saved", self.lines[-1])
        return int(found[1]) if found else None


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    """Run a stage as DVC does, with that folder as the project."""
    env = {key: value for key, value in os.environ.items() if key not in ("DVC_ROOT", "GENDISTILL_DATA", "PYTHONPATH")}
    line = [sys.executable, "-m", f"stages.{command[0]}", *command[1:]]
    return subprocess.Popen(line, cwd=folder, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def end(process: subprocess.Popen[str], lines: list[str] | None = None) -> Ended:
    _, rest = process.communicate(timeout=PATIENCE_SECONDS)
    return Ended(process.returncode, [*(lines or []), *rest.splitlines()])


def interrupt(folder: Path, command: tuple[str, ...], number: signal.Signals, after_steps: int = 3) -> Ended:
    """Run a stage, and send it a signal once it has reported some steps of its own."""
    process = start(folder, *command)
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line.rstrip("\n"))
        if sum(": step " in said for said in lines) == after_steps:
            break
    process.send_signal(number)
    return end(process, lines)


def outputs(folder: Path) -> dict[str, bytes]:
    files = (path for name in ("data", "metrics") for path in (folder / name).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def checkpoints(folder: Path) -> list[str]:
    """Files left in the folder of checkpoints."""
    return [path.name for path in (folder / ".cache/checkpoints").rglob("*") if path.is_file()]


@pytest.fixture
def twins(tmp_path: Path, finished: Path, set_params: SetParams) -> tuple[Path, Path]:
    """Two equal projects with longer loops: one to disturb, one to leave alone; no outputs of the loops yet."""
    for name in ("disturbed", "straight"):
        folder = shutil.copytree(finished, tmp_path / name)
        set_params(folder, LONG)
        for made in ("data/distilled", "data/cells", "metrics", ".cache"):
            shutil.rmtree(folder / made)
    return tmp_path / "disturbed", tmp_path / "straight"


def test_the_gan_is_the_same_after_every_kind_of_end(
    twins: tuple[Path, Path], run_stage: RunStage, set_params: SetParams
) -> None:
    disturbed, straight = twins
    shutil.rmtree(disturbed / "data/gan")

    stopped = interrupt(disturbed, GAN, signal.SIGTERM)
    assert stopped.status == 143, stopped.lines
    assert stopped.continued_at is None
    said = re.fullmatch(
        r"train_gan: stopped by SIGTERM after step (\d+) of 60; the state is saved, .*", stopped.lines[-1]
    )
    assert said, stopped.lines[-1]
    assert stopped.lines[-1].endswith("run the same command again to continue")
    assert checkpoints(disturbed) == ["last.pt"]
    assert not (disturbed / "data/gan").exists()
    assert not (disturbed / "metrics").exists()

    def one_step() -> str:
        """Run on for a step, in this process, which counts as the same computer; what it says."""
        result = run_stage(disturbed, *GAN, *SOON)
        assert result.exit_code == 75
        words: str = result.stderr
        return words

    # other code or another parameter is another run: it starts from the beginning
    code = disturbed / "src/gendistill/gan/steps.py"
    text = code.read_text()
    code.write_text(text + "\n# changed\n")
    assert "continuing" not in (words := one_step())
    assert "train_gan: the time limit of 1e-09 minutes is reached after step 1 of 60; the state is saved" in words
    code.write_text(text)
    set_params(disturbed, {"gan.lr": 0.001})
    assert "continuing" not in (words := one_step())
    assert "after step 1 of 60" in words
    set_params(disturbed, {"gan.lr": load_params(straight / "params.yaml").gan.lr, "runtime.log_seconds": 1})
    assert f"continuing at step {said[1]} of 60" in one_step()
    set_params(disturbed, {"runtime.log_seconds": 0})

    killed = interrupt(disturbed, GAN, signal.SIGKILL)
    assert killed.status == -signal.SIGKILL
    assert killed.continued_at == int(said[1]) + 1
    interrupted = interrupt(disturbed, GAN, signal.SIGINT)
    assert interrupted.status == 130
    assert interrupted.continued_at is not None
    assert interrupted.continued_at >= killed.last_step - 1  # a kill loses no more than the step being saved
    done = end(start(disturbed, *GAN))
    assert (done.status, done.last_step) == (0, 60), done.lines
    assert done.continued_at == interrupted.stopped_after

    assert run_stage(straight, *GAN).exit_code == 0
    assert outputs(disturbed) == outputs(straight)
    # only the two other runs are still unfinished
    assert len(list((disturbed / ".cache/checkpoints/train_gan").iterdir())) == 2
    assert checkpoints(straight) == []


def test_distillation_is_the_same_after_a_stop(twins: tuple[Path, Path], run_stage: RunStage) -> None:
    disturbed, straight = twins
    # within the second network of the pool, after the first snapshot
    stopped = interrupt(disturbed, DISTILL, signal.SIGINT, after_steps=11)
    assert stopped.status == 130
    assert stopped.lines[-1].startswith("distill@ours: stopped by SIGINT after step ")
    done = end(start(disturbed, *DISTILL))
    assert (done.status, done.last_step) == (0, 40), done.lines
    assert done.continued_at == stopped.stopped_after
    assert run_stage(straight, *DISTILL).exit_code == 0
    assert sorted(path.name for path in (straight / "data/distilled/ours").iterdir()) == [
        f"step{step}.safetensors" for step in (10, 20, 30, 40)
    ]
    assert outputs(disturbed) == outputs(straight)
    assert checkpoints(disturbed) == []


def test_a_cell_is_the_same_after_a_kill(twins: tuple[Path, Path], run_stage: RunStage) -> None:
    disturbed, straight = twins
    # 2 protocols x 2 students x 60 steps: within the first protocol; both students step between two checkpoints
    killed = interrupt(disturbed, EVALUATE, signal.SIGKILL, after_steps=80)
    assert killed.status == -signal.SIGKILL
    assert not (disturbed / "data/cells").exists()
    done = end(start(disturbed, *EVALUATE))
    assert (done.status, done.last_step) == (0, 240), done.lines
    assert done.continued_at is not None
    assert done.continued_at >= killed.last_step - 2
    assert run_stage(straight, *EVALUATE).exit_code == 0
    assert outputs(disturbed) == outputs(straight)
    assert checkpoints(disturbed) == []
