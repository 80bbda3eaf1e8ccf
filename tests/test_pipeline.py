"""dvc.yaml against the code: dependencies are the imports, parameters are those of params.yaml, arrows go down."""

import ast
import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gendistill.config.catalogue.networks import NETWORKS
from gendistill.config.catalogue.protocols import PROTOCOLS
from gendistill.config.catalogue.sources import GENERATED_SOURCES
from gendistill.config.methods import METHODS
from gendistill.config.params import dotted, flatten, load_params
from gendistill.config.yaml12 import load_yaml

ROOT = Path(__file__).resolve().parents[1]
STAGES: dict[str, dict[str, Any]] = load_yaml(ROOT / "dvc.yaml")["stages"]
COMMANDS = sorted(path.stem for path in (ROOT / "stages").glob("*.py") if path.stem != "__init__")
PARAMS = load_params(ROOT / "params.yaml")

# --- code dependencies


def is_plumbing(file: str) -> bool:
    """Whether a module cannot change a result, so that editing it need not re-run anything."""
    kept = ("src/gendistill/runtime/seeds.py", "src/gendistill/runtime/streams.py")
    if file.startswith("src/gendistill/runtime/"):
        return file not in kept
    return file.startswith("src/gendistill/config/") or file in ("src/gendistill/__init__.py", "stages/__init__.py")


@functools.cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text())


def modules(root: Path, name: str) -> Iterator[Path]:
    """Files of ours that importing the dotted `name` runs: the packages above it and itself; empty ones do nothing."""
    parts = name.split(".")
    base = {"gendistill": root / "src", "stages": root}.get(parts[0])
    for length in range(1, len(parts) + 1) if base else ():
        stem = base.joinpath(*parts[:length]) if base else root
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.is_file() and path.read_text().strip():
                yield path


def imported_names(root: Path, path: Path, *, top_only: bool = False) -> Iterator[str]:
    """Dotted names in a file's import statements, those inside functions too unless `top_only`."""
    home = root / "src" if path.is_relative_to(root / "src") else root
    package = path.relative_to(home).parts[:-1]
    for node in top_statements(path) if top_only else ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Name) and node.id == "resolve_name":  # a registry's function
            yield from (info.function.partition(":")[0] for info in METHODS.values())


def top_statements(path: Path) -> Iterator[ast.AST]:
    """What importing the file runs: statements outside functions and outside ``if TYPE_CHECKING``."""
    waiting: list[ast.AST] = [parsed(path)]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        waiting.extend(ast.iter_child_nodes(node))


def closure(root: Path, script: Path, *, top_only: bool = False) -> set[Path]:
    """The script and every file of ours that it reaches by imports."""
    reached, waiting = set(), [script]
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        for name in imported_names(root, path, top_only=top_only):
            waiting.extend(modules(root, name))
    return reached


def gap(root: Path, stage: str, entry: dict[str, Any]) -> str:
    """What is wrong with the code dependencies of a stage, as lines to add and to remove; empty if nothing is."""
    script = root / (entry["cmd"].split()[2].replace(".", "/") + ".py")
    names = {path.relative_to(root).as_posix() for path in closure(root, script)}
    wanted = {name for name in names if not is_plumbing(name)}
    listed = [dep for dep in entry["deps"] if dep.endswith(".py")]
    rooms = [dep for dep in entry["deps"] if dep.startswith("src/gendistill/") and not dep.endswith(".py")]
    wanted = {_room_of(name, rooms) for name in wanted}
    listed += rooms
    lines = [f"dvc.yaml, stage {stage}, deps: add      - {name}" for name in sorted(wanted - set(listed))]
    lines += [f"dvc.yaml, stage {stage}, deps: remove   - {name}" for name in sorted(set(listed) - wanted)]
    twice = sorted({name for name in listed if listed.count(name) > 1})
    return "\n".join(lines + [f"dvc.yaml, stage {stage}, deps: twice    - {name}" for name in twice])


def _room_of(name: str, rooms: list[str]) -> str:
    """The listed room that a file lies in, which stands for it; else the file."""
    return next((room for room in rooms if name.startswith(f"{room}/")), name)


