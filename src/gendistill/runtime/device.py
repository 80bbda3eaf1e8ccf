"""Device, precision and threads: resolved once per stage, recorded with every result."""

import ctypes
import os
import platform
import textwrap
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from gendistill.runtime.errors import UserError

Module = TypeVar("Module", bound=nn.Module)

COMPILED_GRAPHS = 64  # of one function; torch stops compiling it at 8, and a pool has more architectures than that

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt, in malloc.h


@dataclass(frozen=True)
class Compute:
    """Where a stage computes and in which precision.

    Attributes:
        device: the torch device.
        precision: ``fp32``, or ``bf16`` for bfloat16 autocast with fp32 weights.
        threads: CPU threads of one operation; part of the identity, since sums may be split differently.
        students: how the students of a cell are trained, ``together`` or ``apart``; part of the identity, since
            the last digits differ and neither form can go on from the other's checkpoint.
        compile: whether networks in training go through ``torch.compile``; part of the identity, for the last digits.
    """

    device: torch.device
    precision: str
    threads: int
    students: str = "apart"
    compile: bool = False

    def autocast(self) -> AbstractContextManager[object]:
        """Bfloat16 autocast, or nothing in fp32."""
        if self.precision == "bf16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()

    def compiled(self, network: Module) -> Module:
        """`network`, changed in place: its calls go through ``torch.compile`` if `compile` says so.

        Only calls do. ``network.forward(x)``, other methods, copies, and names and values of the state are those of the
        plain network. Shapes are static: a batch of another size, as another mode, is compiled for itself, at its first
        call, in seconds to a minute. Networks of one architecture share what was compiled.
        """
        if self.compile:
            torch._dynamo.config.recompile_limit = COMPILED_GRAPHS
            network.compile(dynamic=False)
        return network

    def describe(self) -> dict[str, str | int]:
        """What identifies this computer's arithmetic: part of a checkpoint's fingerprint and of every origin."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type
        return {
            "device": name,
            "precision": self.precision,
            "threads": self.threads,
            "students": self.students,
            "compile": self.compile,
            "torch": torch.__version__,
        }


def resolve_compute(
    device: str,
    precision: str,
    threads: int,
    students: str = "auto",
    *,
    deterministic: bool = False,
    compile: bool = False,
) -> Compute:
    """Turn the ``runtime`` parameters into a `Compute`, and set torch's switches accordingly.

    ``auto`` picks CUDA when there is one, else the CPU; precision ``auto`` is bf16 autocast on a device that
    computes in bfloat16 (`has_bf16`), else fp32; students ``auto`` is together on CUDA, else apart. TF32 is allowed
    for fp32 matrix products and convolutions on CUDA.

    Raises:
        UserError: the device does not exist here, or `compile` is asked for where nothing can be compiled.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = torch.device(device)
    if chosen.type == "cuda" and not (torch.cuda.is_available() and (chosen.index or 0) < torch.cuda.device_count()):
        raise UserError(
            f"runtime.device: {device} was asked for, and {torch.cuda.device_count()} CUDA device(s) are here; "
            "set runtime.device to auto or cpu"
        )
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise UserError("runtime.device: mps was asked for and is not here; set runtime.device to auto or cpu")
    if precision == "auto":
        precision = "bf16" if has_bf16(chosen.type) else "fp32"
    torch.set_num_threads(threads or available_cpus())
    keep_freed_memory()
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = not deterministic
    if deterministic != torch.are_deterministic_algorithms_enabled():  # the call imports torch's compiler: seconds
        torch.use_deterministic_algorithms(deterministic)
    if deterministic:  # cuBLAS reads it when it starts, and torch refuses matrix products without it
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if students == "auto":
        students = "together" if chosen.type == "cuda" else "apart"
    if compile:
        check_compiler(chosen)
    return Compute(chosen, precision, torch.get_num_threads(), students, compile)


def check_compiler(device: torch.device) -> None:
    """Compile a function of one line, so that a machine that cannot compile says so before any work.

    Raises:
        UserError: it cannot.
    """
    try:
        torch.compile(torch.nn.functional.silu, dynamic=False)(torch.ones(8, device=device))
    except RuntimeError as error:  # the class of all that torch.compile raises
        reason = textwrap.shorten(str(error), 200)
        raise UserError(
            f"runtime.compile: true was asked for, and torch.compile fails here on {device} ({reason}). It needs a C++ "
            "compiler (g++, or what CXX names) and Python's header files, on CUDA Triton, too: install them, or set "
            "runtime.compile to false"
        ) from None


def keep_freed_memory() -> None:
    """Let the process keep the memory it frees, where the C library is glibc; elsewhere do nothing.

    A step frees and allocates the same activations over and over. By default glibc gives blocks of their size back to
    the kernel, which hands them out again zeroed, page by page: more than a third of a narrow student's step. Blocks
    above 32 MiB, glibc's limit, always go back; torch asks for huge pages for those. No number changes.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # read by torch
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)
    libc.mallopt(M_TRIM_THRESHOLD, 2**30)


def has_bf16(kind: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether a device of this kind (``cuda``, ``cpu``, ``mps``) computes in bfloat16 rather than imitating it.

    On a CPU that is what its flags say (Linux on x86); a GAN step then takes two thirds of the time, while without
    such instructions it would take longer than in fp32.
    """
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind != "cpu" or not cpuinfo.is_file():
        return False
    flags = cpuinfo.read_text(encoding="utf-8", errors="replace").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def available_cpus() -> int:
    """CPUs this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
