"""Image files decoded by several processes, a block at a time."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from pathlib import Path

from gendistill.data.picture import Decoded, decode_files
from gendistill.data.raw import Fit
from gendistill.runtime.errors import UserError

BLOCK = 64  # images decoded at a time
ALONE = 1024  # fewer images are decoded before other processes would be up
AHEAD = 4  # blocks a process on their way, so that memory stays bounded


def decoded(root: Path, paths: list[str], fit: Fit, processes: int) -> Iterator[tuple[list[str], Decoded]]:
    """The images of files, a block of them after another, each with its paths; in order, whatever `processes`.

    Args:
        root: the folder.
        paths: relative to it.
        fit: form that the images are brought to.
        processes: that decode; few images are decoded by this one.

    Raises:
        UserError: a decoding process died.
    """
    pieces = [paths[start : start + BLOCK] for start in range(0, len(paths), BLOCK)]
    if processes < 2 or len(paths) <= ALONE:
        yield from ((piece, decode_files(root, piece, fit)) for piece in pieces)
        return
    # Spawned, not forked: a fork copies locks that other threads hold.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin)
    coming: deque[tuple[list[str], Future[Decoded]]] = deque()
    try:
        for piece in pieces:
            coming.append((piece, pool.submit(decode_files, root, piece, fit)))
            if len(coming) > AHEAD * processes:
                first, block = coming.popleft()
                yield first, block.result()
        while coming:
            first, block = coming.popleft()
            yield first, block.result()
    except BrokenProcessPool:
        raise UserError(
            f"a process that decoded images of {root} was ended from outside, most likely for lack of memory: "
            "run the same command again with fewer processes (runtime.threads: 1)"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """In a decoding process: leave Ctrl-C to the parent, and end when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
