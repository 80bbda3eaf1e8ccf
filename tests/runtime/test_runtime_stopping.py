"""Requests to stop: real signals, sent to this process."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from gendistill.runtime.errors import Stopped
from gendistill.runtime.stopping import StopRequest


@pytest.fixture(autouse=True)
def as_in_a_terminal() -> Iterator[None]:
    """A shell starts background jobs with Ctrl-C ignored, which would be the usual here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_remembered_not_raised(number: signal.Signals, status: int) -> None:
    with StopRequest() as stop:
        assert stop.reason() is None
        os.kill(os.getpid(), number)
        assert stop.reason() == (f"stopped by {number.name}", status)
        assert stop.reason() == (f"stopped by {number.name}", status)


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_request_does_not_wait(second: signal.Signals) -> None:
    def asked_twice(stop: StopRequest) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), second)

    with StopRequest() as stop, pytest.raises(KeyboardInterrupt):
        asked_twice(stop)
    assert stop.reason() == ("stopped by SIGTERM", 143)


def test_outside_the_block_signals_act_as_usual() -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    stop = StopRequest()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    for _ in range(2):  # one request serves several loops
        with stop:
            assert signal.getsignal(signal.SIGTERM) != handlers[1]
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert stop.reason() is None


def test_handlers_come_back_after_an_error() -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), StopRequest():
        _ = 1 / 0
    assert signal.getsignal(signal.SIGTERM) == handler


def test_other_threads_do_without_signals() -> None:
    reasons: list[object] = []

    def work() -> None:
        with StopRequest() as stop:  # signal.signal would raise here
            reasons.append(stop.reason())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert reasons == [None]


def test_a_time_limit_counts_in_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [50.0]
    monkeypatch.setattr("gendistill.runtime.stopping.time.monotonic", lambda: now[0])
    stop, endless = StopRequest(1.5), StopRequest()
    now[0] = 139.9
    assert stop.reason() is None
    now[0] = 140.0
    assert stop.reason() == ("the time limit of 1.5 minutes is reached", 75)
    now[0] = 1e9
    assert endless.reason() is None


def test_a_signal_comes_before_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    with StopRequest(1e-9) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.reason() == ("stopped by SIGTERM", 143)


def test_the_exit_status_travels_with_the_exception() -> None:
    assert Stopped("text", 143).status == 143
    assert str(Stopped("text", 143)) == "text"