@pytest.mark.parametrize("stage", STAGES)
def test_code_dependencies_are_the_imports(stage: str) -> None:
    problems = gap(ROOT, stage, STAGES[stage])
    assert not problems, f"\n{problems}"


def test_a_gap_is_named_line_by_line() -> None:
    entry = dict(STAGES["generate"])
    listed = [dep for dep in entry["deps"] if dep != "src/gendistill/networks/latent.py"]
    entry["deps"] = [*listed, "src/gendistill/gan/ema.py", "stages/generate.py"]
    assert gap(ROOT, "generate", entry).splitlines() == [
        "dvc.yaml, stage generate, deps: add      - src/gendistill/networks/latent.py",
        "dvc.yaml, stage generate, deps: remove   - src/gendistill/gan/ema.py",
        "dvc.yaml, stage generate, deps: twice    - stages/generate.py",
    ]


def test_a_room_stands_for_its_files() -> None:
    entry = dict(STAGES["generate"])
    others = [dep for dep in entry["deps"] if not dep.startswith("src/gendistill/networks/")]
    entry["deps"] = [*others, "src/gendistill/networks"]
    assert gap(ROOT, "generate", entry) == ""
    entry["deps"] = [*entry["deps"], "src/gendistill/networks/latent.py", "src/gendistill/gan"]
    assert gap(ROOT, "generate", entry).splitlines() == [
        "dvc.yaml, stage generate, deps: remove   - src/gendistill/gan",
        "dvc.yaml, stage generate, deps: remove   - src/gendistill/networks/latent.py",
    ]


def test_every_form_of_import_is_followed(tmp_path: Path) -> None:
    package = tmp_path / "src/gendistill"
    (package / "room").mkdir(parents=True)
    (tmp_path / "stages").mkdir()
    (package / "__init__.py").write_text('"""Not empty, but plumbing."""')
    (package / "room/__init__.py").write_text("from . import sibling")
    for name in ("a", "b", "c", "d", "sibling", "unused"):
        (package / f"room/{name}.py").write_text("import json\n")
    (package / "room/d.py").write_text("from .c import x\nfrom gendistill.config import absent\n")
    (tmp_path / "stages/s.py").write_text(
        "import gendistill.room.a as short\nfrom gendistill.room import b\n"
        "def main():\n    if True:\n        from gendistill.room.d import name\n"
    )
    missing = gap(tmp_path, "s", {"cmd": "python -m stages.s", "deps": ["stages/s.py"]}).splitlines()
    assert [line.rpartition("/")[2] for line in missing] == [
        "__init__.py", "a.py", "b.py", "c.py", "d.py", "sibling.py",
    ]  # fmt: skip


# --- the graph


def test_stages_that_others_rely_on() -> None:
    """Origins, messages and documents name these."""
    assert list(STAGES) == [
        "prepare", "train_gan", "distill", "package", "generate", "evaluate", "evaluate_real", "evaluate_random",
        "evaluate_whole", "quality", "report",
    ]  # fmt: skip
    assert set(GENERATED_SOURCES) == {"ours", "dim", "continued", "cgan"}
    assert set(PROTOCOLS) == {"fresh", "fixed", "fixed_plain"}
    assert {"convnet3", "resnet10", "resnet18", "alexnet", "vgg11"} <= set(NETWORKS)


@pytest.mark.parametrize("stage", STAGES)
def test_data_dependencies_are_outputs(stage: str) -> None:
    def outputs(entry: dict[str, Any]) -> Iterator[str]:
        for out in (*entry.get("outs", ()), *entry.get("plots", ()), *entry.get("metrics", ())):
            yield next(iter(out)) if isinstance(out, dict) else out

    made = {out for other, entry in STAGES.items() if other != stage for out in outputs(entry)}
    for dep in STAGES[stage]["deps"]:
        if not dep.endswith(".py") and dep != "presets":  # which are of the checkout
            assert any(out == dep or out.startswith(f"{dep}/") for out in made), f"{stage}: no stage writes {dep}"


@pytest.mark.parametrize("stage", STAGES)
def test_matrix_keys_are_options_of_the_command(stage: str) -> None:
    entry = STAGES[stage]
    command = entry["cmd"].split()
    assert command[:2] == ["python", "-m"]
    for key, values in entry.get("matrix", {}).items():
        assert command[command.index(f"--{key}") + 1] == f"${{item.{key}}}"
        assert isinstance(flatten(PARAMS)[values.removeprefix("${").removesuffix("}")], list)


