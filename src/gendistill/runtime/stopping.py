"""Requests to stop: Ctrl-C, SIGTERM, or a time limit. Loops ask at every step and save before they leave."""

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Self

TRY_AGAIN = 75  # EX_TEMPFAIL: the run is unfinished through no fault; the same command continues it


class StopRequest:
    """Remembers the first request to stop while the block runs; outside of it signals act as usual.

    Args:
        limit_minutes: ask to stop this long after the object was made; 0 = no limit.
    """

    def __init__(self, limit_minutes: float = 0) -> None:
        self.deadline = time.monotonic() + 60 * limit_minutes if limit_minutes else None
        self.limit_minutes = limit_minutes
        self.signal: int | None = None
        self.previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.previous[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal returned

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:  # asked twice: the user does not want to wait for the end of the step
            raise KeyboardInterrupt
        self.signal = number

    def reason(self) -> tuple[str, int] | None:
        """Why to stop now and the exit status to leave with, or None to go on."""
        if self.signal is not None:
            return f"stopped by {signal.Signals(self.signal).name}", 128 + self.signal
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return f"the time limit of {self.limit_minutes:g} minutes is reached", TRY_AGAIN
        return None
