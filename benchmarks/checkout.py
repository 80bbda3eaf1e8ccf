"""Published code from a checkout: imported at run time, never copied here.

Tests: tests/benchmarks/test_reference.py and test_condensation.py, on stand-ins.
"""

import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from unittest import mock

import torch

from benchmarks.inputs import quiet
from gendistill.runtime.errors import UserError


def load_scripts(
    folder: Path,
    repository: str,
    option: str,
    scripts: Sequence[str],
    loaded: Sequence[str],
    shims: Mapping[str, ModuleType] | None = None,
) -> dict[str, ModuleType]:
    """Scripts of a checkout as modules; what they import is theirs, with no trace in ``sys.modules`` or ``sys.path``.

    Args:
        folder: the checkout.
        repository: what it is one of, for the message.
        option: of the command that named it, likewise.
        scripts: names of the scripts.
        loaded: names that they put into ``sys.modules``.
        shims: modules that they import by a name which is no more.

    Raises:
        UserError: one of them is not there.
    """
    missing = [f"{name}.py" for name in scripts if not (folder / f"{name}.py").is_file()]
    if missing:
        raise UserError(
            f"{option} {folder}: {', '.join(missing)} not found; expected a checkout of {repository}: "
            "clone it, or leave the option out to measure against the plain twin"
        )
    found = {}
    with mock.patch.dict(sys.modules), mock.patch.object(sys, "path", [str(folder), *sys.path]), quiet():
        for name in [key for key in sys.modules if key.partition(".")[0] in loaded]:
            del sys.modules[name]
        sys.modules.update(shims or {})
        for name in scripts:
            spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            found[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(found[name])
    return found


@contextlib.contextmanager
def torch_switches(*, deterministic: bool) -> Iterator[None]:
    """Torch's switches as it starts with them, and deterministic cuDNN or not; put back afterwards."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark, cudnn.deterministic)
    cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark, cudnn.deterministic = True, False, False, deterministic
    try:
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark, cudnn.deterministic = before
