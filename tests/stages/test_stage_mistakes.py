"""What a user can get wrong ends with one message, status 2, and no file written."""

import re
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

NewProject = Callable[..., Path]
RunStage = Callable[..., Any]
SetParams = Callable[..., None]
OURS = ("--source", "ours")
EVALUATE = ("evaluate", *OURS, "--ipc", "1")
NO_DATA = "data/prepared/info.json does not exist: run `dvc repro prepare` first\n"


@pytest.fixture
def empty(tmp_path: Path, new_project: NewProject) -> Path:
    """A project in which nothing has run."""
    return new_project(tmp_path / "project")


@pytest.fixture
def full(tmp_path: Path, finished: Path) -> Path:
    """A copy of the project in which everything has run."""
    return shutil.copytree(finished, tmp_path / "project")


def contents(folder: Path) -> dict[str, bytes | None]:
    """The bytes of every file; None for folders, since an empty one is left behind too."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def refused(run_stage: RunStage, folder: Path, *command: str) -> str:
    """Run a stage that must end with status 2 and change nothing; what it says."""
    before = contents(folder)
    result = run_stage(folder, *command)
    assert result.exit_code == 2, (result.output, result.exception)
    assert contents(folder) == before
    said: str = result.output
    assert "Traceback" not in said
    return said


# --- the order of the stages


@pytest.mark.parametrize(
    "command",
    [
        ("train_gan",),
        ("distill", *OURS),
        ("package", *OURS),
        EVALUATE,
        ("evaluate_control", "--control", "real", "--ipc", "1"),
        ("evaluate_control", "--control", "whole"),
        ("quality",),
        ("report",),
    ],
    ids=" ".join,
)
def test_nothing_works_before_prepare(empty: Path, run_stage: RunStage, command: tuple[str, ...]) -> None:
    assert refused(run_stage, empty, *command).endswith(NO_DATA)


@pytest.mark.parametrize(
    ("removed", "command", "message"),
    [
        ("data/gan", ("distill", *OURS), "data/gan/state.safetensors does not exist; run `dvc repro train_gan` first"),
        ("data/distilled", ("package", *OURS), "data/distilled/ours holds no generator; run `dvc repro distill` first"),
        ("data/artifacts", ("generate", *OURS, "--ipc", "1"), "data/artifacts/ours.safetensors does not exist"),
        ("data/artifacts", ("quality",), "data/artifacts/ours.safetensors does not exist"),
        ("data/artifacts", EVALUATE, "data/artifacts/ours.safetensors does not exist"),
        ("data/synthetic", EVALUATE, "data/synthetic/ours/ipc1.safetensors does not exist; run `dvc repro generate`"),
        ("data/cells/real-convnet3-ipc1.json", ("report",), "run `dvc repro evaluate_real` first"),
        ("metrics/gan_losses.csv", ("report",), "train_gan"),
        ("metrics/distill_losses", ("report",), "distill"),
    ],
    ids=[
        "gan",
        "distilled",
        "artifact, generate",
        "artifact, quality",
        "artifact, evaluate",
        "synthetic",
        "cell",
        "curve",
        "curves",
    ],
)
def test_a_stage_names_what_must_run_first(
    full: Path, run_stage: RunStage, removed: str, command: tuple[str, ...], message: str
) -> None:
    path = full / removed
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert message in refused(run_stage, full, *command)


# --- what params.yaml does not name


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("distill", "--source", "dim"), "--source dim is not in params.yaml, which names: ours\n"),
        (("package", "--source", "real"), "--source real is not in params.yaml, which names: ours\n"),
        (("generate", "--source", "x", "--ipc", "1"), "--source x is not in params.yaml, which names: ours\n"),
        (("generate", *OURS, "--ipc", "10"), "--ipc 10 is not in params.yaml, which names: 1\n"),
        ((*EVALUATE, "--network", "vgg11"), "--network vgg11 is not in params.yaml, which names: convnet3\n"),
        (("evaluate", *OURS, "--ipc", "2"), "--ipc 2 is not in params.yaml, which names: 1\n"),
        (("evaluate_control", "--control", "real", "--ipc", "2"), "--ipc 2 is not in params.yaml, which names: 1\n"),
        (
            ("evaluate_control", "--control", "whole", "--network", "resnet10"),
            "--network resnet10 is not in params.yaml, which names: convnet3\n",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_cells_outside_params_are_not_made(
    full: Path, run_stage: RunStage, command: tuple[str, ...], message: str
) -> None:
    assert refused(run_stage, full, *command) == message


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("evaluate_control", "--control", "fake"), "fake is no control; expected real, random or whole"),
        (("generate", *OURS, "--ipc", "0"), "--ipc"),
        (("train_gan", "--time-limit", "-1"), "--time-limit"),
        (("prepare", "--nonsense"), "nonsense"),
    ],
    ids=["control", "ipc", "time limit", "option"],
)
def test_options_are_checked(full: Path, run_stage: RunStage, command: tuple[str, ...], words: str) -> None:
    assert words in " ".join(refused(run_stage, full, *command).replace("│", " ").split())


# --- params.yaml and dvc.yaml


@pytest.mark.parametrize("command", [("prepare",), ("train_gan",), EVALUATE, ("report",)], ids=lambda value: value[0])
def test_every_problem_of_params_is_told_at_once(full: Path, run_stage: RunStage, command: tuple[str, ...]) -> None:
    path = full / "params.yaml"
    text = path.read_text().replace("  steps: 4 ", "  steps: many ").replace("conditioning: ", "conditionning: ")
    path.write_text(text)
    said = refused(run_stage, full, *command)
    assert said.startswith("params.yaml has 3 problems:\n")
    assert "gan.steps: must be a whole number, found 'many'" in said
    assert "gan.conditioning: is missing" in said
    assert "gan.conditionning: unknown key (did you mean 'conditioning'?)" in said


def test_missing_files_of_the_project_are_told(full: Path, run_stage: RunStage) -> None:
    (full / "dvc.yaml").rename(full / "pipeline")
    assert "dvc.yaml is not in" in refused(run_stage, full, "train_gan")
    (full / "params.yaml").unlink()
    assert refused(run_stage, full, "train_gan").startswith("params.yaml does not exist; run the command in the")


def test_more_held_out_images_than_there_are(empty: Path, run_stage: RunStage, set_params: SetParams) -> None:
    set_params(empty, {"data.held_out": 1437})
    assert "data.held_out: must be < 1437 (training images of digits)" in refused(run_stage, empty, "prepare")
    set_params(empty, {"data.held_out": 0, "data.name": "npz", "data.path": "absent.npz"})
    assert "absent.npz" in refused(run_stage, empty, "prepare")


def test_a_data_set_that_cannot_be_downloaded(
    empty: Path, run_stage: RunStage, set_params: SetParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", fail)
    set_params(empty, {"data.name": "cifar10", "data.image_size": 32})
    assert "cifar-10-python.tar.gz" in refused(run_stage, empty, "prepare")


def test_a_device_that_is_not_here(full: Path, run_stage: RunStage, set_params: SetParams) -> None:
    set_params(full, {"runtime.device": "cuda:77"})
    for command in (("train_gan",), ("generate", *OURS, "--ipc", "1")):
        assert "runtime.device: cuda:77 was asked for" in refused(run_stage, full, *command)


def test_compiling_without_a_compiler(full: Path, run_stage: RunStage, set_params: SetParams) -> None:
    import torch
    from torch._inductor import config

    torch._dynamo.reset()  # what another test compiled would do without a compiler
    set_params(full, {"runtime.compile": True})
    with config.patch({"cpp.cxx": ("/nowhere/g++",)}):  # pytest's monkeypatch would leave torch without the setting
        refusals = [refused(run_stage, full, *command) for command in (("train_gan",), ("distill", *OURS), EVALUATE)]
    for refusal in refusals:
        said = refusal.splitlines()[-1]  # a line of torch may stand before
        assert "runtime.compile: true was asked for, and torch.compile fails here on cpu (" in said
        assert "No working C++ compiler found" in said
        assert "install them, or set runtime.compile to false" in said


# --- damaged files


def flip(path: Path) -> None:
    """Change one byte of the last tensor."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    """Keep the first half."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("damage", [flip, cut])
