import json
import subprocess
import sys
from copy import deepcopy
from dataclasses import FrozenInstanceError, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from gendistill.config import benchmark, schema
from gendistill.config.checks import annotations
from gendistill.config.params import flatten, load_params, parse_params, section
from gendistill.config.yaml12 import load_yaml
from gendistill.runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
DIGITS = load_yaml(ROOT / "presets" / "digits.yaml") | {"runtime": load_yaml(ROOT / "params.yaml")["runtime"]}


def changed(**values: Any) -> dict[str, Any]:
    """The digits document with other values; `gan__lr=1` sets gan.lr."""
    document = deepcopy(DIGITS)
    for key, value in values.items():
        head, _, tail = key.partition("__")
        if tail:
            document[head][tail] = value
        else:
            document[head] = value
    return document


def refused(document: Any) -> str:
    with pytest.raises(UserError) as caught:
        parse_params(document, "params.yaml")
    return str(caught.value)


def test_the_committed_file_is_legal() -> None:
    params = load_params(ROOT / "params.yaml")
    assert params.gan.beta1 == 0.0
    assert isinstance(params.evaluate.ipc, tuple)


def test_an_int_becomes_a_float_where_one_is_expected() -> None:
    penalty = parse_params(changed(gan__gradient_penalty=10), "x").gan.gradient_penalty
    assert type(penalty) is float


def test_sections_are_frozen() -> None:
    params = parse_params(DIGITS, "x")
    with pytest.raises(FrozenInstanceError):
        params.gan.lr = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    "cls",
    [
        value
        for module in (schema, benchmark)
        for value in vars(module).values()
        if isinstance(value, type) and is_dataclass(value) and value.__module__ == module.__name__
    ],
)
def test_every_field_is_documented(cls: type) -> None:
    documented = "".join(f"\n    {base.__doc__}" for base in cls.__mro__ if is_dataclass(base))
    for name, kind in annotations(cls).items():
        assert is_dataclass(kind) or f"\n        {name}: " in documented, name  # a section has its own text


