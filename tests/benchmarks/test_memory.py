"""Foreign code runs under the memory settings of a process of its own, ours under those of `keep_freed_memory`."""

import ctypes
import os
import platform
import types

import pytest

from benchmarks.memory import with_default_memory


def test_the_thresholds_are_glibcs_while_the_call_runs_and_ours_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now: dict[int, int] = {}
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: types.SimpleNamespace(mallopt=now.__setitem__))
    monkeypatch.setitem(os.environ, "THP_MEM_ALLOC_ENABLE", "1")

    def call() -> str:
        assert now == {-3: 32 * 2**20, -1: 64 * 2**20}
        return "done"

    assert with_default_memory(call)() == "done"
    assert now == {-3: 32 * 2**20, -1: 2**30}

    def fail() -> None:
        raise KeyError

    now.clear()
    with pytest.raises(KeyError):
        with_default_memory(fail)()
    assert now[-1] == 2**30


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert with_default_memory(print) is print