@pytest.mark.parametrize("command", [("generate", *OURS, "--ipc", "1"), EVALUATE], ids=lambda value: value[0])
def test_a_damaged_artifact_is_refused(
    full: Path, run_stage: RunStage, command: tuple[str, ...], damage: Callable[[Path], None]
) -> None:
    damage(full / "data/artifacts/ours.safetensors")
    said = refused(run_stage, full, *command)
    assert said.startswith("data/artifacts/ours.safetensors")
    assert "get it again" in said


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("data/prepared/train.safetensors", ("train_gan",)),
        ("data/prepared/test.safetensors", EVALUATE),
        ("data/prepared/info.json", ("distill", *OURS)),
        ("data/gan/state.safetensors", ("distill", *OURS)),
        ("data/distilled/ours/step3.safetensors", ("package", *OURS)),
        ("data/synthetic/ours/ipc1.safetensors", EVALUATE),
        ("data/cells/whole-convnet3.json", ("report",)),
    ],
    ids=["train", "test", "info", "gan", "snapshot", "synthetic", "cell"],
)
def test_half_a_file_is_refused_by_name(full: Path, run_stage: RunStage, file: str, command: tuple[str, ...]) -> None:
    cut(full / file)
    assert file in refused(run_stage, full, *command)


def test_a_gan_of_other_parameters_is_refused(full: Path, run_stage: RunStage, set_params: SetParams) -> None:
    set_params(full, {"gan.width": 16})
    said = refused(run_stage, full, "distill", *OURS)
    assert said.startswith("data/gan/state.safetensors does not fit params.yaml, section gan")
    assert said.endswith("run `dvc repro train_gan`\n")


