"""A finished run to publish: what the workspace, or a Git revision or DVC experiment, holds of it."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gendistill.config.params import parse_params, section
from gendistill.config.schema import Params
from gendistill.config.yaml12 import load_yaml
from gendistill.reporting.cells import Cell, named_cells, result_key
from gendistill.runtime.errors import UserError

ACCURACY = "metrics/accuracy"
WORKSPACE = "workspace"

Read = Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Parameters and numbers of one run.

    Attributes:
        name: what the user called it: `workspace`, a revision, or an experiment.
        commit: full hash; None outside Git.
        parent: hash of the commit before, for an experiment the one it started from; else None.
        modified: tracked files that differ from the commit; empty for a revision, None outside Git.
        params: all parameters.
        accuracy: per metrics file (its stem), the statistics by key.
        data: `metrics/data.json`.
        lock: parameters that DVC recorded for each stage, or None without a `dvc.lock`.
    """

    name: str
    commit: str | None
    parent: str | None
    modified: list[str] | None
    params: Params
    accuracy: dict[str, dict[str, Any]]
    data: dict[str, Any]
    lock: dict[str, dict[str, Any]] | None


def workspace_run(root: Path) -> Run:
    """The run whose files are in the workspace.

    Raises:
        UserError: there is none, or its numbers are not those of params.yaml.
    """

    def read(path: str) -> str | None:
        file = root / path
        return file.read_text(encoding="utf-8") if file.is_file() else None

    files = sorted(path.stem for path in (root / ACCURACY).glob("*.json"))
    commit, modified = checked_out(root)
    return _run(WORKSPACE, read, files, commit=commit, parent=None, modified=modified)


def revision_run(root: Path, name: str) -> Run:
    """The run that a Git revision or a DVC experiment holds.

    Raises:
        UserError: there is no such revision, it holds no run, or its numbers are not those of its parameters.
    """
    commit, is_experiment = resolve(root, name)
    listed = git(root, "ls-tree", "--name-only", "-z", commit, f"{ACCURACY}/") or ""
    files = [Path(path).stem for path in listed.split("\0") if path.endswith(".json")]
    parent = git(root, "rev-parse", f"{commit}^") if is_experiment else None

    def read(path: str) -> str | None:
        return git(root, "show", f"{commit}:./{path}")

    return _run(name, read, sorted(files), commit=commit, parent=parent, modified=[])


def resolve(root: Path, name: str) -> tuple[str, bool]:
    """The commit that a name means, and whether it is a DVC experiment.

    Raises:
        UserError: nothing, or several experiments, have that name.
    """
    commit = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if commit is not None:
        return commit, False
    refs = git(root, "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps") or ""
    experiments = [line.split(" ", 1) for line in refs.splitlines()]
    found = [commit for commit, ref in experiments if ref.rsplit("/", 1)[-1] == name]
    if len(found) == 1:
        return found[0], True
    if found:
        raise UserError(f"{name}: {len(found)} experiments have this name; give one of the hashes {', '.join(found)}")
    raise UserError(f"{name} is neither a Git revision nor a DVC experiment: see `git log` and `dvc exp list -A`")


def git(root: Path, *arguments: str) -> str | None:
    """Output of a git command in `root`, without the last line break; None where it fails or is missing."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, encoding="utf-8", check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout.removesuffix("\n") if done.returncode == 0 else None


def checked_out(root: Path) -> tuple[str | None, list[str] | None]:
    """The full hash of the commit in the workspace, and the tracked files that differ from it; None outside Git."""
    status = git(root, "status", "--porcelain", "--untracked-files=no")
    modified = None if status is None else sorted(line[3:] for line in status.splitlines())
    return git(root, "rev-parse", "HEAD"), modified


def _run(
    name: str,
    read: Read,
    files: list[str],
    *,
    commit: str | None,
    parent: str | None,
    modified: list[str] | None,
) -> Run:
    """Read and check one run."""
    text = read("params.yaml")
    if text is None:
        raise UserError(f"{name}: no params.yaml; run the command in the project's root folder")
    if not files:
        raise UserError(f"{name}: nothing to publish in {ACCURACY}; run `dvc repro` first")
    params = parse_params(load_yaml(text, f"params.yaml of {name}"), f"params.yaml of {name}")
    data = read("metrics/data.json")
    if data is None:
        raise UserError(f"{name}: metrics/data.json is missing; run `dvc repro` first")
    lock = read("dvc.lock")
    accuracy = {file: json.loads(read(f"{ACCURACY}/{file}.json") or "{}") for file in files}
    run = Run(
        name=name,
        commit=commit,
        parent=parent,
        modified=modified,
        params=params,
        accuracy=accuracy,
        data=json.loads(data),
        lock=None if lock is None else locked_params(lock, f"dvc.lock of {name}"),
    )
    check(run)
    return run


def locked_params(text: str, origin: str, file: str = "params.yaml") -> dict[str, dict[str, Any]]:
    """Values of the parameters, of one file, that every stage of a `dvc.lock` was run with."""
    stages = load_yaml(text, origin).get("stages") or {}
    return {stage: entry.get("params", {}).get(file, {}) for stage, entry in stages.items()}


def check(run: Run) -> None:
    """Make sure that the numbers are exactly those that the parameters name.

    Raises:
        UserError: results are missing or left over, or were made with other values than params.yaml has.
    """
    again = "run `dvc repro` first"
    cells = named_cells(run.params)
    wanted = {(c.group, result_key(p, c.ipc)) for c in cells for p in c.protocols}
    found = {(group, key) for group, content in run.accuracy.items() for key in content}
    for what, gap in (("are missing", wanted - found), ("are not named by params.yaml", found - wanted)):
        if gap:
            listed = ", ".join(f"{group} {key}" for group, key in sorted(gap))
            raise UserError(f"{run.name}: results in {ACCURACY} {what}: {listed}; {again}")
    evaluate = run.params.evaluate
    for group, key in sorted(wanted):
        entry = run.accuracy[group][key]
        for name, expected in (("n", evaluate.students), ("width", evaluate.width)):
            if entry[name] != expected:
                where = f"{run.name}: {group} {key}"
                raise UserError(f"{where} has {name} {entry[name]}, params.yaml says {expected}; {again}")
    _check_lock(run, cells, again)


def relevant(stage: str, cells: list[Cell]) -> bool:
    """Whether a stage, such as ``evaluate@ours-convnet3-10``, is the run's: old ones stay in `dvc.lock`."""
    _, _, item = stage.partition("@")
    words = {word for c in cells for word in (c.source, c.network, str(c.ipc))}
    return not item or set(item.split("-")) <= words


def _check_lock(run: Run, cells: list[Cell], again: str) -> None:
    """Compare what DVC recorded with params.yaml: it may have been edited after the run."""
    stale = []
    for stage, values in (run.lock or {}).items():
        if relevant(stage, cells):
            for key, value in values.items():
                try:
                    now = section(run.params, key)
                except ValueError:
                    now = None
                if now != value:
                    stale.append(f"{key} (ran with {value}, now {now})")
    if stale:
        raise UserError(f"{run.name}: params.yaml changed after the run: {', '.join(dict.fromkeys(stale))}; {again}")