DIFF = "must be none, or groups joined by `_`, of color, crop, cutout, flip"
ONE_VALUE: list[tuple[dict[str, Any], str]] = [
    ({"loss__omega_l": -1}, "loss.omega_l: must be >= 0, found -1"),
    ({"gan__lr": 0}, "gan.lr: must be > 0, found 0"),
    ({"gan__lr": "fast"}, "gan.lr: must be a number, found 'fast'"),
    ({"gan__lr": float("nan")}, "gan.lr: must be a finite number, found .nan"),
    ({"gan__lr": float("inf")}, "gan.lr: must be a finite number, found .inf"),
    ({"gan__lr": 10**400}, "gan.lr: must be a finite number, found 1000"),
    ({"gan__lr": True}, "gan.lr: must be a number, found true"),
    ({"gan__lr": None}, "gan.lr: must be a number, found nothing"),
    ({"gan__beta1": 1.0}, "gan.beta1: must be >= 0 and < 1, found 1.0"),
    ({"gan__ema": -0.1}, "gan.ema: must be >= 0 and < 1, found -0.1"),
    ({"gan__steps": 900.0}, "gan.steps: must be a whole number, found 900.0"),
    ({"gan__steps": True}, "gan.steps: must be a whole number, found true"),
    ({"gan__steps": 0}, "gan.steps: must be >= 1, found 0"),
    ({"distill__steps": 0}, "distill.steps: must be >= 1, found 0"),
    ({"distill__redraw_steps": 0}, "distill.redraw_steps: must be >= 1, found 0"),
    ({"gan__batch_size": 1}, "gan.batch_size: must be >= 2, found 1"),
    ({"distill__batch_size": 1}, "distill.batch_size: must be >= 2, found 1"),
    ({"distill__train_discriminator": 1}, "distill.train_discriminator: must be true or false, found 1"),
    ({"data__image_size": 20}, "data.image_size: must be one of 16, 32, 64, 128, found 20"),
    (
        {"data__name": "mnst"},
        "data.name: must be one of digits, mnist, fashion_mnist, cifar10, cifar100, svhn, npz, folder "
        "(did you mean 'mnist'?), found 'mnst'",
    ),
    ({"gan__objective": "lsgan"}, "gan.objective: must be one of wgan_gp, hinge, minimax, found 'lsgan'"),
    ({"gan__conditioning": "add"}, "gan.conditioning: must be one of overwrite, concat, embed, found 'add'"),
    ({"data__fit": "stretch"}, "data.fit: must be one of pad, resize, crop, found 'stretch'"),
    ({"data__channels": 2}, "data.channels: must be one of auto, 1, 3, found 2"),
    ({"data__channels": True}, "data.channels: must be a whole number or a name, found true"),
    ({"data__path": None}, "data.path: must be text, found nothing"),
    ({"loss__global_logits": "x"}, "loss.global_logits: must be one of log_softmax, raw, found 'x'"),
    ({"loss__global_reduction": "x"}, "loss.global_reduction: must be one of mean, sum, found 'x'"),
    (
        {"loss__local_form": "l2"},
        "loss.local_form: must be one of batch_mean_l2, batch_mean_l1, class_mean_l2, paired_l2",
    ),
    ({"generate__select": "best"}, "generate.select: must be one of last, held_out, found 'best'"),
    ({"preset": 3}, "preset: must be text, found 3; write it in quotes: '3'"),
    ({"preset": "a/b"}, "preset: must be a name of letters, digits, `.`, `_` and `-`, found 'a/b'"),
    ({"seed": -1}, "seed: must be >= 0, found -1"),
    ({"sources": []}, "sources: must have at least one item, found []"),
    ({"sources": ["cgan", "cgan"]}, "sources: must not repeat 'cgan', found ['cgan', 'cgan']"),
    ({"sources": ["real"]}, "sources: must be one of cgan, continued, dim, ours, found 'real'"),
    ({"evaluate__networks": []}, "evaluate.networks: must have at least one item, found []"),
    (
        {"evaluate__networks": "convnet3"},
        "evaluate.networks: must be a list, found 'convnet3'; write it in brackets: [convnet3]",
    ),
    ({"evaluate__networks": None}, "evaluate.networks: must be a list, found nothing"),
    ({"evaluate__networks": ["resnet"]}, "evaluate.networks: must be one of convnet3, resnet10,"),
    ({"evaluate__ipc": 10}, "evaluate.ipc: must be a list, found 10; write it in brackets: [10]"),
    ({"evaluate__ipc": [0]}, "evaluate.ipc: must be >= 1, found 0"),
    ({"evaluate__ipc": []}, "evaluate.ipc: must have at least one item, found []"),
    ({"evaluate__ipc": [1, 1]}, "evaluate.ipc: must not repeat 1, found [1, 1]"),
    ({"evaluate__ipc": ["1"]}, "evaluate.ipc: must be a whole number, found '1'"),
    ({"evaluate__ipc": [[1]]}, "evaluate.ipc: must be a whole number, found [1]"),
    ({"evaluate__protocols": []}, "evaluate.protocols: must have at least one item, found []"),
    (
        {"evaluate__protocols": ["frech"]},
        "evaluate.protocols: must be one of fresh, fixed, fixed_plain (did you mean 'fresh'?), found 'frech'",
    ),
    ({"evaluate__width": 0.0}, "evaluate.width: must be > 0, found 0.0"),
    (
        {"gan__augment": "scale"},
        f"gan.augment: {DIFF}; 'scale' is none of them, found 'scale'",
    ),
    ({"distill__match_augment": "none_crop"}, "distill.match_augment: must be none, or groups"),
    (
        {"distill__inner_augment": "clor"},
        f"distill.inner_augment: {DIFF}; 'clor' is none of them (did you mean 'color'?)",
    ),
    (
        {"recipe__fresh_augment": "crop_crop"},
        f"recipe.fresh_augment: {DIFF}; 'crop' is named 2 times",
    ),
    (
        {"recipe__whole_augment": "rotate"},
        f"recipe.whole_augment: {DIFF}; 'rotate' is none",
    ),
    (
        {"recipe__fixed_augment": "zoom"},
        f"recipe.fixed_augment: {DIFF}, scale, rotate; 'zoom'",
    ),
    ({"recipe__plain_augment": ""}, "recipe.plain_augment: must be none, or groups"),
    ({"runtime__threads": -1}, "runtime.threads: must be >= 0, found -1"),
    ({"runtime__threads": 100_000}, "runtime.threads: must be <= 1024, found 100000"),
    ({"runtime__resident_limit_mib": -1}, "runtime.resident_limit_mib: must be >= 0, found -1"),
    ({"runtime__log_seconds": -1}, "runtime.log_seconds: must be >= 0, found -1"),
    (
        {"runtime__device": "gpu"},
        "runtime.device: must be auto, cpu, cuda, cuda:<number> or mps, found 'gpu'",
    ),
    ({"runtime__precision": "fp16"}, "runtime.precision: must be one of auto, fp32, bf16"),
    ({"runtime__data_root": " "}, "runtime.data_root: must be text that is not empty, found ' '"),
    ({"runtime__time_limit_minutes": "1h"}, "runtime.time_limit_minutes: must be a number, found '1h'"),
]