def test_a_gan_without_the_average_is_refused(full: Path, run_stage: RunStage) -> None:
    path = full / "data/gan/state.safetensors"
    save_file({name: value for name, value in load_file(path).items() if not name.startswith("average/")}, path)
    assert "does not fit params.yaml" in refused(run_stage, full, "distill", *OURS)


# --- losses that are not finite


def test_a_diverging_gan_stops_with_its_step_and_terms(full: Path, run_stage: RunStage, set_params: SetParams) -> None:
    set_params(full, {"gan.lr": 1.0e30, "gan.steps": 12})
    said = refused(run_stage, full, "train_gan")
    assert "train_gan: the loss is not finite at step " in said
    assert "(terms: " in said


# --- a full disk


@pytest.mark.parametrize(
    ("command", "file"),
    [
        pytest.param(("train_gan",), "data/gan/state.safetensors"),
        pytest.param(("distill", *OURS), "data/distilled/ours"),
        pytest.param(("package", *OURS), "data/artifacts/ours.safetensors"),
        pytest.param(("generate", *OURS, "--ipc", "1"), "data/synthetic/ours/ipc1"),  # the set or its picture
        (("prepare",), "data/prepared"),
        (("report",), "data/report/samples.png"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_an_output_that_finds_no_room_is_named(
    full: Path, run_stage: RunStage, command: tuple[str, ...], file: str
) -> None:
    """No file may grow beyond 2000 bytes: the first write that does not fit fails in its middle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        result = run_stage(full, *command)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert result.exit_code == 2, repr(result.exception)
    assert re.search(
        rf"{re.escape(file)}\S*: cannot be written: the file is larger than a file may be here", result.output
    )
    assert not list(full.rglob("*.tmp"))
