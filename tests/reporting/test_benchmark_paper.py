"""The printed rows of the benchmark's methods: their protocols, schedules and known errors."""

import pytest

from gendistill.config.methods import METHODS
from gendistill.reporting.benchmark_paper import ROWS, footnotes, paper_epochs, paper_updates, printed


@pytest.mark.parametrize(
    ("dataset", "method", "protocol", "ipc", "mean", "steps"),
    [
        ("cifar10", "random", "fixed_plain", 1, 14.4, 300),
        ("cifar10", "herding", "fixed_plain", 10, 31.6, 300),
        ("mnist", "k_center", "fixed_plain", 10, 84.4, 1000),
        ("fashion_mnist", "forgetting", "fixed_plain", 50, 55.0, 600),
        ("cifar10", "dc", "fixed_plain", 1, 28.3, 300),
        ("cifar10", "dsa", "fixed", 10, 52.1, 1000),
        ("cifar10", "dm", "fixed", 50, 63.0, 2000),
        ("mnist", "egm", "fixed_plain", 50, 98.6, 2000),
    ],
)
def test_rows_stand_under_their_protocol_only(dataset, method, protocol, ipc, mean, steps):
    found = printed(dataset, method, "convnet3", protocol, ipc)
    assert found is not None
    assert (found.mean, found.steps) == (mean, steps)
    other = "fixed" if protocol == "fixed_plain" else "fixed_plain"
    assert printed(dataset, method, "convnet3", other, ipc) is None
    assert printed(dataset, method, "vgg11", protocol, ipc) is None
    assert printed(dataset, method, "convnet3", protocol, 20) is None
    assert printed("digits", method, "convnet3", protocol, ipc) is None


def test_herding_and_k_center_are_printed_alike_at_ipc_1():
    for dataset, row in ROWS["herding"][1].items():
        assert row[0] == pytest.approx(ROWS["k_center"][1][dataset][0], abs=0.11)


def test_kip_fc_has_no_printed_row():
    assert set(METHODS) - set(ROWS) == {"kip_fc"}
    assert any("KIP-FC is not the printed row KIP" in line for line in footnotes(("kip_fc",)))


def test_schedules():
    assert [paper_updates(method, 10) for method in ("random", "dm", "dc", "egm", "kip_fc")] == [
        None, 20_000, 10_000, 10_000, 5_000,
    ]  # fmt: skip
    assert paper_updates("dsa", 7) is None
    assert paper_updates("of tomorrow", 10) is None
    assert [paper_epochs(name, protocol) for name in ("mnist", "cifar10") for protocol in ("fixed", "fixed_plain")] == [
        1000, 1000, 1000, 300,
    ]  # fmt: skip


def test_footnotes_are_those_of_the_methods_shown():
    """MNIST's augmentation concerns six rows and is said once, also where only one of them is shown."""
    for methods in (("random",), ("dc",), ("egm", "k_center"), tuple(METHODS)):
        assert sum("DC's own on MNIST" in line for line in footnotes(methods)) == 1
    assert not any("MNIST" in line for line in footnotes(("dsa",)))
    assert any("55 to 57 %" in line for line in footnotes(("dm",)))
