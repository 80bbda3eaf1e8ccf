"""DiM's own code as the reference: imported at run time from a checkout, never copied here.

``--reference PATH`` names a checkout of vimar-gu/DiM. Its loops run as they are; around them

- on a CPU ``.cuda()`` gives the thing itself, for as long as the loop runs;
- its loader finds random images in CIFAR-10's file layout in a temporary folder, their checksums not asked for;
- torch's switches are those its scripts leave (TF32 in convolutions only, deterministic cuDNN, no autotuning);
- a loop over an epoch is cut to some batches (`Cut`), and Adam gets betas of (0.0, 0.9), since torch refuses (0, 0.9).

Tests: tests/benchmarks/test_reference.py, on a stand-in.
"""

import contextlib
import pickle
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self
from unittest import mock

import torch
import torchvision
from torch import nn
from torch.utils.data import DataLoader, Subset

from benchmarks.checkout import load_scripts, torch_switches
from benchmarks.inputs import CLASSES, quiet, random_images
from benchmarks.memory import WORDS, with_default_memory
from benchmarks.results import DIM

REPOSITORY = "vimar-gu/DiM"
SCRIPTS = ("gen_condense", "pool_match", "validate")
LOADED = (*SCRIPTS, "gan_model", "augment", "utils", "models")  # names that its scripts put into sys.modules
WORKERS = 4  # its default
TRAIN_FILES = [f"data_batch_{number}" for number in range(1, 6)]


class Cut:
    """A loader whose first pass after `rewind` is `steps` batches of a running epoch; other passes are new ones.

    So a loop over an epoch runs for some batches, without the start of its loader in every timed call; and a pass that
    the loop begins inside (the matching network's) starts its workers as it does in a run.
    """

    def __init__(self, loader: Any, steps: int) -> None:
        self.loader, self.steps = loader, steps
        self.running: Iterator[Any] = iter(())
        self.rewound = False

    def rewind(self) -> Self:
        """The next pass is that of the loop."""
        self.rewound = True
        return self

    def __iter__(self) -> Iterator[Any]:
        if not self.rewound:
            return iter(self.loader)
        self.rewound = False
        return self._go_on()

    def _go_on(self) -> Iterator[Any]:
        for _ in range(self.steps):
            batch = next(self.running, None)
            if batch is None:
                self.running = iter(self.loader)
                batch = next(self.running)
            yield batch


