"""benchmark/params.yaml -> `BenchmarkParams`: methods that make fixed sets of images, and how they are measured.

Field = key, annotation = type and constraints, as in ``schema``; there are no defaults. A method's section has its
name, and has to be there only where the method is asked for. Where and how to run (section ``runtime``) is
params.yaml's, for both pipelines.
"""

from dataclasses import dataclass, make_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

from gendistill.config.benchmark_rules import broken_rules
from gendistill.config.catalogue.protocols import FIXED_PROTOCOLS
from gendistill.config.constraints import Matches, NotEmpty, OneOf, Unique
from gendistill.config.methods import METHODS
from gendistill.config.params import parse
from gendistill.config.schema import (
    Count,
    CountOrZero,
    Dsa,
    ImageParams,
    Label,
    Momentum,
    Networks,
    Rate,
    Weight,
)
from gendistill.config.yaml12 import load_yaml

FILE: Final = Path("benchmark/params.yaml")

Method = Annotated[str, OneOf(tuple(METHODS))]
Published = Annotated[str, Matches(r"|[A-Za-z0-9][A-Za-z0-9._-]*", "the name of a folder in results/accuracy, or ''")]


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchedParams:
    """Section ``matched``: larger sets of a few methods, for rows at the bytes of a generator.

    Attributes:
        methods: names in `methods.METHODS`; may be empty.
        ipc: images per class, each >= 1; may be empty.
    """

    methods: Annotated[tuple[Method, ...], Unique()]
    ipc: Annotated[tuple[Count, ...], Unique()]


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedRecipe:
    """Section ``recipe``: how a student is trained on a fixed set, by SGD, x 0.1 at half.

    Attributes:
        lr: step size; > 0.
        momentum: in [0, 1).
        weight_decay: >= 0.
        batch: largest batch, in images; >= 1.
        augment: DSA strategy under `fixed`; `fixed_plain` has none.
    """

    lr: Rate
    momentum: Momentum
    weight_decay: Weight
    batch: Count
    augment: Dsa


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedEvaluate:
    """Section ``evaluate``: which students are trained, and how long.

    Attributes:
        networks: students, names in `catalogue.networks.NETWORKS`; at least one.
        protocols: names in `catalogue.protocols.FIXED_PROTOCOLS`; at least one.
        students: networks trained from scratch per set; >= 1.
        width: fraction of each network's standard channels; > 0.
        fixed_epochs: passes over the set under `fixed`; >= 1.
        plain_epochs: the same under `fixed_plain`; >= 1.
        test_points: times a student is tested, evenly spaced, the last at the end; >= 1.
    """

    networks: Networks
    protocols: Annotated[tuple[Annotated[str, OneOf(FIXED_PROTOCOLS)], ...], NotEmpty(), Unique()]
    students: Count
    width: Rate
    fixed_epochs: Count
    plain_epochs: Count
    test_points: Count


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchmarkParams:
    """The whole of benchmark/params.yaml.

    Attributes:
        preset: label in tables and results/; no stage depends on it.
        methods: rows, names in `methods.METHODS`; at least one.
        ipc: images per class; at least one.
        sets: seeds of the synthetic sets that every method makes, each >= 0; at least one.
        matched: further rows at the bytes of a generator.
        beside: published results of the main pipeline whose rows the report shows, too; '' = none.
        data: section of that name, as are the rest. What is parsed also has a section for every method, by its name
            (`with_methods`).
    """

    preset: Label
    methods: Annotated[tuple[Method, ...], NotEmpty(), Unique()]
    ipc: Annotated[tuple[Count, ...], NotEmpty(), Unique()]
    sets: Annotated[tuple[CountOrZero, ...], NotEmpty(), Unique()]
    matched: MatchedParams
    beside: Published
    data: ImageParams
    recipe: FixedRecipe
    evaluate: FixedEvaluate


def load_benchmark(path: Path = FILE) -> BenchmarkParams:
    """Parameters of the benchmark.

    Raises:
        UserError: no such file, broken YAML, or values that are not legal; all of these in one message.
    """
    return parse_benchmark(load_yaml(path), str(path))


def parse_benchmark(document: Any, origin: str) -> BenchmarkParams:
    """Parameters in a loaded YAML document; `origin` names it in messages.

    Raises:
        UserError: anything missing, unknown, of the wrong type or out of range; all in one message.
    """
    return parse(with_methods(methods_of(document)), document, origin, broken_rules)


def methods_of(document: Any) -> tuple[str, ...]:
    """Methods whose sections a document has, or should have since it asks for the method; in the registry's order."""
    top = document if isinstance(document, dict) else {}
    matched = top.get("matched")
    more = matched.get("methods") if isinstance(matched, dict) else None
    asked = [name for names in (top.get("methods"), more) if isinstance(names, list) for name in names]
    return tuple(name for name in METHODS if name in top or name in asked)


@cache
def with_methods(names: tuple[str, ...]) -> type[BenchmarkParams]:
    """`BenchmarkParams` with a section for each of the methods, of the type that the registry names."""
    fields = [(name, METHODS[name].settings) for name in names]
    return make_dataclass("BenchmarkParams", fields, bases=(BenchmarkParams,), frozen=True, kw_only=True, slots=True)
