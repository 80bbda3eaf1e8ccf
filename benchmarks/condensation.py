"""DatasetCondensation's own code as the reference of DM, DC and DSA: imported at run time, never copied here.

``--reference-dc PATH`` names a checkout of VICO-UoE/DatasetCondensation. ``main_DM.main`` and ``main.main`` run as they
are, in a thread that is held at the start of every iteration, where they ask for a network; a timed call lets them run
from one such place to the next. Around them

- the data set that they ask for is random images in memory; what they make of it before the first iteration, and their
  evaluation (of no network), are not timed;
- their table of loops gives the numbers that the entry names;
- of several GPUs they see one, and none where the device is a CPU;
- SciPy's ``ndimage`` answers to the name that it had in their day.

Tests: tests/benchmarks/test_condensation.py, on a stand-in.
"""

import contextlib
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Self
from unittest import mock

import scipy.ndimage
import torch

from benchmarks.checkout import load_scripts, torch_switches
from benchmarks.inputs import CHANNELS, CLASSES, SIDE, quiet, random_images
from benchmarks.memory import WORDS, with_default_memory
from benchmarks.results import CONDENSATION
from gendistill.data.resident import standardise

REPOSITORY = "VICO-UoE/DatasetCondensation"
SCRIPTS = ("main", "main_DM")
LOADED = (*SCRIPTS, "utils", "networks")  # names that they put into sys.modules
SHIMS = {"scipy.ndimage.interpolation": scipy.ndimage}


class Left(BaseException):
    """Ends a script's loop from inside."""


class Held:
    """A function that runs in a thread of its own, from one `hold` to the next.

    Args:
        work: calls `hold` now and then.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self.work = work
        self.go, self.held = threading.Semaphore(0), threading.Semaphore(0)
        self.leaving = False
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.go.acquire()
            if not self.leaving:
                self.work()
        except Left:
            pass
        except BaseException as error:  # it is raised where `advance` was called
            self.error = error
        finally:
            self.held.release()

    def hold(self) -> None:
        """Wait for the next `advance`; called by the work."""
        self.held.release()
        self.go.acquire()
        if self.leaving:
            raise Left

    def advance(self) -> None:
        """Let the work run to its next `hold`, or to its end; what it raises is raised here."""
        self.go.release()
        self.held.acquire()
        if self.error is not None:
            raise self.error

    def leave(self) -> None:
        """End the work where it is held."""
        self.leaving = True
        self.go.release()
        self.thread.join()


class DatasetCondensation:
    """The loops of its scripts on random images; a context, at whose end they are left.

    Args:
        folder: the checkout.
        device: to run on.
        images: training images.

    Raises:
        UserError: the folder is no checkout of DatasetCondensation.
    """

    def __init__(self, folder: Path, device: torch.device, images: int) -> None:
        self.folder, self.device, self.images = folder, device, images
        load_scripts(folder, REPOSITORY, "--reference-dc", SCRIPTS, LOADED, SHIMS)
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.place = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-condensation-"))
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def describe(self, loop: str) -> str:
        """What an entry calls the reference."""
        return f"{CONDENSATION} ({REPOSITORY}, {loop}, eager fp32, {WORDS})"

    def iterations(
        self, name: str, iterations: int, loops: tuple[int, int] = (1, 1), **options: object
    ) -> Callable[[], object]:
        """Some iterations of a script's ``main``, going on from call to call.

        Args:
            name: of the script, in `SCRIPTS`.
            iterations: a call.
            loops: updates of the images per iteration, and passes of the network after each.
            options: of its command line.
        """
        script = load_scripts(self.folder, REPOSITORY, "--reference-dc", SCRIPTS, LOADED, SHIMS)[name]
        words = [f"--{key}={value}" for key, value in (self.common() | options).items()]
        new_network, data = script.get_network, self.data()
        held = Held(lambda: script.main())

        def network(*args: Any) -> Any:
            held.hold()
            return new_network(*args)

        script.get_network = network  # type: ignore[attr-defined]  # a module that nobody else has
        script.get_loops = lambda ipc: loops  # type: ignore[attr-defined]
        script.get_dataset = lambda *_: data  # type: ignore[attr-defined]
        self.stack.callback(held.leave)
        with self.at_home(script, words):
            held.advance()  # to its first iteration

        def call() -> None:
            with self.at_home(script, words):
                for _ in range(iterations):
                    held.advance()

        return with_default_memory(call)

    def common(self) -> dict[str, object]:
        """Options of every script: nothing is evaluated, and what it writes goes to a temporary folder."""
        return {"num_eval": 0, "data_path": self.place, "save_path": self.place}

    def data(self) -> tuple[object, ...]:
        """What its ``get_dataset`` gives: standardised images one by one, and nothing to test on."""
        data = random_images(self.images, torch.device("cpu"))
        images = standardise(data.images, data.mean, data.std)
        pairs = list(zip(images, data.labels.tolist(), strict=True))
        names = [f"class {label}" for label in range(CLASSES)]
        return CHANNELS, (SIDE, SIDE), CLASSES, names, data.mean.tolist(), data.std.tolist(), pairs, [], []

    @contextlib.contextmanager
    def at_home(self, script: ModuleType, words: list[str]) -> Iterator[None]:
        """The world as a script expects it: its command line, no output, torch's switches, and at most one GPU."""
        cuda = self.device.type == "cuda"
        with (
            quiet(),
            torch_switches(deterministic=False),
            mock.patch.object(sys, "argv", [script.__name__, *words]),
            mock.patch.object(torch.cuda, "is_available", return_value=cuda),
            mock.patch.object(torch.cuda, "device_count", return_value=int(cuda)),
        ):
            yield
