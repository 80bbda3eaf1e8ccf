"""What two or more keys of benchmark/params.yaml must satisfy together; for ``data`` see ``rules``."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gendistill.config import rules
from gendistill.config.catalogue.datasets import DATASETS, DatasetInfo
from gendistill.config.method_settings import GradientParams
from gendistill.config.methods import METHODS
from gendistill.config.rules import Found

GRADIENT_METHODS: Final = tuple(name for name, info in METHODS.items() if info.settings is GradientParams)
DC_LOOPS: Final = {1: (1, 1), 10: (10, 50), 20: (20, 25), 30: (30, 20), 40: (40, 15), 50: (50, 10), 100: (100, 2)}
"""IPC -> (updates of the images per network, inner epochs after each): DC's code; 100 is its author's advice."""


def _classes_have_images(info: DatasetInfo, held_out: int, ipc: tuple[int, ...], matched: tuple[int, ...]) -> Found:
    if info.train_count is None or info.num_classes is None or held_out >= info.train_count:
        return
    most = (info.train_count - held_out) // info.num_classes
    for key, counts in (("ipc", ipc), ("matched.ipc", matched)):
        if many := [str(count) for count in counts if count > most]:
            yield key, f"must be <= {most}, found {', '.join(many)}: {info.name} has no more training images a class"


def _matched_is_new(
    methods: tuple[str, ...], ipc: tuple[int, ...], more: tuple[str, ...], at: tuple[int, ...]
) -> Found:
    if bool(more) != bool(at):
        yield "matched", "must name methods and ipc, or neither"
    if set(methods) & set(more) and set(ipc) & set(at):
        twice = ", ".join(map(str, sorted(set(ipc) & set(at))))
        yield "matched.ipc", f"must not repeat {twice} of ipc for {', '.join(sorted(set(methods) & set(more)))}"


def _test_points_fit(points: int, protocols: tuple[str, ...], fixed: int, plain: int) -> Found:
    epochs = {"fixed": fixed, "fixed_plain": plain}
    shortest = min(protocols, key=lambda protocol: epochs[protocol])
    if points > epochs[shortest]:
        yield "evaluate.test_points", f"must be <= {epochs[shortest]} (epochs of {shortest}), found {points}"


def _students_keep_channels(width: float, networks: tuple[str, ...]) -> Found:
    yield from rules.width_leaves_channels("evaluate.width", width, networks)


def broken_rules(values: Mapping[str, Any], data: DatasetInfo | None = None) -> list[tuple[str, str]]:
    """Problems among `values` (dotted key -> legal value); rules whose values are missing are left out.

    Args:
        values: values by dotted key.
        data: what the files of the data set hold; the entry of the catalogue, if not given.
    """
    table: dict[Callable[..., Found], tuple[str, ...]] = {
        _classes_have_images: ("data.name", "data.held_out", "ipc", "matched.ipc"),
        _matched_is_new: ("methods", "ipc", "matched.methods", "matched.ipc"),
        _test_points_fit: (
            "evaluate.test_points",
            "evaluate.protocols",
            "evaluate.fixed_epochs",
            "evaluate.plain_epochs",
        ),
        _students_keep_channels: ("evaluate.width", "evaluate.networks"),
    }
    found = rules.broken_rules(values, data)
    if "data.name" in values:
        values = {**values, "data.name": data or DATASETS[values["data.name"]]}
    for rule, keys in table.items():
        if all(key in values for key in keys):
            found += rule(*(values[key] for key in keys))
    for key in values:
        section, _, name = key.rpartition(".")
        if name == "network" and f"{section}.width" in values:
            width = values[f"{section}.width"]
            found += rules.width_leaves_channels(f"{section}.width", width, (values[key],))
    for section in GRADIENT_METHODS:
        found += _loops_are_known(section, values)
    return found


def _loops_are_known(section: str, values: Mapping[str, Any]) -> Found:
    """DC's table has the IPC where it is asked for, and a schedule of epochs has one master."""
    names = ("outer_steps", "inner_epochs", "inner_schedule")
    if not all(key in values for key in ("methods", "ipc", *(f"{section}.{name}" for name in names))):
        return
    outer, inner, schedule = (values[f"{section}.{name}"] for name in names)
    if schedule == "decreasing" and inner:
        yield f"{section}.inner_epochs", f"must be 0 under inner_schedule decreasing, found {inner}"
    asked = values["ipc"] if section in values["methods"] else ()
    if section in values.get("matched.methods", ()):
        asked = (*asked, *values.get("matched.ipc", ()))
    unknown = [str(ipc) for ipc in asked if ipc not in DC_LOOPS]
    for name, value in (("outer_steps", outer), ("inner_epochs", inner)):
        if unknown and not value and not (name == "inner_epochs" and schedule == "decreasing"):
            table = ", ".join(map(str, DC_LOOPS))
            yield f"{section}.{name}", f"must be >= 1 for IPC {', '.join(unknown)}: DC's table has IPC {table} only"
