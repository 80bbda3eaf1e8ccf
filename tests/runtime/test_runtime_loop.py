"""A long loop: ticks, checkpoints, clean stops, exact resuming, and a halt on numbers that are not finite."""

import contextlib
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gendistill.runtime.checkpoint import CheckpointStore
from gendistill.runtime.errors import Stopped, UserError
from gendistill.runtime.loop import TICKS, Loop, Session, all_finite
from gendistill.runtime.stopping import StopRequest


class StopAt(StopRequest):
    """Asks to stop at the n-th question."""

    def __init__(self, questions: int) -> None:
        super().__init__()
        self.left = questions

    def reason(self) -> tuple[str, int] | None:
        self.left -= 1
        return ("stopped by the test", 130) if self.left == 0 else None


def losses_of(step: int) -> Tensor:
    """Two terms whose means need every step."""
    return torch.tensor([math.sin(step), step**2 / 7])


def session(folder: Path | None = None, stop: StopRequest | None = None, seconds: float = 3600) -> Session:
    store = None if folder is None else CheckpointStore(folder)
    return Session(store, stop or StopRequest(), checkpoint_seconds=seconds, log_seconds=3600)


def run(
    around: Session,
    steps: int,
    ticks: int = TICKS,
    losses: Callable[[int], Tensor] = losses_of,
    dump: Callable[[int], dict[str, Any]] = lambda step: {"step": step},
) -> Loop:
    """The loop as the training loops write it; its state is the step."""
    with Loop("test", steps, ("a", "b"), around, ticks=ticks) as loop:
        saved = loop.resume()
        step = saved["step"] if saved is not None else 0
        while step < steps:
            step += 1
            loop.advance(step, losses(step), lambda: dump(step))  # noqa: B023 (called at once)
    return loop


def test_rows_are_means_since_the_tick_before() -> None:
    rows = run(session(), 10, ticks=4).rows  # a tick every 2 steps
    assert [row["step"] for row in rows] == [2, 4, 6, 8, 10]
    assert rows[1]["a"] == pytest.approx((math.sin(3) + math.sin(4)) / 2)
    assert rows[1]["b"] == pytest.approx((9 + 16) / 2 / 7)
    assert list(rows[0]) == ["step", "a", "b"]


def test_the_last_step_is_a_tick_even_out_of_turn() -> None:
    rows = run(session(), 7, ticks=2).rows
    assert [row["step"] for row in rows] == [3, 6, 7]
    assert rows[-1]["b"] == pytest.approx(7)


@pytest.mark.parametrize("steps", [1, 199, 200, 201, 399, 401, 900, 58500])
def test_a_curve_has_about_two_hundred_rows(steps: int) -> None:
    loop = Loop("test", steps, (), session())
    ticks = [step for step in range(1, steps + 1) if loop.is_tick(step)]
    assert ticks[-1] == steps
    assert min(steps, TICKS) <= len(ticks) <= 2 * TICKS


