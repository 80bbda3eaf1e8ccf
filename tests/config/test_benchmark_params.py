"""benchmark/params.yaml: every problem in one message, rules across keys, presets that are complete and legal."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gendistill.config.benchmark import load_benchmark, parse_benchmark
from gendistill.config.benchmark_rules import broken_rules
from gendistill.config.catalogue.datasets import DATASETS
from gendistill.config.params import check_data, dotted, section
from gendistill.config.presets import apply_preset, preset_descriptions, read_preset
from gendistill.config.yaml12 import load_yaml
from gendistill.runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = load_yaml(ROOT / "benchmark/params.yaml")


@pytest.fixture
def problems() -> Callable[..., list[str]]:
    """Lines of the message for changed keys."""

    def found(changes: dict[str, Any]) -> list[str]:
        document = copy.deepcopy(DOCUMENT)
        for key, value in changes.items():
            *parents, last = key.split(".")
            holder = document
            for part in parents:
                holder = holder[part]
            holder[last] = value
        with pytest.raises(UserError) as error:
            parse_benchmark(document, "x")
        return str(error.value).splitlines()[1:]

    return found


def test_the_file_is_legal_and_holds_what_it_says():
    params = load_benchmark(ROOT / "benchmark/params.yaml")
    assert params.egm.multi_level is True
    assert params.kip_fc.jitter == 1e-6
    assert dotted(DOCUMENT)["dm.steps"] == params.dm.steps


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"methods": ["dmm"]},
            "methods: must be one of random, herding, k_center, forgetting, dm, dc, dsa, egm, kip_fc",
        ),
        ({"sets": []}, "sets: must have at least one item"),
        ({"dm.network": "resnet10_half"}, "dm.network: must be one of convnet3, resnet10, resnet18, alexnet, vgg11"),
        ({"dsa.augment": "color_zoom"}, "dsa.augment: must be none, or groups"),
        ({"evaluate.protocols": ["fresh"]}, "evaluate.protocols: must be one of fixed, fixed_plain"),
        ({"random": {"seed": 1}}, "random.seed: unknown key"),
        ({"random": None}, "random: must be {}, as it has no keys, found nothing"),
        ({"kip_fc.jitter": 0}, "kip_fc.jitter: must be > 0"),
        ({"beside": "../x"}, "beside: must be the name of a folder in results/accuracy, or ''"),
        (
            {"ipc": [1, 500], "methods": ["random"]},
            "ipc: must be <= 129, found 500: digits has no more training images a class",
        ),
        ({"matched.methods": ["dm"]}, "matched: must name methods and ipc, or neither"),
        ({"matched.methods": ["dm"], "matched.ipc": [10]}, "matched.ipc: must not repeat 10 of ipc for dm"),
        ({"egm.inner_epochs": 5}, "egm.inner_epochs: must be 0 under inner_schedule decreasing, found 5"),
        ({"evaluate.test_points": 1000}, "evaluate.test_points: must be <= "),
        ({"dm.width": 0.001}, "dm.width: must be >= 0.0078125 for convnet3, found 0.001"),
        ({"evaluate.width": 0.001}, "evaluate.width: must be >= 0.0078125 for convnet3, found 0.001"),
        ({"data.fit": "pad", "data.name": "mnist", "data.image_size": 16}, "data.fit: pad cannot bring"),
        ({"data.balanced": False}, "data.balanced: unknown key"),  # for generators; no method here draws by it
    ],
)
def test_one_mistake_is_one_line(changes, message, problems):
    lines = problems(changes)
    assert len(lines) == 1
    assert lines[0].strip().startswith(message)


def test_only_methods_that_are_asked_for_need_a_section(problems):
    document = {key: value for key, value in DOCUMENT.items() if key not in ("dm", "egm", "kip_fc")}
    document |= {"methods": ["dc"], "matched": {"methods": ["dsa"], "ipc": [50]}}
    params = parse_benchmark(document, "x")
    assert not hasattr(params, "dm")
    assert section(params, "dsa") == DOCUMENT["dsa"]
    for wanted in ({"methods": ["dm"]}, {"matched": {"methods": ["dm"], "ipc": [50]}}):
        with pytest.raises(UserError, match=r"x has 1 problem:\n  dm: is missing, expected a section$"):
            parse_benchmark(document | wanted, "x")
    assert problems({"dm": {}})[0].strip().startswith("dm.network: is missing")


def test_dcs_table_is_asked_for_its_own_ipc_only(problems):
    """IPC 7 is in no table: DC needs its loops, EGM its outer steps, the others nothing."""
    zero = {f"{method}.{key}": 0 for method in ("dc", "dsa", "egm") for key in ("outer_steps", "inner_epochs")}
    lines = [line.strip() for line in problems(zero | {"ipc": [1, 7], "methods": ["dc", "egm", "dm"]})]
    known = "must be >= 1 for IPC 7: DC's table has IPC 1, 10, 20, 30, 40, 50, 100 only"
    assert lines == [f"dc.outer_steps: {known}", f"dc.inner_epochs: {known}", f"egm.outer_steps: {known}"]
    matched = {"matched.methods": ["dsa"], "matched.ipc": [8]}
    assert [line.split(":")[0].strip() for line in problems(zero | matched)] == ["dsa.outer_steps", "dsa.inner_epochs"]


def test_all_problems_come_in_one_message(problems):
    assert len(problems({"dm.steps": 0, "kip_fc.lr": "fast", "unknown": 1})) == 3


def test_ones_own_data_are_held_against_all_rules():
    document = copy.deepcopy(DOCUMENT)
    document["data"] |= {"name": "folder", "path": "pictures", "fit": "crop", "held_out": 0}
    document |= {"ipc": [1, 10], "methods": ["random"]}
    params = parse_benchmark(document, "x")
    known = replace(DATASETS["folder"], num_classes=3, train_count=12, test_count=3, native_size=20)
    with pytest.raises(UserError) as error:
        check_data(params, known, broken_rules, "benchmark/params.yaml")
    assert str(error.value) == (
        "benchmark/params.yaml, for the images of pictures, has 1 problem:\n"
        "  ipc: must be <= 4, found 10: folder has no more training images a class"
    )
    check_data(params, replace(known, train_count=30), broken_rules)


# --- presets

FOLDER = ROOT / "benchmark/presets"
TEXT = (ROOT / "benchmark/params.yaml").read_text()
NAMES = sorted(preset_descriptions(FOLDER))


def test_the_promised_presets_are_there():
    sets = ("mnist", "fashion_mnist", "cifar10")
    wanted = {f"{name}-benchmark{end}" for name in sets for end in ("", "-paper")}
    assert set(NAMES) == {"digits-benchmark", "cifar10-random-paper", *wanted}


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_fixes_every_key_is_legal_and_can_be_left(name):
    values = read_preset(name, FOLDER)
    assert list(values) == list(dotted(DOCUMENT))
    assert values["preset"] == name
    there = apply_preset(TEXT, values, name, parse_benchmark)
    assert there.count("#") == TEXT.count("#")
    assert apply_preset(there, read_preset("digits-benchmark", FOLDER), "digits", parse_benchmark) == TEXT


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-benchmark-paper")])
def test_paper_presets_hold_the_papers_settings(name):
    values = read_preset(name, FOLDER)
    assert (values["dm.steps"], values["dm.lr"], values["dm.momentum"], values["dm.start"]) == (
        20_000,
        1.0,
        0.5,
        "real",
    )
    for method in ("dc", "dsa", "egm"):
        own = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{method}.")}
        assert (own["iterations"], own["outer_steps"], own["inner_epochs"]) == (1_000, 0, 0)
        assert (own["lr"], own["momentum"], own["inner_lr"], own["real_batch"]) == (0.1, 0.5, 0.01, 256)
        assert own["start"] == ("real" if method == "dsa" else "noise")
        assert (own["augment"] == "none") == (method != "dsa")
        assert own["multi_level"] == (own["distance"] == "cosine_euclidean") == (method == "egm")
        assert own["inner_momentum"] == (0.5 if method == "egm" else 0.0)
    grey = "mnist-" in name
    assert ("flip" in values["dsa.augment"]) == ("flip" in values["recipe.augment"]) == (not name.startswith("mnist"))
    assert values["evaluate.plain_epochs"] == (1_000 if name.startswith("mnist") else 300)
    # a generator of 13.1 MB (grey) or 14.2 MB in uint8 images and in float32 images
    image = (1 if grey else 3) * 32 * 32 * 10
    size = 13.1e6 if grey else 14.2e6
    assert values["matched.ipc"] == [pytest.approx(size / image / 4, rel=0.03), pytest.approx(size / image, rel=0.03)]


@pytest.mark.parametrize("name", NAMES)
def test_herding_and_k_center_choose_with_one_network(name):
    document = load_yaml(FOLDER / f"{name}.yaml")
    assert document["herding"] == document["k_center"]