class DiM:
    """DiM's loops on random images; a context, within which its files are there.

    Args:
        folder: the checkout.
        device: to run on.
        images: training images.

    Raises:
        UserError: the folder is no checkout of DiM.
    """

    def __init__(self, folder: Path, device: torch.device, images: int) -> None:
        self.device, self.images = device, images
        self.scripts = load_scripts(folder, REPOSITORY, "--reference", SCRIPTS, LOADED)
        self.data = tempfile.TemporaryDirectory(prefix="benchmark-cifar10-")

    def __enter__(self) -> Self:
        write_cifar10(Path(self.data.name), self.images)
        return self

    def __exit__(self, *_: object) -> None:
        self.data.cleanup()

    def describe(self, loop: str) -> str:
        """What an entry calls the reference."""
        return f"{DIM} (vimar-gu/DiM, {loop}, eager fp32, {WORKERS} loader workers, {WORDS})"

    def options(self, batch: int, **more: Any) -> SimpleNamespace:
        """Its command-line defaults."""
        defaults = {
            "data": "cifar10",
            "data_dir": self.data.name,
            "batch_size": batch,
            "num_workers": WORKERS,
            "num_classes": CLASSES,
            "dim_noise": 100,
            "print_freq": 10**9,
            "aug_type": "color_crop_cutout",
            "mixup_net": "cut",
            "mix_p": -1.0,
            "eval_lr": 0.01,
            "momentum": 0.9,
            "weight_decay": 5e-4,
        }
        return SimpleNamespace(**defaults | more)

    def gan_steps(self, batch: int, steps: int) -> Callable[[], object]:
        """Some steps of ``gen_condense.train``."""
        return self.training(self.scripts["gen_condense"], self.options(batch), steps, lr=1e-4)

    def distill_steps(self, batch: int, steps: int, inner_steps: int) -> Callable[[], object]:
        """Some steps of ``pool_match.train`` with ConvNet3."""
        script = self.scripts["pool_match"]
        options = self.options(batch, match="logit", match_aug=True, epochs_match_train=inner_steps)
        # its own choice is random among five architectures
        convnet = mock.patch.object(random, "choice", return_value="convnet")
        return self.training(script, options, steps, lr=5e-6, around=convnet)

    def training(
        self,
        script: ModuleType,
        options: SimpleNamespace,
        steps: int,
        *,
        lr: float,
        around: contextlib.AbstractContextManager[object] | None = None,
    ) -> Callable[[], object]:
        """Some steps of a script's ``train``."""
        with self.at_home(script):
            generator, discriminator = script.Generator(options), script.Discriminator(options)
            generator, discriminator = generator.to(self.device), discriminator.to(self.device)
            optimizers = [
                torch.optim.Adam(network.parameters(), lr=lr, betas=(0.0, 0.9))
                for network in (generator, discriminator)
            ]
            loader, _ = script.load_data(options)
            augmentations = script.diffaug(options)
        loader = Cut(loader, steps)
        criterion = nn.CrossEntropyLoss()

        def call() -> None:
            with self.at_home(script), around or contextlib.nullcontext():
                script.train(
                    options, 0, generator, discriminator, *optimizers, loader.rewind(), criterion, *augmentations
                )

        return with_default_memory(call)

    def evaluation(self, ipc: int, batch: int, epochs: int, tested: int) -> Callable[[], object]:
        """``validate.validate`` of five ConvNet3 students, tested once at the end on the first `tested` images."""
        script = self.scripts["validate"]
        options = self.options(batch, ipc=ipc, eval_model=["convnet"] * 5, epochs_eval=epochs, test_interval=epochs)
        with self.at_home(script):
            generator = script.Generator(options).to(self.device)
            _, loader = script.load_data(options)
            _, augmentation = script.diffaug(options)
        workers = WORKERS if epochs >= 200 else 0
        loader = DataLoader(Subset(loader.dataset, range(tested)), batch_size=batch, num_workers=workers)
        criterion = nn.CrossEntropyLoss()

        def call() -> None:
            with self.at_home(script):
                script.validate(options, generator, loader, criterion, augmentation)

        return with_default_memory(call)

    @contextlib.contextmanager
    def at_home(self, script: ModuleType) -> Iterator[None]:
        """The world as a script of DiM expects it: no output, its switches, its data, and on a CPU no ``cuda``."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(quiet())
            stack.enter_context(torch_switches(deterministic=True))
            stack.enter_context(unchecked_cifar10())
            if self.device.type != "cuda":
                stack.enter_context(without_cuda(script))
            yield


@contextlib.contextmanager
def without_cuda(script: ModuleType) -> Iterator[None]:
    """``.cuda()`` gives the thing itself, and the script's ``Normalize`` stays on the CPU."""
    normalize = script.Normalize

    def same(thing: Any, *_: object, **__: object) -> Any:
        return thing

    with (
        mock.patch.object(torch.Tensor, "cuda", same),
        mock.patch.object(nn.Module, "cuda", same),
        mock.patch.object(script, "Normalize", lambda mean, std, device: normalize(mean, std, device="cpu")),
    ):
        yield


@contextlib.contextmanager
def unchecked_cifar10() -> Iterator[None]:
    """Torchvision's CIFAR10 takes the files of `write_cifar10` for its own: no checksum, so no download."""
    cifar10 = torchvision.datasets.CIFAR10
    with (
        mock.patch.object(cifar10, "train_list", [[name, None] for name in TRAIN_FILES]),
        mock.patch.object(cifar10, "test_list", [["test_batch", None]]),
        mock.patch.object(cifar10, "meta", {**cifar10.meta, "md5": None}),
    ):
        yield


def write_cifar10(folder: Path, images: int, tested: int = 10_000) -> None:
    """Random images in the layout of CIFAR-10's Python archive."""
    target = folder / "cifar-10-batches-py"
    target.mkdir()
    data = random_images(images, torch.device("cpu"))
    parts = zip(TRAIN_FILES, data.images.chunk(len(TRAIN_FILES)), data.labels.chunk(len(TRAIN_FILES)), strict=True)
    test = random_images(tested, torch.device("cpu"))
    for name, pixels, labels in [*parts, ("test_batch", test.images, test.labels)]:
        content = {"data": pixels.flatten(1).numpy(), "labels": labels.tolist()}
        (target / name).write_bytes(pickle.dumps(content))
    names = {"label_names": [f"class {label}" for label in range(CLASSES)]}
    (target / "batches.meta").write_bytes(pickle.dumps(names))