def test_what_is_shown_counts_the_steps_of_all_networks_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three networks, four steps each; rows and checkpoints count the steps of one."""

    def three_at_once(stop: StopRequest) -> Loop:
        around = session(tmp_path, stop)
        around.log_seconds = 0
        with Loop("test", 4, ("a",), around, ticks=4, at_once=3) as loop:
            saved = loop.resume()
            for step in range(1 if saved is None else 3, 5):
                loop.advance(step, torch.ones(1), dict)
        return loop

    with pytest.raises(Stopped, match="test: stopped by the test after step 6 of 12"):
        three_at_once(StopAt(2))
    assert "test: step 6/12 " in capsys.readouterr().err
    loop = three_at_once(StopRequest())
    assert [row["step"] for row in loop.rows] == [1, 2, 3, 4]
    output = capsys.readouterr().err
    assert "test: continuing at step 6 of 12" in output
    assert "test: step 12/12 " in output


def test_extra_entries_join_the_row_of_their_tick() -> None:
    with Loop("test", 4, ("a",), session(), ticks=2) as loop:
        for step in range(1, 5):
            loop.advance(step, torch.zeros(1), dict, {"ratio": float(step)})
    assert [row["ratio"] for row in loop.rows] == [2, 4]


def test_losses_are_summed_in_double_and_keep_no_graph() -> None:
    weight = torch.ones(2, requires_grad=True)
    with Loop("test", 2, ("a", "b"), session(), ticks=1) as loop:
        loop.advance(1, weight * torch.tensor([1e8, 1.0]), dict)
        assert not loop.pending[0].requires_grad
        loop.advance(2, weight * torch.tensor([1.0, 1.0]), dict)
    assert loop.rows[0]["a"] == (1e8 + 1) / 2  # float32 has no 1e8 + 1


@settings(max_examples=25, deadline=None)
@given(steps=st.integers(1, 12), ticks=st.integers(1, 6), stops=st.lists(st.integers(1, 12), max_size=4))
def test_stopping_anywhere_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: int, ticks: int, stops: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("loop")
    straight = run(session(), steps, ticks)
    for stop in stops:
        with contextlib.suppress(Stopped):  # a stop after the end does not come
            run(session(folder, StopAt(stop)), steps, ticks)
    resumed = run(session(folder), steps, ticks)
    assert resumed.rows == straight.rows


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_kill_after_a_checkpoint_changes_nothing(tmp_path: Path, lost: int) -> None:
    """Steps after the last checkpoint are done again."""

    def killed(step: int) -> Tensor:
        if step == 5 + lost:
            raise MemoryError
        if step == 6:
            around.checkpoint_seconds = 3600
        return losses_of(step)

    around = session(tmp_path, seconds=0)  # saves after every step until the 5th
    with pytest.raises(MemoryError):
        run(around, 20, ticks=3, losses=killed)
    saved = CheckpointStore(tmp_path).load()
    assert saved is not None
    assert saved["step"] == 5
    assert len(saved["pending"]) == 5  # no tick yet: they wait in the checkpoint
    assert run(session(tmp_path), 20, ticks=3).rows == run(session(), 20, ticks=3).rows


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_after_the_step(tmp_path: Path, number: signal.Signals, status: int) -> None:
    def signalled(step: int) -> Tensor:
        if step == 3:
            os.kill(os.getpid(), number)
        return losses_of(step)

    handler = signal.getsignal(number)
    with pytest.raises(
        Stopped, match=rf"^test: stopped by {number.name} after step 3 of 9; the state is saved"
    ) as caught:
        run(session(tmp_path), 9, losses=signalled)
    assert caught.value.status == status
    assert signal.getsignal(number) == handler
    saved = CheckpointStore(tmp_path).load()
    assert saved is not None
    assert saved["step"] == 3


def test_a_time_limit_stops_with_try_again(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match=r"the time limit of 1e-09 minutes is reached after step 1 of 9") as caught:
        run(session(tmp_path, StopRequest(1e-9)), 9)
    assert caught.value.status == 75


def test_checkpoints_come_at_their_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, saved = [0.0], []
    monkeypatch.setattr("gendistill.runtime.loop.time.monotonic", lambda: now[0])

    def second(step: int) -> Tensor:
        now[0] += 1
        return losses_of(step)

    def dump(step: int) -> dict[str, Any]:
        saved.append(step)
        return {"step": step}

    run(session(tmp_path, seconds=4), 10, losses=second, dump=dump)
    assert saved == [4, 8]


def test_seconds_of_interrupted_runs_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("gendistill.runtime.loop.time.monotonic", lambda: now[0])

    def tenth(step: int) -> Tensor:
        now[0] += 0.5
        return losses_of(step)

    for expected in (1.0, 2.0):
        around = Session(CheckpointStore(tmp_path), StopAt(2), 3600, 3600, began=now[0])
        with pytest.raises(Stopped):
            run(around, 9, losses=tenth)
        saved = CheckpointStore(tmp_path).load()
        assert saved is not None
        assert saved["seconds"] == expected
        now[0] += 100  # a weekend between two runs costs nothing
    around = Session(CheckpointStore(tmp_path), StopRequest(), 3600, 3600, began=now[0])
    run(around, 9, losses=tenth)
    assert around.earlier_seconds == 2.0


def test_a_finished_loop_that_is_run_again_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The process may be killed between the last step and the writing of outputs."""
    with pytest.raises(Stopped):
        run(session(tmp_path, StopAt(4)), 4)
    loop = run(session(tmp_path), 4)
    assert loop.rows == run(session(), 4).rows
    assert capsys.readouterr().err.count("step 4/4") == 2  # of the first run and of the one it is compared with


