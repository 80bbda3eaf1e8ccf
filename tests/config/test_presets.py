import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gendistill.config.params import dotted, parse_params
from gendistill.config.presets import apply_preset, preset_descriptions, preset_options, read_preset
from gendistill.config.yaml12 import load_yaml
from gendistill.runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "presets"
TEXT = (ROOT / "params.yaml").read_text()
PARAMS = load_yaml(TEXT)
NAMES = sorted(preset_descriptions(FOLDER))


def test_the_promised_presets_are_there() -> None:
    promised = {f"{data}-{size}" for data in ("mnist", "fashion_mnist", "cifar10") for size in ("quick", "paper")}
    assert promised | {"digits", "folder-quick", "folder-gpu", "cifar10-paper-table2"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_fixes_every_key_but_the_runtime(name: str) -> None:
    values = read_preset(name, FOLDER)
    assert list(values) == [key for key in dotted(PARAMS) if not key.startswith("runtime.")]
    assert values["preset"] == name
    assert preset_descriptions(FOLDER)[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_legal_and_leaves_the_rest_alone(name: str) -> None:
    changed = load_yaml(apply_preset(TEXT, read_preset(name, FOLDER), name))
    parse_params(changed, name)
    assert dotted(changed) == dotted(PARAMS) | read_preset(name, FOLDER)


@pytest.mark.parametrize("name", NAMES)
def test_going_back_to_the_digits_gives_the_identical_file(name: str) -> None:
    there = apply_preset(TEXT, read_preset(name, FOLDER), name)
    assert there.count("#") == TEXT.count("#")
    assert apply_preset(there, read_preset("digits", FOLDER), "digits") == TEXT


def test_the_digits_change_nothing() -> None:
    assert apply_preset(TEXT, read_preset("digits", FOLDER), "digits") == TEXT


@pytest.mark.parametrize("name", [name for name in NAMES if "-paper" in name])
def test_paper_presets_hold_the_papers_settings(name: str) -> None:
    values = read_preset(name, FOLDER)
    grey = not name.startswith("cifar10")
    assert values["gan.steps"] == (70_200 if grey else 58_500)
    assert values["distill.steps"] == 100 * values["distill.redraw_steps"] == (93_700 if grey else 78_100)
    assert (values["loss.omega_g"], values["loss.omega_l"], values["distill.lr"]) == (0.01, 0.001, 5e-6)
    assert values["sources"] == ["cgan", "dim", "ours"]
    assert values["data.held_out"] == 0
    assert values["evaluate.width"] == values["distill.pool_width"] == 1.0


def test_an_unknown_preset_is_answered_with_the_names() -> None:
    with pytest.raises(
        UserError,
        match=r"unknown preset 'mnist-qick' \(did you mean 'mnist-quick'\?\); known are cifar10-paper,",
    ):
        read_preset("mnist-qick", FOLDER)


def test_a_folder_without_presets_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown preset 'x'; there is none in "):
        read_preset("x", tmp_path)


def test_a_preset_must_be_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("- 1\n")
    with pytest.raises(UserError, match=r"x\.yaml must hold sections and keys as params\.yaml does"):
        read_preset("x", tmp_path)


def test_an_illegal_result_is_refused() -> None:
    with pytest.raises(UserError, match=r"with x has 1 problem:\n  gan\.lr: must be > 0"):
        apply_preset(TEXT, {"gan.lr": -1.0}, "with x")


def test_options_need_no_shell_quotes_where_the_shell_takes_none_off() -> None:
    values: dict[str, Any] = {"a": [1, "x"], "b": 5e-6, "c": "", "d": True, "e": 1.0, "f": "/my/pic-tures_2/v1.0"}
    assert preset_options(values) == "-S a=[1,x] -S b=5.0e-06 -S c= -S d=true -S e=1.0 -S f=/my/pic-tures_2/v1.0"


def test_options_quote_what_needs_it() -> None:
    options = shlex.split(preset_options({"data.path": "my file's.npz", "preset": "12"}))
    assert options == ["-S", r"data.path='my file\'s.npz'", "-S", "preset='12'"]


@pytest.mark.dvc
@pytest.mark.parametrize("name", ["cifar10-paper-table2", "odd", "path"])
def test_dvc_reads_the_options_as_they_are_meant(name: str, tmp_path: Path) -> None:
    odd = {"data.path": "my file's.npz", "gan.lr": 1e-7, "evaluate.control_networks": [], "preset": "12"}
    own = {"data.path": "/some-where/12/1e3/my_pic.tures"}
    values = {"odd": odd, "path": own}.get(name) or read_preset(name, FOLDER)
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    code = "import sys\nfrom dvc.utils.hydra import apply_overrides\napply_overrides(sys.argv[1], sys.argv[2:])"
    overrides = [option for option in shlex.split(preset_options(values)) if option != "-S"]
    subprocess.run([sys.executable, "-c", code, str(path), *overrides], check=True)
    assert dotted(load_yaml(path)) == dotted(PARAMS) | values
