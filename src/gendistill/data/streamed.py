"""Prepared images that stay on disk: read by position, a few batches ahead of the loop that asks for them.

What a loop gets is bit for bit what `resident.ResidentImages` would give it; only the images of a few batches are in
memory. Files are read by position (`pread`), not mapped: a mapped file that is cut short ends the process with SIGBUS
and no message, and its pages count as memory of the process.
"""

import math
import os
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gendistill.data.order import Order
from gendistill.data.resident import Followed, ImageSet
from gendistill.runtime.errors import UserError

AHEAD = 2  # batches on their way while the loop works on one
Arrival = tuple[Tensor, torch.cuda.Event | None]  # images on the device, and what to wait for before using them


@dataclass(frozen=True, eq=False)  # tensors have no truth value to compare by
class Coming:
    """A batch on its way.

    Attributes:
        index: positions (b,) int64 of its images; a `gather` with this tensor, not with an equal one, gets the batch.
        arrival: gives the images.
    """

    index: Tensor
    arrival: Future[Arrival]


class StreamedImages(ImageSet):
    """A set whose images are uint8 in a file, one after another.

    Args:
        path: the file; it is held open as long as this object lives.
        start: byte at which the first image begins.
        shape: (n, c, h, w).
        labels: (n,) int64; its device is where images go.
        mean: (c,) float32, of the training pixels in [0, 1], on that device.
        std: (c,) float32, likewise.

    Raises:
        UserError: the file cannot be opened.
    """

    def __init__(
        self, path: Path, start: int, shape: tuple[int, int, int, int], labels: Tensor, mean: Tensor, std: Tensor
    ) -> None:
        self.path, self.start, self._shape = path, start, shape
        self.labels, self.mean, self.std = labels, mean, std
        self.stream = torch.cuda.Stream(labels.device) if labels.device.type == "cuda" else None
        self.coming: list[Coming] = []  # a few per followed order
        try:
            self.file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise self._unreadable(error.strerror) from None
        weakref.finalize(self, os.close, self.file)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, c, h, w) of all images."""
        return self._shape

    def gather(self, index: Tensor) -> Tensor:
        """The images (b, c, h, w) uint8 at `index` (b,), both on the device, in [0, 255].

        An index that a followed order gave is on its way already; any other is read now, which waits for the device.

        Raises:
            UserError: the file ends before an image that it should hold, or cannot be read.
            IndexError: a position is outside of the set.
        """
        announced = next((coming for coming in self.coming if coming.index is index), None)
        if announced is None:
            return self.read(index).to(self.device)
        images, done = announced.arrival.result()  # an error of the thread is raised here, with its traceback
        if done is not None:
            stream = torch.cuda.current_stream(self.device)
            stream.wait_event(done)
            images.record_stream(stream)  # made on another stream: kept until this one is done with it
        return images

    def follow(self, order: Order) -> "Prefetched":
        """Announce that a loop is going to gather by the indices of `order`; a thread reads ahead of it."""
        return Prefetched(self, order)

    def expect(self, index: Tensor, reader: ThreadPoolExecutor) -> Coming:
        """Have `reader` fetch the images at `index`, for a `gather` with this very tensor, until it is forgotten."""
        ready = None if self.stream is None else torch.cuda.current_stream(self.device).record_event()
        announced = Coming(index, reader.submit(self.fetch, index, ready))
        self.coming.append(announced)
        return announced

    def forget(self, announced: Coming) -> None:
        """Let go of what `expect` asked for."""
        self.coming.remove(announced)
        announced.arrival.cancel()

    def fetch(self, index: Tensor, ready: torch.cuda.Event | None) -> Arrival:
        """Read the images at `index` and send them to the device; runs on the reading thread.

        On CUDA all of it happens on a stream of its own, so that only this thread waits for the index to be computed.
        """
        if self.stream is None or ready is None:
            return self.read(index).to(self.device), None
        with torch.cuda.stream(self.stream):
            self.stream.wait_event(ready)
            images = self.read(index).to(self.device, non_blocking=True)
            return images, self.stream.record_event()

    def read(self, index: Tensor) -> Tensor:
        """The images (b, c, h, w) uint8 at `index` (b,), in (on CUDA pinned) memory of the host."""
        n, *image = self.shape
        size = math.prod(image)
        positions = index.tolist()
        outside = [position for position in positions if not 0 <= position < n]
        if outside:
            raise IndexError(f"position {outside[0]} is outside of the {n} images of {self.path}")
        images = torch.empty((len(positions), *image), dtype=torch.uint8, pin_memory=self.stream is not None)
        rows = images.view(len(positions), size).numpy()
        for row, position in zip(rows, positions, strict=True):
            row[:] = self._bytes_at(self.start + position * size, size)
        return images

    def _bytes_at(self, offset: int, size: int) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
        try:
            content = os.pread(self.file, size, offset)  # leaves no position behind, so threads may share the file
        except OSError as error:
            raise self._unreadable(error.strerror) from None
        if len(content) < size:
            raise self._unreadable(f"it ends before byte {offset + size}; it was cut short while in use")
        return np.frombuffer(content, np.uint8)

    def _unreadable(self, why: str | None) -> UserError:
        return UserError(f"{self.path} cannot be read ({why}): delete {self.path.parent} and run `dvc repro prepare`")


class Prefetched(Followed):
    """An order whose next batches are read while the loop works on the current one.

    Indices are computed by the loop's own thread, on its own stream, so an order need not be safe for threads, and a
    resumed loop begins at any step. The thread starts with the first index and ends with `close`.

    Args:
        data: the set.
        order: gives the indices; asked for `AHEAD` steps more than the loop asks for.
    """

    def __init__(self, data: StreamedImages, order: Order) -> None:
        super().__init__(order)
        self.data = data
        self.window: dict[int, Coming] = {}  # by step: the current one and those ahead
        self.reader: ThreadPoolExecutor | None = None

    def index(self, step: int) -> Tensor:
        """The positions (b,) int64, on the device, of the images of a step; `gather` finds those on their way."""
        if self.reader is None:
            self.reader = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        wanted = range(step, step + 1 + AHEAD)
        for left in self.window.keys() - set(wanted):
            self.data.forget(self.window.pop(left))
        for coming in wanted:
            if coming not in self.window:
                self.window[coming] = self.data.expect(self.order.index(coming), self.reader)
        return self.window[step].index

    def close(self) -> None:
        """End the thread, after the batch it is reading, and let go of what was read ahead."""
        for announced in self.window.values():
            self.data.forget(announced)
        self.window = {}
        if self.reader is not None:
            self.reader.shutdown(wait=True, cancel_futures=True)
            self.reader = None
