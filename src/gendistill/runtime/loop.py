"""What every long loop owes its user: ticks, checkpoints, a clean stop, and a halt on non-finite losses.

A training loop stays flat and in charge::

    with Loop("train_gan", steps, ("d_loss", "g_loss"), session) as loop:
        state = build(...)
        if (saved := loop.resume()) is not None:
            state.load(saved)
        while state.step < steps:
            losses = train_step(state, ...)      # device tensor, one entry per name
            loop.advance(state.step, losses, state.dump)

Losses stay on the device until a tick.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from gendistill.runtime.checkpoint import CheckpointStore
from gendistill.runtime.errors import Stopped, UserError
from gendistill.runtime.progress import Reporter
from gendistill.runtime.stopping import StopRequest

TICKS = 200  # rows of a loss curve: enough to see its shape, few enough to read and to commit


@dataclass
class Session:
    """What a loop needs to know of the run around it.

    Attributes:
        store: where checkpoints go; None keeps none (`gendistill train`, tests, benchmarks).
        stop: requests to stop.
        checkpoint_seconds: time between two checkpoints.
        log_seconds: time between two progress lines without a terminal.
        earlier_seconds: what interrupted runs had spent up to the checkpoint that this one continues.
        began: when this run began (`time.monotonic`).
        mend: what to do when a loss is not finite.
    """

    store: CheckpointStore | None = None
    stop: StopRequest = field(default_factory=StopRequest)
    checkpoint_seconds: float = 60.0
    log_seconds: float = 10.0
    earlier_seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)
    mend: str = "Lower the learning rate or the weight of that term"

    @property
    def kept(self) -> str:
        """What is left of a run that ends at a number which is not finite."""
        return "the last good checkpoint is kept" if self.store is not None else "nothing is kept"


class Loop:
    """One long loop of `steps` steps.

    Args:
        title: what the progress says.
        steps: length of the loop.
        names: of the loss terms, in the order of the tensors given to `advance`.
        session: checkpoints and stop requests.
        ticks: rows of the record over the whole loop.
        at_once: networks that take every step together; what is shown counts the steps of each.

    Attributes:
        rows: one dict per tick: ``step`` and the mean of every term since the tick before.
    """

    def __init__(
        self,
        title: str,
        steps: int,
        names: tuple[str, ...],
        session: Session,
        *,
        ticks: int = TICKS,
        at_once: int = 1,
    ) -> None:
        self.title, self.steps, self.names, self.session = title, steps, names, session
        self.at_once = at_once
        self.every = max(1, steps // ticks)
        self.rows: list[dict[str, float]] = []
        self.pending: list[Tensor] = []
        self.start = 0
        self.reporter: Reporter | None = None
        self.began = self.last_save = time.monotonic()

    def __enter__(self) -> Self:
        self.session.stop.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.reporter is not None:
            self.reporter.__exit__(kind, error, trace)
        self.session.stop.__exit__(kind, error, trace)

    def resume(self) -> dict[str, Any] | None:
        """The state that `advance` saved last in a run with this fingerprint, or None to begin afresh."""
        store = self.session.store
        saved = store.load() if store is not None else None
        if saved is None:
            return None
        self.start = saved["step"]
        self.rows = saved["rows"]
        self.pending = list(saved["pending"])
        self.session.earlier_seconds = saved["seconds"]
        state: dict[str, Any] = saved["state"]
        return state

    def is_tick(self, step: int) -> bool:
        """Whether step number `step` (1-based) ends a tick; a function of the step alone, so resuming agrees."""
        return step % self.every == 0 or step == self.steps

    def next_tick(self, step: int) -> int:
        """The step that ends the tick after `step` steps."""
        return min(self.steps, (step // self.every + 1) * self.every)

    def advance(
        self,
        step: int,
        losses: Tensor,
        state: Callable[[], dict[str, Any]],
        extra: dict[str, float] | None = None,
    ) -> None:
        """Count a finished step, or several; record, save and stop where it is time to.

        Args:
            step: steps done, these included.
            losses: the terms of this step, one entry per name, on any device; or of several, (steps, names), none
                of which but the last may be a tick.
            state: gives what `resume` is to return; called only when saving.
            extra: further entries for the row of this tick.

        Raises:
            UserError: a loss or a weight is not finite; names the step and the terms. The last good checkpoint stays.
            Stopped: a stop was requested; the state is saved.
        """
        losses = losses.detach().view(-1, len(self.names))
        if self.reporter is None:
            start = min(self.start, step - len(losses))
            each = self.at_once
            self.reporter = Reporter(self.title, self.steps * each, self.session.log_seconds, start * each, self.began)
            self.reporter.__enter__()
        self.pending.extend(losses)
        if self.is_tick(step):
            means = self._checked_means(step)
            self.rows.append({"step": step, **means, **(extra or {})})
            self.pending = []
            self.reporter.show(step * self.at_once, means)
        reason = self.session.stop.reason()
        if reason is None and time.monotonic() - self.last_save < self.session.checkpoint_seconds:
            return
        self._save(step, state)
        if reason is not None:
            raise Stopped(
                f"{self.title}: {reason[0]} after step {step * self.at_once} of {self.steps * self.at_once}; "
                "the state is saved, run the same command again to continue",
                reason[1],
            )

    def _checked_means(self, step: int) -> dict[str, float]:
        """Mean of every term over the pending steps; the one place where losses come to the host."""
        device = self.pending[-1].device  # rows of a resumed tick come from the checkpoint, on the CPU
        values = torch.stack([row.to(device) for row in self.pending]).double().cpu()
        finite = values.isfinite()
        if not bool(finite.all()):
            row = int((~finite.all(1)).nonzero()[0, 0])
            at = step - len(values) + row + 1
            bad = [name for name, fine in zip(self.names, finite[row].tolist(), strict=True) if not fine]
            raise UserError(
                f"{self.title}: the loss is not finite at step {at * self.at_once} (terms: {', '.join(bad)}); "
                f"{self.session.kept}. {self.session.mend}"
            )
        return dict(zip(self.names, values.mean(0).tolist(), strict=True))

    def _save(self, step: int, state: Callable[[], dict[str, Any]]) -> None:
        """Save, unless there is nowhere to; a state with a non-finite number never replaces a good one."""
        self.last_save = time.monotonic()
        if self.session.store is None:
            return
        if self.pending:
            self._checked_means(step)
        content = state()
        if not all_finite(content):
            raise UserError(
                f"{self.title}: a weight is not finite after step {step * self.at_once}; "
                "the last good checkpoint is kept. Lower the learning rate"
            )
        self.session.store.save(
            {
                "step": step,
                "rows": self.rows,
                "pending": [row.cpu() for row in self.pending],
                "seconds": self.session.earlier_seconds + time.monotonic() - self.session.began,
                "state": content,
            }
        )


def all_finite(state: Any) -> bool:
    """Whether every number in a nested state of dicts, lists and tensors is finite."""
    if isinstance(state, Tensor):
        return not state.is_floating_point() or bool(state.isfinite().all())
    if isinstance(state, dict):
        return all(all_finite(value) for value in state.values())
    if isinstance(state, (list, tuple)):
        return all(all_finite(value) for value in state)
    return not isinstance(state, float) or math.isfinite(state)