def test_no_output_turns_the_run_cache_off() -> None:
    """An output that is neither metric nor plot with `cache: false`, or a `persist`, would (DVC 3)."""
    for stage, entry in STAGES.items():
        assert all(isinstance(out, str) for out in entry.get("outs", ())), stage


# --- parameters


def keys_of(stage: str) -> list[str]:
    return [str(key) for key in STAGES[stage].get("params", ())]


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_of_a_stage_exist(stage: str) -> None:
    document = load_yaml(ROOT / "params.yaml")
    known = {*document, *dotted(document)}
    assert set(keys_of(stage)) <= known
    assert len(set(keys_of(stage))) == len(keys_of(stage))


def test_what_changes_no_result_is_tracked_by_no_stage() -> None:
    for stage in STAGES:
        assert not [key for key in keys_of(stage) if key.split(".")[0] in ("runtime", "preset")], stage


def test_every_other_parameter_is_tracked() -> None:
    tracked = {key for stage in STAGES for key in keys_of(stage)}
    # the lists of a matrix decide which cells there are; DVC follows them by the cells
    tracked |= {values[2:-1] for entry in STAGES.values() for values in entry.get("matrix", {}).values()}
    for key in flatten(PARAMS):
        if key.split(".")[0] not in ("runtime", "preset"):
            assert key in tracked or key.split(".")[0] in tracked, f"no stage tracks {key}"


# --- the rooms

BASE = {"config", "runtime"}
MAY_IMPORT = {
    "config": BASE,
    "runtime": BASE,
    "data": BASE,
    "augment": BASE,
    "networks": BASE,
    "artifact": BASE | {"data", "networks"},
    "gan": BASE | {"data", "augment", "networks", "artifact"},
    # the one arrow sideways: distillation goes on with the training of the GAN
    "matching": BASE | {"data", "augment", "networks", "artifact", "gan"},
    "baselines": BASE | {"data", "augment", "networks", "artifact"},
    "evaluation": BASE | {"data", "augment", "networks", "artifact"},
    "reporting": BASE | {"data", "artifact"},
    "cli": BASE | {"data", "artifact", "evaluation", "reporting"},
    "estimate": BASE | {"data", "networks", "gan", "matching", "evaluation"},  # does what the stages do; none knows it
}
WITHOUT_TORCH = ("cli", "config", "reporting")
PLUMBING_WITHOUT_TORCH = ("errors", "files", "home", "progress", "seeds", "stage", "stopping", "tracked")


def test_every_room_has_a_place() -> None:
    assert {path.parent.name for path in (ROOT / "src/gendistill").glob("*/*.py")} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_arrows_go_down(room: str) -> None:
    for path in sorted((ROOT / "src/gendistill" / room).glob("*.py")):
        for name in imported_names(ROOT, path):
            parts = name.split(".")
            assert parts[0] != "stages", f"{path}: imports a stage"
            if parts[0] == "gendistill" and len(parts) > 1 and parts[1] != room:
                assert parts[1] in MAY_IMPORT[room], f"{path.relative_to(ROOT)}: {room} must not import {name}"


def test_no_stage_imports_another() -> None:
    for path in (ROOT / "stages").glob("*.py"):
        assert not [name for name in imported_names(ROOT, path) if name.split(".")[0] == "stages"], path


def test_what_lists_checks_and_prints_imports_no_torch() -> None:
    library = ROOT / "src/gendistill"
    roots = [path for room in WITHOUT_TORCH for path in (library / room).glob("*.py")]
    roots += [library / f"runtime/{name}.py" for name in PLUMBING_WITHOUT_TORCH]
    roots += (ROOT / "stages").glob("*.py")
    for root in roots:
        for path in closure(ROOT, root, top_only=True):
            heavy = [
                n for n in imported_names(ROOT, path, top_only=True) if n.split(".")[0] in ("torch", "torchvision")
            ]
            assert not heavy, f"{root.relative_to(ROOT)} imports torch through {path.relative_to(ROOT)}"


