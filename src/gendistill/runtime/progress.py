"""Progress of long work: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn


def clock(seconds: float) -> str:
    """Seconds as ``h:mm:ss``."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


class Reporter:
    """Says where a loop stands: step, rate, time left, and the current losses.

    Args:
        title: name of the stage, or of the part of it.
        total: steps in all.
        interval_seconds: least time between two lines when the output is not a terminal.
        start: steps done before (a resumed run), so that the rate counts this run only.
        began: when the first of this run's steps began (`time.monotonic`); now, if not given.
        unit: what a step is called.
    """

    def __init__(
        self,
        title: str,
        total: int,
        interval_seconds: float,
        start: int = 0,
        began: float | None = None,
        unit: str = "step",
    ) -> None:
        self.title, self.total, self.interval, self.unit = title, total, interval_seconds, unit
        self.start = start
        self.began = time.monotonic() if began is None else began
        self.last_line = self.began
        self.bar: Progress | None = None
        self.task: TaskID | None = None

    def __enter__(self) -> Self:
        console = Console(stderr=True)
        if console.is_terminal:
            self.bar = Progress(
                TextColumn("[bold]{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.completed}/{task.total}  {task.fields[note]}"),
                console=console,
            )
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=self.total, completed=self.start, note="")
        elif self.start:
            print(f"{self.title}: continuing at {self.unit} {self.start} of {self.total}", file=sys.stderr, flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def show(self, step: int, losses: dict[str, float]) -> None:
        """Tell that `step` steps are done; cheap, and prints only when it is time to."""
        now = time.monotonic()
        done, elapsed = step - self.start, max(now - self.began, 1e-9)
        rate = done / elapsed
        left = clock((self.total - step) / rate) if done else "?"
        speed = f"{rate:.1f} {self.unit}s/s" if rate >= 1 or not done else f"{1 / rate:.1f} s/{self.unit}"
        note = "  ".join([speed, f"eta {left}", *(f"{name} {value:.4g}" for name, value in losses.items())])
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=step, note=note)
        elif now - self.last_line >= self.interval or step == self.total:
            self.last_line = now
            print(f"{self.title}: {self.unit} {step}/{self.total}  {note}", file=sys.stderr, flush=True)
