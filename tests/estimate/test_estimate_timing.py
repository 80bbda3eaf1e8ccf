"""The stopwatch, with a clock that only calls move."""

import pytest

from gendistill.estimate.timing import BUDGET_SECONDS, time_call


class Clock:
    """A call takes the next of `seconds`, the last one again and again."""

    def __init__(self, *seconds: float) -> None:
        self.now, self.seconds, self.calls, self.waits = 0.0, list(seconds), 0, 0

    def __call__(self) -> float:
        return self.now

    def call(self) -> None:
        self.calls += 1
        self.now += self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]

    def wait(self) -> None:
        self.waits += 1

    def time(self, known: float | None = None):
        return time_call(self.call, self.wait, known=known, clock=self)


def test_the_first_calls_warm_up_and_do_not_count():
    """1.0 and 0.5 s to warm up; then 0.5 s a call, which is three calls to 1.2 s."""
    clock = Clock(1.0, 0.5)
    timing = clock.time()
    assert timing.seconds == pytest.approx(0.5)
    assert clock.calls == 5
    assert timing.spent == pytest.approx(5 * 0.5)  # the 0.5 s that warming up cost are left to the start-up


def test_the_median_is_taken():
    assert Clock(0.4, 0.4, 0.4, 9.0, 0.4).time().seconds == pytest.approx(4.7)  # two chunks only: their middle
    assert Clock(0.4, 0.4, 0.3, 0.5, 0.4).time().seconds == pytest.approx(0.4)


def test_short_calls_are_timed_in_chunks():
    clock = Clock(0.01)
    assert clock.time().seconds == pytest.approx(0.01)
    assert clock.waits < clock.calls / 10
    assert clock.calls * 0.01 == pytest.approx(BUDGET_SECONDS, abs=0.25)


def test_a_slow_first_call_does_not_make_the_chunks_small():
    """3 s to start a device, then 0.01 s a call: one call alone, then chunks of 20."""
    clock = Clock(3.0, 0.01)
    timing = clock.time()
    assert timing.seconds == pytest.approx(0.01)
    assert timing.spent == pytest.approx(clock.calls * 0.01)
    assert clock.waits < clock.calls / 10


def test_a_long_call_is_made_twice():
    clock = Clock(20.0)
    assert clock.time().seconds == pytest.approx(20.0)
    assert clock.calls == 2


def test_a_known_call_is_warmed_up_only():
    clock = Clock(0.3, 0.2)
    timing = clock.time(known=0.1)
    assert clock.calls == 2
    assert (timing.seconds, timing.spent) == pytest.approx((0.1, 0.2))