@pytest.mark.parametrize(("values", "line"), ONE_VALUE, ids=[line.split(",")[0] for _, line in ONE_VALUE])
def test_an_illegal_value_is_the_one_problem(values: dict[str, Any], line: str) -> None:
    message = refused(changed(**values))
    assert message.startswith("params.yaml has 1 problem:\n  ")
    assert message.count("\n") == 1
    assert message.splitlines()[1].strip().startswith(line)


def test_missing_keys_and_sections_are_named() -> None:
    document = deepcopy(DIGITS)
    del document["gan"]["lr"], document["loss"], document["evaluate"]["ipc"]
    assert refused(document).splitlines() == [
        "params.yaml has 3 problems:",
        "  gan.lr: is missing, expected a number",
        "  loss: is missing, expected a section",
        "  evaluate.ipc: is missing, expected a list",
    ]


def test_unknown_keys_and_sections_are_named_with_the_closest() -> None:
    lines = refused(changed(gan__widht=1, los={})).splitlines()
    assert lines[1].startswith("  gan.widht: unknown key (did you mean 'width'?); known are width, latent, ")
    assert lines[2].startswith("  los: unknown key (did you mean 'loss'?); known are preset, seed, sources, data, ")


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_a_document_must_be_a_mapping(document: Any) -> None:
    assert "must hold keys such as `preset:`, found" in refused(document)


def test_a_section_must_be_a_mapping() -> None:
    assert "\n  gan: must hold keys such as `width:`, found nothing" in refused(changed(gan=None))


def test_all_problems_come_in_one_message_section_by_section() -> None:
    document = changed(
        evaluate__ipc=[0],
        loss__omega_l=-1,
        data__held_out=2000,
        gan__lr="x",
        distill__snapshots=999,
        seed="x",
    )
    lines = refused(document).splitlines()
    assert lines[0] == "params.yaml has 6 problems:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "seed",
        "data.held_out",
        "gan.lr",
        "distill.snapshots",
        "loss.omega_l",
        "evaluate.ipc",
    ]


def test_flatten_gives_every_leaf_in_order_and_json_able() -> None:
    flat = flatten(parse_params(DIGITS, "x"))
    assert list(flat)[:4] == ["preset", "seed", "sources", "data.name"]
    assert flat["evaluate.ipc"] == [1, 10]
    assert json.loads(json.dumps(flat)) == flat
    assert len(flat) == sum(len(value) if isinstance(value, dict) else 1 for value in DIGITS.values())


def test_section_looks_up_dotted_keys() -> None:
    params = parse_params(DIGITS, "x")
    assert section(params, "seed") == 0
    assert section(params, "evaluate.students") == 5
    assert section(params, "sources") == ["cgan", "ours"]
    assert section(params, "gan") == DIGITS["gan"]
    for key in ("gans", "gan.widht", "seed.x", ""):
        with pytest.raises(ValueError, match=f"params.yaml has no key '{key}'"):
            section(params, key)


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom gendistill.config.params import load_params\n"
        f"load_params(Path({str(ROOT / 'params.yaml')!r}))\n"
        "import gendistill.config.presets\n"
        "print([name for name in ('torch', 'numpy', 'dvc', 'ruamel.yaml', 'PIL') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "src", capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
