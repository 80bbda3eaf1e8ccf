"""The examples run, and do what they say."""

import re
import runpy
from pathlib import Path

import pytest

from gendistill.config.catalogue.networks import NETWORKS
from gendistill.networks.registry import BUILDERS

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_torchvisions_network_trains_in_25_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ROOT / "examples/train_torchvision.py"
    assert len(path.read_text().splitlines()) <= 25
    monkeypatch.setattr("sys.argv", [str(path), "30"])
    runpy.run_path(str(path), run_name="__main__")
    found = re.fullmatch(r"accuracy (0\.\d{3}) after 30 steps\n", capsys.readouterr().out)
    assert found is not None
    assert float(found[1]) > 0.5  # 0.80 on one thread and on two; 200 steps reach 0.94


def test_a_network_of_ones_own_becomes_a_student(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gendistill.runtime.device.available_cpus", lambda: 1)
    monkeypatch.setitem(NETWORKS, "tinynet", NETWORKS["convnet3"])  # so that both are put back
    monkeypatch.setitem(BUILDERS, "tinynet", BUILDERS["convnet3"])
    runpy.run_path(str(ROOT / "examples/add_network.py"), run_name="__main__")
    found = re.fullmatch(r"tinynet: accuracy (0\.\d{3}) on 360 real images\n", capsys.readouterr().out)
    assert found is not None
    assert float(found[1]) > 0.5
    entry, network = NETWORKS["tinynet"], BUILDERS["tinynet"](3, 32, 10, 1.0)
    assert sum(value.numel() for value in network.parameters()) == entry.parameters
    assert network.layers == entry.layers
