"""The students of a cell trained each by itself: on a CPU as many at a time as there are threads, elsewhere by turns.

A narrow student's operations are too small to be worth splitting: two threads that work on one student do a third less
than two that work on a student each (docs/decisions.md, D35). A student's numbers do not depend on who works on it or
on how many others there are; they depend on the threads it is given.
"""

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from gendistill.evaluation.protocols import Budget
from gendistill.evaluation.sources import Source
from gendistill.evaluation.student import Student, augment_stream, train_step
from gendistill.networks.base import Network
from gendistill.runtime.device import Compute

STEPS_AT_ONCE = 8  # that every student does before all are waited for; a stop is heard of between


class StudentsApart:
    """N students, each with an optimiser of its own.

    Args:
        students: untrained.
        compute: the device; its threads are divided among the students. Their training is compiled if it says so.
    """

    def __init__(self, students: list[Student], compute: Compute) -> None:
        self.students, self.device = students, compute.device
        for student in students:
            compute.compiled(student.network)
        self.workers = min(len(students), compute.threads) if compute.device.type == "cpu" else 1
        self.pool = thread_pool(self.workers, compute.threads) if self.workers > 1 else None

    @property
    def step(self) -> int:
        """Steps done by each."""
        return self.students[0].step

    def train(self, sources: list[Source], budget: Budget, seed: int, until: int) -> Tensor:
        """Go on for one to `STEPS_AT_ONCE` steps, to `until` at most: losses (k, N), see `Team.train`."""
        until = min(until, self.step + STEPS_AT_ONCE)
        sources[0].prepare(range(self.step, until))
        losses: list[list[Tensor]] = [[] for _ in self.students]
        waiting = deque(range(len(self.students)))

        def work() -> None:
            """Take the student that has waited longest, do a step of it, put it back; workers share the queue."""
            while True:
                try:
                    number = waiting.popleft()
                except IndexError:
                    return  # the others are done, or in the hands of other workers
                student = self.students[number]
                images, labels = sources[number].batch(student.step)
                draw = augment_stream(self.device, seed, number, student.step)
                losses[number].append(train_step(student, images, labels, budget, draw))
                if student.step < until:
                    waiting.append(number)

        if self.pool is None:
            work()
        else:
            for worker in [self.pool.submit(work) for _ in range(self.workers)]:
                worker.result()
        return torch.stack([torch.stack(own) for own in losses], dim=1)

    def member(self, number: int) -> Network:
        """Student `number`, in train mode."""
        return self.students[number].network

    def dump(self) -> dict[str, Any]:
        """The state as nested dicts, lists, tensors and numbers."""
        return {"students": [student.dump() for student in self.students]}

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        for student, state in zip(self.students, saved["students"], strict=True):
            student.load(state)

    def close(self) -> None:
        """End the threads."""
        if self.pool is not None:
            self.pool.shutdown()


def thread_pool(workers: int, threads: int) -> ThreadPoolExecutor:
    """Workers among which torch's `threads` CPU threads are divided; the caller's operations keep all of them."""
    all_started = threading.Barrier(workers + 1)

    def begin() -> None:
        torch.get_num_threads()  # a thread asks for the process's number once, then keeps its own
        torch.set_num_threads(threads // workers)
        all_started.wait()

    pool = ThreadPoolExecutor(workers, thread_name_prefix="student", initializer=begin)
    for _ in range(workers):
        pool.submit(lambda: None)  # a thread starts with the first work it is given
    all_started.wait()
    torch.set_num_threads(threads)  # what a worker sets is also what threads to come ask for
    return pool
