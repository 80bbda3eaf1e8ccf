"""Real processes, really killed: the same command again ends with the bytes of an undisturbed run.

Every start of a process costs an import of torch, so each test interrupts one run several times on its way.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SetParams = Callable[..., None]
PATIENCE_SECONDS = 120  # until a line must have come, on a busy machine
GAN = ("train_gan",)
DISTILL = ("distill", "--source", "ours")
EVALUATE = ("evaluate", "--source", "ours", "--network", "convnet3", "--ipc", "1")
# long enough to be hit in the middle, with a checkpoint after every step; one student stays for a test in itself
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
def twins(tmp_path: Path, finished: Path, set_params: SetParams) -> Iterator[tuple[Path, Path]]:
    """Two equal projects with longer loops: one to disturb, one to leave alone; no outputs of the loops yet."""
    folders = []
    for name in ("disturbed", "straight"):
        folder = shutil.copytree(finished, tmp_path / name)
        set_params(folder, LONG)
        for made in ("data/distilled", "data/cells", "metrics", ".cache"):
            shutil.rmtree(folder / made)
        folders.append(folder)
    yield folders[0], folders[1]


def test_the_gan_is_the_same_after_every_kind_of_end(twins: tuple[Path, Path], set_params: SetParams) -> None:
    disturbed, straight = twins
    shutil.rmtree(disturbed / "data/gan")
    undisturbed = start(straight, *GAN)  # beside the other, on the second core

    first = interrupt(disturbed, GAN, signal.SIGTERM)
    assert first.status == 143, first.lines
    assert first.continued_at is None
    stopped = re.fullmatch(
        r"train_gan: stopped by SIGTERM after step (\d+) of 60; the state is saved, run the same command again to continue",
        first.lines[-1],
    )
    assert stopped, first.lines[-1]
    assert checkpoints(disturbed) == ["last.pt"]
    assert not (disturbed / "data/gan").exists()
    assert not (disturbed / "metrics/gan_losses.csv").exists()

    # other code or another parameter is another run: it starts from the beginning
    code = disturbed / "src/gendistill/gan/steps.py"
    text = code.read_text()
    code.write_text(text + "\n# changed\n")
    other = end(start(disturbed, *GAN, *SOON))
    assert other.status == 75
    assert other.lines[-1].startswith(
        "train_gan: the time limit of 1e-09 minutes is reached after step 1 of 60; the state"
    )
    assert other.continued_at is None
    code.write_text(text)
    set_params(disturbed, {"gan.lr": 0.001})
    other = end(start(disturbed, *GAN, *SOON))
    assert (other.status, other.continued_at, other.last_step) == (75, None, 1)
    set_params(disturbed, {"gan.lr": 0.0005})

    killed = interrupt(disturbed, GAN, signal.SIGKILL)
    assert killed.status == -signal.SIGKILL
    assert killed.continued_at == int(stopped[1])
    interrupted = interrupt(disturbed, GAN, signal.SIGINT)
    assert interrupted.status == 130
    assert interrupted.continued_at is not None
    assert interrupted.continued_at >= killed.last_step - 1  # no more than the step that was being saved is lost
    done = end(start(disturbed, *GAN))
    assert done.status == 0, done.lines
    assert done.continued_at == interrupted.last_step or done.continued_at == interrupted.last_step + 1
    assert done.last_step == 60

    assert end(undisturbed).status == 0
    assert outputs(disturbed) == outputs(straight)
    # only the two other runs are still unfinished
    assert len(list((disturbed / ".cache/checkpoints/train_gan").iterdir())) == 2
    assert checkpoints(straight) == []


def test_distillation_is_the_same_after_a_kill_and_a_stop(twins: tuple[Path, Path]) -> None:
    disturbed, straight = twins
    undisturbed = start(straight, *DISTILL)
    assert interrupt(disturbed, DISTILL, signal.SIGKILL, after_steps=9).status == -signal.SIGKILL  # second member
    stopped = interrupt(disturbed, DISTILL, signal.SIGINT, after_steps=5)
    assert stopped.status == 130
    assert stopped.continued_at is not None
    assert stopped.lines[-1].startswith("distill@ours: stopped by SIGINT after step ")
    done = end(start(disturbed, *DISTILL))
    assert (done.status, done.last_step) == (0, 40), done.lines
    assert done.continued_at is not None
    assert end(undisturbed).status == 0
    assert sorted(path.name for path in (straight / "data/distilled/ours").iterdir()) == [
        f"step{step}.safetensors" for step in (10, 20, 30, 40)
    ]
    assert outputs(disturbed) == outputs(straight)
    assert checkpoints(disturbed) == []


def test_a_cell_is_the_same_after_a_stop_and_a_kill(twins: tuple[Path, Path]) -> None:
    disturbed, straight = twins
    undisturbed = start(straight, *EVALUATE)
    name = "evaluate@ours-convnet3-1"
    # 2 protocols x 2 students x 60 steps: the first student, then the second or third
    stopped = interrupt(disturbed, EVALUATE, signal.SIGTERM, after_steps=20)
    assert stopped.status == 143
    assert stopped.lines[-1].startswith(f"{name}: stopped by SIGTERM after step ")
    killed = interrupt(disturbed, EVALUATE, signal.SIGKILL, after_steps=70)
    assert killed.status == -signal.SIGKILL
    assert killed.continued_at is not None
    done = end(start(disturbed, *EVALUATE))
    assert (done.status, done.last_step) == (0, 240), done.lines
    assert done.continued_at is not None
    assert done.continued_at > 60
    assert end(undisturbed).status == 0
    assert outputs(disturbed) == outputs(straight)
    assert checkpoints(disturbed) == []