def test_packages_import_nothing() -> None:
    for path in (ROOT / "src/gendistill").rglob("__init__.py"):
        top = path.parent.name == "gendistill"  # gives what `gendistill.load` is when it is asked for
        assert list(imported_names(ROOT, path)) == (["importlib"] if top else []), path


# --- commands that compute nothing answer at once

BESIDE = ("estimate", "page", "preset", "publish", "sweep")  # no stages of dvc.yaml

ANSWERS = """
import importlib, json, sys
from pathlib import Path
import typer
from typer.testing import CliRunner
from gendistill.config.edit import replace_values

answers = {}
for name in sys.argv[1:]:
    app = typer.Typer()
    app.command()(importlib.import_module(f"stages.{name}").main)
    def ask(title, *options):
        result = CliRunner().invoke(app, list(options))
        answers[f"{name} {title}"] = [result.exit_code, "torch" in sys.modules, result.output]
    ask("help", "--help")
    if name in ("estimate", "page", "preset", "publish", "sweep"):
        continue
    ask("dry run", "--dry-run")
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(replace_values(text, {"seed": -1, "gan.beta1": 1.0}, "params.yaml"))
    ask("broken params")
    Path("params.yaml").write_text(text)
    if name in ("distill", "package", "generate", "evaluate", "evaluate_control"):
        ask("unknown item", "--network" if name == "evaluate_control" else "--source", "nonsense")
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, bool, str]]:
    """Of every stage: exit status, whether torch was imported by then, and output; all from one process."""
    folder = tmp_path_factory.mktemp("answers")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, folder)
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'src')!r}]\n{ANSWERS}"
    done = subprocess.run(
        [sys.executable, "-c", code, *COMMANDS], cwd=folder, capture_output=True, text=True, check=True
    )
    assert sorted(path.name for path in folder.iterdir()) == ["dvc.yaml", "params.yaml"], "something was written"
    found: dict[str, tuple[int, bool, str]] = json.loads(done.stdout)
    return found


def test_no_answer_needs_torch(answers: dict[str, tuple[int, bool, str]]) -> None:
    assert not [question for question, (_, torch, _) in answers.items() if torch]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_there(command: str, answers: dict[str, tuple[int, bool, str]]) -> None:
    status, _, output = answers[f"{command} help"]
    assert status == 0
    assert "Usage" in output


@pytest.mark.parametrize(
    "command", [name for name in COMMANDS if name not in ("estimate", "page", "preset", "publish", "sweep")]
)
def test_stages_check_params_first(command: str, answers: dict[str, tuple[int, bool, str]]) -> None:
    status, _, output = answers[f"{command} broken params"]
    assert status == 2
    assert output.startswith("params.yaml has 2 problems:\n  seed: must be >= 0")
    assert "gan.beta1" in output
    status, _, output = answers[f"{command} dry run"]
    assert status == 0
    shown = json.loads(output)
    assert shown["stage"].split("@")[0] in STAGES
    assert "data" in shown["params"] or "seed" in shown["params"]


def test_unknown_matrix_values_are_refused_with_the_legal_ones(answers: dict[str, tuple[int, bool, str]]) -> None:
    found = {question.split()[0]: answer for question, answer in answers.items() if question.endswith("unknown item")}
    assert len(found) == 5
    for command, (status, _, output) in found.items():
        assert status == 2
        control = command == "evaluate_control"
        option, legal = ("network", PARAMS.evaluate.control_networks) if control else ("source", PARAMS.sources)
        assert output == f"--{option} nonsense is not in params.yaml, which names: {', '.join(legal)}\n"


def test_commands_start_from_a_plain_checkout() -> None:
    """``python -m`` alone finds the library: no installation, no PYTHONPATH."""
    done = subprocess.run(
        [sys.executable, "-m", "stages.evaluate", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--ipc" in done.stdout


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")
def test_dvc_finds_all_metrics_of_a_checkout() -> None:
    """One that is declared and not there spoils every `dvc metrics diff`."""
    shown = subprocess.run(
        [sys.executable, "-m", "dvc", "metrics", "show", "--json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "failed" not in shown.stderr + shown.stdout
    assert "metrics/accuracy/ours-convnet3.json" in shown.stdout
