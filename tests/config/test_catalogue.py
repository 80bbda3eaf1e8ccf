import re

import pytest

from gendistill.config.catalogue.augmentations import DSA_GROUPS, augment_groups
from gendistill.config.catalogue.datasets import DATASETS, DatasetInfo
from gendistill.config.catalogue.networks import NETWORKS, SECOND_LAYER, NetworkInfo
from gendistill.config.catalogue.protocols import PROTOCOLS
from gendistill.config.catalogue.sources import CONTROL_SOURCES, GENERATED_SOURCES, SOURCES, SourceInfo


@pytest.mark.parametrize(
    "table", [DATASETS, NETWORKS, SOURCES, PROTOCOLS], ids=["data", "networks", "sources", "protocols"]
)
def test_entries_are_listed_under_their_own_name(table: dict[str, SourceInfo]) -> None:
    for name, entry in table.items():
        assert entry.name == name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert entry.title
        assert entry.description
    assert len({entry.title for entry in table.values()}) == len(table)


@pytest.mark.parametrize("info", DATASETS.values(), ids=DATASETS)
def test_data_sets_know_all_or_nothing(info: DatasetInfo) -> None:
    known = (
        info.channels,
        info.native_size,
        info.num_classes,
        info.train_count,
        info.test_count,
        info.classes,
    )
    if info.name in ("npz", "folder"):
        assert set(known) == {None}
    else:
        assert None not in known
        assert info.classes is not None
        assert len(set(info.classes)) == len(info.classes) == info.num_classes


def test_the_split_of_the_digits_is_all_of_them() -> None:
    digits = DATASETS["digits"]
    assert digits.train_count is not None
    assert digits.test_count is not None
    assert digits.train_count + digits.test_count == 1797


@pytest.mark.parametrize("info", NETWORKS.values(), ids=NETWORKS)
def test_the_second_layer_is_a_layer(info: NetworkInfo) -> None:
    assert info.second in info.layers
    assert len(set(info.layers)) == len(info.layers)
    assert SECOND_LAYER not in info.layers


def test_sources_are_generated_or_controls() -> None:
    assert GENERATED_SOURCES == ("cgan", "continued", "dim", "ours")
    assert CONTROL_SOURCES == ("real", "random", "whole")


def test_augment_groups() -> None:
    assert augment_groups("none") == ()
    assert augment_groups("color_crop") == ("color", "crop")
    assert not any("_" in group for group in DSA_GROUPS)
