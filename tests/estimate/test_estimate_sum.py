"""Estimates are sums of counts times costs, told as they are; the calibration itself is made up here."""

import subprocess
import sys

import pytest

from gendistill.estimate import estimates as module
from gendistill.estimate.counts import GanStep, GeneratedBlock, Work
from gendistill.estimate.estimates import Estimate, Reply, estimate, estimates, in_new_process
from gendistill.estimate.table import lines, sentence
from gendistill.estimate.timing import time_call
from gendistill.runtime.errors import UserError

CPU = {"device": "cpu", "precision": "fp32", "threads": 2}


class FakeWorker:
    """Every unit costs 2 s and is done once in a process of 10 s."""

    def __init__(self, params, shape):
        self.params, self.shape, self.requests = params, shape, []

    def __call__(self, request):
        self.requests.append(request | {"known": dict(request["known"])})
        item = module.Item(**request["item"])
        units = [repr(unit) for unit, _ in module.work_of(item, self.params, self.shape).counts]
        assert request["idle"] == (not units)
        return Reply(10.0, 2.0 * len(units), dict.fromkeys(units, 2.0), 1000, CPU if units else {})


def test_cost_is_startup_and_counts_times_costs(make_item):
    """A process of 9 s, 5 of them in the calls: 4 s of start-up; 3 x 0.5 + 4 x 0.25 = 2.5 s of work."""
    work = Work(((GanStep(), 3), (GeneratedBlock(1000), 4)))
    reply = Reply(9.0, 5.0, {repr(GanStep()): 0.5, repr(GeneratedBlock(1000)): 0.25}, 7, CPU)
    found = estimate(make_item("train_gan"), work, reply)
    assert (found.startup_seconds, found.work_seconds, found.seconds) == (4.0, 2.5, 6.5)
    assert found.peak_memory_bytes == 7


def test_a_run_of_a_fake_clock_takes_what_was_estimated(make_item):
    """Calibrated and run by one clock: 3 s to start, 1 s once for the first call, 0.25 s a call, 850 calls."""
    now = [0.0]
    first = [1.0]

    def call():
        now[0] += 0.25 + (first.pop() if first else 0.0)

    now[0] += 3.0
    timing = time_call(call, lambda: None, clock=lambda: now[0])
    reply = Reply(now[0], timing.spent, {repr(GanStep()): timing.seconds}, 0, CPU)
    found = estimate(make_item("train_gan"), Work(((GanStep(), 850),)), reply)
    assert found.seconds == pytest.approx(3.0 + 1.0 + 850 * 0.25)


def test_equal_items_and_equal_units_are_calibrated_once(make_params, make_item, digits):
    worker = FakeWorker(make_params(), digits)
    items = [
        make_item("evaluate", source="cgan", network="convnet3", ipc=10),
        make_item("evaluate", source="ours", network="convnet3", ipc=10),
        make_item("evaluate_real", network="convnet3", ipc=10),
    ]
    found = list(estimates(items, worker.params, digits, worker))
    assert [one.name for one in found] == [item.name for item in items]
    assert found[0].seconds == found[1].seconds
    assert [request["item"]["name"] for request in worker.requests] == [items[0].name, items[2].name]
    assert worker.requests[0]["known"] == {}
    known = worker.requests[1]["known"]
    assert known == dict.fromkeys(known, 2.0)
    assert any("batch=100" in unit for unit in known)


def test_a_distillation_of_another_source_is_calibrated_anew(make_params, make_item, digits):
    worker = FakeWorker(make_params({"sources": ["dim", "ours"]}), digits)
    list(estimates([make_item("distill", source=name) for name in ("dim", "ours")], worker.params, digits, worker))
    assert len(worker.requests) == 2


def test_a_package_that_chooses_nothing_imports_nothing(make_params, make_item, digits):
    worker = FakeWorker(make_params(), digits)
    list(estimates([make_item("package", source="ours"), make_item("report")], worker.params, digits, worker))
    assert [request["item"]["modules"] for request in worker.requests] == [(), ("gendistill.runtime.errors",)]


def test_the_parameters_travel_whole(make_params, make_item, digits):
    """What the worker is sent is a params.yaml again."""
    worker = FakeWorker(make_params({"gan.lr": 0.125}), digits)
    list(estimates([make_item("train_gan")], worker.params, digits, worker))
    assert module.Params is type(worker.params)
    from gendistill.config.params import parse_params

    assert parse_params(worker.requests[0]["params"], "x") == worker.params


# --- the process


def ending(monkeypatch, status, output=""):
    done = subprocess.CompletedProcess([], status, stdout=output)
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: done)


@pytest.mark.parametrize(
    ("status", "output", "kind", "message"),
    [
        (0, '{"error": "no such device"}', UserError, "^no such device$"),
        (-9, "", UserError, "^train_gan: the system ended the calibration, most likely for want of memory; lower"),
        (1, "", RuntimeError, "^train_gan: the calibration ended with status 1"),
    ],
)
def test_a_calibration_that_fails_is_told(monkeypatch, status, output, kind, message):
    ending(monkeypatch, status, output)
    with pytest.raises(kind, match=message):
        in_new_process({"item": {"name": "train_gan"}})


def test_what_the_worker_says_is_read(monkeypatch):
    ending(monkeypatch, 0, '{"costs": {"a": 2.0}, "spent": 0.0, "peak_memory_bytes": 5, "compute": {}}')
    reply = in_new_process({"item": {"name": "x"}})
    assert (reply.costs, reply.spent_seconds, reply.peak_memory_bytes, reply.compute) == ({"a": 2.0}, 0.0, 5, {})
    assert reply.wall_seconds >= 0


def test_the_worker_of_an_idle_stage_imports_no_torch(make_params, make_item, digits):
    code = (
        "import sys\nfrom gendistill.estimate import worker\n"
        "item = dict(name='package', stage='package', values={}, modules=['gendistill.runtime.files'])\n"
        "reply = worker.answer(dict(item=item, known={}, idle=True))\n"
        "print(reply['costs'], reply['peak_memory_bytes'] > 1e6, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "{} True False\n"


# --- as text


def made(name, startup, work, peak, compute=CPU, whole=True):
    return Estimate(name, startup, work, peak, compute, whole)


def test_the_table_adds_up():
    """10 + 125.6 s, 0:02:16 after rounding; the peak is the largest, not the sum."""
    found = [made("prepare", 1.0, 0.0, 50_000_000, {}, False), made("train_gan", 9.0, 125.6, 862_400_000)]
    text = list(lines(found, 9))
    assert text[1].split() == ["prepare", "0:00:01+", "0:00:01", "50", "MB"]
    assert text[2].split() == ["train_gan", "0:02:15", "0:00:09", "862", "MB"]
    assert text[3].split() == ["total", "0:02:16+", "0:00:10", "862", "MB"]
    assert text[5] == "On cpu (fp32, threads: 2)."
    assert "Nothing is taken off for what DVC has in its cache" in text[6]
    assert text[7].startswith("+ start-up only")
    assert len({len(line) for line in text[:4]}) == 1


def test_one_item_is_a_sentence():
    assert sentence(made("train_gan", 3.25, 12.5, 862_400_000)) == (
        "train_gan: about 15.8 s (start-up 3.2 s), peak memory 862 MB on cpu (fp32, threads: 2)"
    )
    assert sentence(made("report", 1.0, 0.0, 50_000_000, {}, False)).endswith(
        "peak memory 50 MB; start-up only, fetching data and drawing pictures come on top"
    )
