"""Device, precision and threads, with and without a pretended GPU."""

import ctypes
import os
import platform
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from gendistill.runtime import device
from gendistill.runtime.device import Compute, available_cpus, has_bf16, keep_freed_memory, resolve_compute
from gendistill.runtime.errors import UserError


@pytest.fixture(autouse=True)
def _workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Two CUDA devices that know bfloat16; nothing here touches them."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    return monkeypatch


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_cuda")
def test_auto_without_a_gpu_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "has_bf16", lambda kind: False)
    compute = resolve_compute("auto", "auto", 1)
    assert compute == Compute(torch.device("cpu"), "fp32", 1)
    assert torch.get_num_threads() == 1
    assert compute.describe() == {
        "device": "cpu",
        "precision": "fp32",
        "threads": 1,
        "students": "apart",
        "compile": False,
        "torch": torch.__version__,
    }


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx512f avx512_bf16", True), ("fpu amx_bf16 amx_tile", True), ("fpu avx512f avx2", False), ("", False)],
)
def test_auto_on_a_cpu_is_bf16_where_its_flags_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, expected: bool
) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name : a CPU\nflags : {flags}\n")
    assert has_bf16("cpu", tmp_path / "cpuinfo") is expected
    assert not has_bf16("mps", tmp_path / "cpuinfo")
    assert not has_bf16("cpu", tmp_path / "none")
    monkeypatch.setattr(device, "has_bf16", lambda kind: expected)
    assert resolve_compute("cpu", "auto", 1).precision == ("bf16" if expected else "fp32")


@pytest.mark.usefixtures("no_cuda")
def test_devices_that_are_not_here_are_refused() -> None:
    with pytest.raises(UserError, match=r"runtime\.device: cuda was asked for, and 0 CUDA device\(s\) are here; set"):
        resolve_compute("cuda", "auto", 1)
    with pytest.raises(UserError, match=r"mps was asked for and is not here; set runtime\.device to auto or cpu"):
        resolve_compute("mps", "auto", 1)


def test_auto_with_a_gpu_is_cuda_in_bf16(pretend: pytest.MonkeyPatch) -> None:
    compute = resolve_compute("auto", "auto", 1)
    assert (compute.device.type, compute.precision) == ("cuda", "bf16")
    assert resolve_compute("cpu", "fp32", 1).precision == "fp32"
    assert resolve_compute("cuda:1", "fp32", 1) == Compute(torch.device("cuda:1"), "fp32", 1, "together")
    assert resolve_compute("cuda", "fp32", 1, "apart").students == "apart"
    assert resolve_compute("cpu", "fp32", 1).students == "apart"
    assert resolve_compute("cpu", "fp32", 1, "together").students == "together"
    with pytest.raises(UserError, match=r"cuda:2 was asked for, and 2 CUDA device\(s\) are here"):
        resolve_compute("cuda:2", "auto", 1)
    pretend.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert resolve_compute("auto", "auto", 1).precision == "fp32"
    assert resolve_compute("auto", "bf16", 1).precision == "bf16"
    pretend.setattr(torch.cuda, "get_device_name", lambda chosen: f"a GPU, {chosen}")
    assert resolve_compute("cuda:1", "fp32", 1).describe()["device"] == "a GPU, cuda:1"


def test_threads_of_0_are_all_cpus_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert available_cpus() == 3
    assert resolve_compute("cpu", "fp32", 0).threads == 3
    assert resolve_compute("cpu", "fp32", 2).threads == 2


def test_without_affinity_they_are_the_cpus_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert available_cpus() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cpus() == 1


def test_deterministic_is_one_switch() -> None:
    def switches() -> tuple[bool, bool]:
        return torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark

    resolve_compute("cpu", "fp32", 1, deterministic=True)
    assert switches() == (True, False)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"  # torch refuses CUDA matrix products without it
    resolve_compute("cpu", "fp32", 1)
    assert switches() == (False, True)
    assert torch.backends.cudnn.allow_tf32
    assert torch.backends.cuda.matmul.allow_tf32


def test_a_workspace_of_the_users_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    resolve_compute("cpu", "fp32", 1, deterministic=True)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_compiling_is_asked_for_and_its_absence_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a compiler, and without Triton on CUDA, torch.compile raises a RuntimeError of several lines."""

    def broken(function: object, **options: object) -> object:
        def call(*args: object) -> object:
            raise RuntimeError("TritonMissing: Cannot find\n\n  a working triton installation.")

        return call

    assert not resolve_compute("cpu", "fp32", 1).compile
    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(
        UserError, match=r"runtime\.compile.* on cpu \(TritonMissing: Cannot find a working triton"
    ) as said:
        resolve_compute("cpu", "fp32", 1, compile=True)
    assert str(said.value).endswith("or set runtime.compile to false")
    assert "\n" not in str(said.value)


def test_only_what_is_asked_for_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda network, **options: seen.append((network, options)))
    network = torch.nn.Linear(2, 2)
    assert Compute(torch.device("cpu"), "fp32", 1).compiled(network) is network
    assert seen == []
    assert Compute(torch.device("cpu"), "fp32", 1, compile=True).compiled(network) is network
    assert seen == [(network, {"dynamic": False})]  # dynamic shapes would cost recompiling for nothing


def test_autocast_is_bf16_or_nothing() -> None:
    product = {}
    for precision in ("fp32", "bf16"):
        with Compute(torch.device("cpu"), precision, 1).autocast():
            product[precision] = (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    assert product == {"fp32": torch.float32, "bf16": torch.bfloat16}


@pytest.mark.usefixtures("no_cuda")
def test_an_unchanged_switch_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Touching it imports torch's compiler, which takes longer than a short stage."""

    def touched(mode: bool) -> None:
        raise AssertionError(mode)

    monkeypatch.setattr(torch, "use_deterministic_algorithms", touched)
    resolve_compute("cpu", "fp32", 1, deterministic=False)


FAULTS = """
import resource
import torch
from gendistill.runtime.device import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    blocks = [torch.zeros(2**21) for _ in range(8)]  # 8 MiB each: freed, they are more than glibc keeps by itself

def measure():
    for _ in range(10):  # until the heap has its shape
        step()
    before = faults()
    for _ in range(10):
        step()
    return faults() - before

keep_freed_memory()
print(measure())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_memory_stays_with_the_process() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True, env=environment
    )  # a process of its own: the setting cannot be taken back
    assert int(done.stdout) < 5_000  # 163,520 without, in three processes out of four; 516 were seen with


def test_glibc_is_told_both_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {}
    library = types.SimpleNamespace(mallopt=told.__setitem__)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    keep_freed_memory()
    assert told == {-3: 32 * 2**20, -1: 2**30}  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "1"


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(ctypes, "CDLL", None)
    keep_freed_memory()
