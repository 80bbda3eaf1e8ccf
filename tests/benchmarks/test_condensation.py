"""Loading and running a checkout of DatasetCondensation, on a stand-in that records what it was given."""

import inspect
import sys
import threading
from pathlib import Path

import pytest
import torch

from benchmarks.condensation import DatasetCondensation, Held
from gendistill.runtime.errors import UserError

UTILS = """
import torch
from scipy.ndimage.interpolation import rotate
from networks import Net

def get_loops(ipc):
    raise AssertionError("its table is for whole runs")

def get_dataset(name, path):
    raise AssertionError("no files are read")

def get_network(model, channel, num_classes, size):
    return Net(), torch.cuda.device_count()
"""
MAIN = """
import argparse
import torch
from utils import get_loops, get_dataset, get_network

seen = []

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ipc", type=int)
    parser.add_argument("--method", default="DC")
    parser.add_argument("--num_eval", type=int)
    parser.add_argument("--data_path")
    parser.add_argument("--save_path")
    args = parser.parse_args()
    loops = get_loops(args.ipc)
    channel, size, num_classes, names, mean, std, train, test, loader = get_dataset("CIFAR10", args.data_path)
    images = torch.stack([image for image, _ in train])
    seen.append((args, loops, tuple(images.shape), [label for _, label in train], torch.cuda.is_available()))
    print("noise")
    for iteration in range(5):
        network, gpus = get_network("ConvNet", channel, num_classes, size)
        seen.append((iteration, gpus))
        if iteration == 4:
            raise RuntimeError("broken")
"""
FILES = {"main.py": MAIN, "main_DM.py": MAIN, "utils.py": UTILS, "networks.py": "class Net: pass\n"}


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "stand-in"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


def seen_by(call):
    """What the script behind a call has recorded."""
    (script,) = (cell.cell_contents for cell in inspect.unwrap(call).__closure__ if hasattr(cell.cell_contents, "main"))
    return script.seen


def test_a_call_is_as_many_iterations_as_asked_for(checkout, capsys):
    threads, argv = threading.active_count(), list(sys.argv)
    with DatasetCondensation(checkout, torch.device("cpu"), images=40) as opened:
        call = opened.iterations("main", 2, (3, 7), ipc=10, method="DSA")
        seen = seen_by(call)
        (args, loops, shape, labels, cuda), *rest = seen
        assert rest == []  # held before the first
        assert (args.ipc, args.method, args.num_eval, loops) == (10, "DSA", 0, (3, 7))
        assert (shape, labels, cuda) == ((40, 3, 32, 32), [i % 10 for i in range(40)], False)
        for expected in ([0, 1], [0, 1, 2, 3]):
            call()
            assert seen[1:] == [(iteration, 0) for iteration in expected]
        with pytest.raises(RuntimeError, match="broken"):
            call()
        assert Path(args.save_path).is_dir()
    assert not Path(args.save_path).is_dir()
    assert threading.active_count() == threads
    assert sys.argv == argv
    assert not {"utils", "networks", "main_DM"} & set(sys.modules)
    assert capsys.readouterr() == ("", "")


def test_scripts_go_on_independently_and_are_left(checkout):
    threads = threading.active_count()
    with DatasetCondensation(checkout, torch.device("cpu"), images=10) as opened:
        calls = [opened.iterations(name, 1, ipc=1) for name in ("main", "main_DM", "main")]
        calls[0]()
        assert [len(seen_by(call)) for call in calls] == [2, 1, 1]
        assert threading.active_count() == threads + 3
    assert threading.active_count() == threads


def test_what_is_held_may_end_or_never_begin():
    done = []

    def work():
        held.hold()
        done.append(1)

    held = Held(work)
    held.advance()
    assert done == []
    held.advance()
    assert done == [1]
    held.leave()
    never = Held(work)
    never.leave()
    assert done == [1]


def test_a_folder_that_is_no_checkout_is_refused(checkout):
    (checkout / "main_DM.py").unlink()
    expected = r"--reference-dc .*: main_DM.py not found; expected a checkout of VICO-UoE/DatasetCondensation: clone it"
    with pytest.raises(UserError, match=expected):
        DatasetCondensation(checkout, torch.device("cpu"), images=10)