def test_a_loop_of_no_steps_has_no_rows(tmp_path: Path) -> None:
    assert run(session(tmp_path), 0).rows == []


# --- numbers that are not finite


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_bad_loss_names_its_step_and_term(tmp_path: Path, bad: float) -> None:
    def spoilt(step: int) -> Tensor:
        return torch.tensor([1.0, bad]) if step == 5 else losses_of(step)

    around = session(tmp_path, seconds=0)

    def late(step: int) -> Tensor:
        around.checkpoint_seconds = 0 if step < 4 else 3600  # the bad step is found at the tick after it
        return spoilt(step)

    with pytest.raises(
        UserError, match=r"^test: the loss is not finite at step 5 \(terms: b\); the last good .* is kept"
    ):
        run(around, 20, ticks=2, losses=late)
    saved = CheckpointStore(tmp_path).load()
    assert saved is not None
    assert saved["step"] == 3


def test_a_bad_loss_is_found_when_saving_too(tmp_path: Path) -> None:
    def spoilt(step: int) -> Tensor:
        return torch.full((2,), math.nan) if step == 2 else losses_of(step)

    with pytest.raises(UserError, match=r"not finite at step 2 \(terms: a, b\)"):
        run(session(tmp_path, seconds=0), 100, ticks=1, losses=spoilt)
    saved = CheckpointStore(tmp_path).load()
    assert saved is not None
    assert saved["step"] == 1


def test_the_step_is_right_after_resuming_too(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(session(tmp_path, StopAt(4)), 10, ticks=1)
    with pytest.raises(UserError, match=r"not finite at step 7 \(terms: a, b\)"):
        run(session(tmp_path), 10, ticks=1, losses=lambda step: losses_of(step) / (step != 7))


def test_a_bad_weight_never_replaces_a_good_checkpoint(tmp_path: Path) -> None:
    def dump(step: int) -> dict[str, Any]:
        return {"step": step, "nested": [{"w": torch.tensor([1.0, math.inf if step == 3 else 0.0])}]}

    with pytest.raises(UserError, match="a weight is not finite after step 3; the last good checkpoint is kept"):
        run(session(tmp_path, seconds=0), 9, dump=dump)
    saved = CheckpointStore(tmp_path).load()
    assert saved is not None
    assert saved["step"] == 2


@pytest.mark.parametrize(
    ("state", "finite"),
    [
        ({"a": [torch.zeros(2), (1, "text", None, True)], "b": torch.tensor([1, 2])}, True),
        ({"a": [torch.tensor([0.0, math.nan])]}, False),
        ({"a": (math.inf,)}, False),
        ([torch.tensor([math.inf], dtype=torch.bfloat16)], False),
        ({}, True),
    ],
)
def test_all_finite_looks_everywhere(state: Any, finite: bool) -> None:
    assert all_finite(state) is finite


# --- what is said


def test_a_resumed_loop_says_so_and_counts_its_own_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Stopped):
        run(session(tmp_path, StopAt(3)), 5)
    assert capsys.readouterr().err == ""
    run(session(tmp_path), 5)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "test: continuing at step 3 of 5"
    assert lines[1].startswith("test: step 5/5  ")


def test_the_first_line_gives_a_rate_that_can_be(capsys: pytest.CaptureFixture[str]) -> None:
    """One step must not look as if it took no time."""
    around = session()
    around.log_seconds = 0

    def slow(step: int) -> Tensor:
        clock[0] += 2.0
        return losses_of(step)

    clock = [0.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gendistill.runtime.loop.time.monotonic", lambda: clock[0])
        run(around, 2, losses=slow)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("test: step 1/2  2.0 s/step  eta 0:00:02  a 0.8415  b 0.1429")


def test_a_session_without_a_store_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(session(seconds=0), 3)
    assert not list(tmp_path.iterdir())
