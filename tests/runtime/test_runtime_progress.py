"""Progress under a clock of the test's own: rate, time left, and what is printed when."""

import io

import pytest
from rich.console import Console

from gendistill.runtime import progress
from gendistill.runtime.progress import Reporter, clock


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stub = Clock()
    monkeypatch.setattr(progress, "time", stub)
    return stub


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00:00"), (0.4, "0:00:00"), (59.6, "0:01:00"), (3599, "0:59:59"), (3661, "1:01:01"), (360000, "100:00:00")],
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_lines_come_at_intervals_and_at_the_end(time: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter("train_gan", 100, interval_seconds=10) as reporter:
        for step in range(1, 101):
            time.now += 0.75
            reporter.show(step, {"loss": 1 / step})
    lines = capsys.readouterr().err.splitlines()
    # 10 s are 13.3 steps: the first step after every 10.5 s, then the last
    assert [int(line.split()[2].split("/")[0]) for line in lines] == [14, 28, 42, 56, 70, 84, 98, 100]
    assert lines[0] == "train_gan: step 14/100  1.3 steps/s  eta 0:01:05  loss 0.07143"  # 86 x 0.75 s = 64.5 s
    assert lines[-1] == "train_gan: step 100/100  1.3 steps/s  eta 0:00:00  loss 0.01"


def test_slow_steps_are_told_in_seconds(time: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter("distill@ours", 1000, interval_seconds=0) as reporter:
        time.now += 4
        reporter.show(2, {})
    assert capsys.readouterr().err == "distill@ours: step 2/1000  2.0 s/step  eta 0:33:16\n"


def test_a_resumed_run_counts_its_own_steps(time: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter("train_gan", 100, interval_seconds=0, start=90) as reporter:
        time.now += 10
        reporter.show(95, {})
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "train_gan: continuing at step 90 of 100",
        "train_gan: step 95/100  2.0 s/step  eta 0:00:10",  # not 95 steps in 10 s
    ]


def test_the_first_step_counts_from_when_it_began(time: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """The loop makes the reporter after its first step; that step is not for free."""
    time.now += 5
    with Reporter("evaluate", 3, interval_seconds=0, began=1000) as reporter:
        reporter.show(1, {})
    assert capsys.readouterr().err == "evaluate: step 1/3  5.0 s/step  eta 0:00:10\n"


def test_no_step_and_no_time_are_no_division_by_zero(time: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter("x", 3, interval_seconds=0, start=2) as reporter:
        reporter.show(2, {})
        reporter.show(3, {})
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "x: step 2/3  0.0 steps/s  eta ?"
    assert lines[2].endswith("eta 0:00:00")


def test_a_terminal_gets_a_bar(
    time: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(file=screen, force_terminal=True, width=100))
    with Reporter("train_gan", 10, interval_seconds=0, start=4) as reporter:
        time.now += 2
        reporter.show(6, {"loss": 0.5})
    shown = screen.getvalue()
    assert "train_gan" in shown
    assert "6/10" in shown
    assert "1.0 steps/s  eta 0:00:04  loss 0.5" in shown
    assert capsys.readouterr().err == ""
