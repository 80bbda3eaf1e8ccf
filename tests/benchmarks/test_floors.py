"""Counted work against hand-made counts and torch's own counter; the floor's formula."""

from dataclasses import replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import gan_step
from benchmarks.floors import Rates, Work, best_seconds, count, floor_seconds, measure_rates


def test_a_product_is_counted_by_hand():
    a, b = torch.ones(2, 3), torch.ones(3, 5)
    work = count(lambda: torch.relu(a @ b))
    assert work.flops == {torch.float32: 2 * 2 * 3 * 5}
    assert work.bytes == 4 * (6 + 15 + 10)  # relu is free


def test_a_convolution_forward_and_backward_is_counted_by_hand():
    images = torch.ones(2, 3, 8, 8)
    network = torch.nn.Conv2d(3, 4, 3, padding=1, bias=False)
    # 2 FLOPs for each of 2 x 4 x 64 results and 3 x 9 weights; backward to the weights as many, to the images none
    once = 2 * (2 * 4 * 64) * 27
    assert count(lambda: network(images).sum().backward()).flops[torch.float32] == 2 * once


def test_operations_count_in_the_dtype_they_run_in():
    network = torch.nn.Linear(4, 4)

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            network(torch.ones(2, 4))
        network(torch.ones(1, 4))

    assert count(step).flops == {torch.bfloat16: 2 * 2 * 16, torch.float32: 2 * 16}


def test_a_step_counts_as_torchs_own_counter_does(make_setting):
    # torch's counter cannot follow the gradient penalty's autograd.grad, so this is the objective without one
    setting = make_setting()
    params = replace(setting.params, gan=replace(setting.params.gan, objective="minimax"))
    counted = count(gan_step.fast(replace(setting, params=params)))
    with FlopCounterMode(display=False) as torchs:
        gan_step.fast(replace(setting, params=params))()
    assert sum(counted.flops.values()) == torchs.get_total_flops() > 0


def test_the_gradient_penalty_counts(make_setting):
    setting = make_setting()
    params = replace(setting.params, gan=replace(setting.params.gan, objective="minimax"))
    with_penalty, without = (count(gan_step.fast(each)) for each in (setting, replace(setting, params=params)))
    # its backward pass of a backward pass: D's forward and backward on one batch more, and both differentiated
    assert with_penalty.flops[torch.float32] > 1.4 * without.flops[torch.float32]


def test_the_floor_is_the_larger_of_arithmetic_and_traffic():
    rates = Rates({torch.float32: 100.0, torch.bfloat16: 400.0}, 10.0)
    both = {torch.float32: 200, torch.bfloat16: 400}
    assert floor_seconds(Work(both, 20), rates) == 3  # 200 / 100 + 400 / 400 against 20 / 10
    assert floor_seconds(Work(both, 50), rates) == 5


def test_rates_are_measured_for_every_dtype_asked_for():
    rates = measure_rates(torch.device("cpu"), [torch.float32, torch.bfloat16], side=8, copied=64)
    assert rates.flops.keys() == {torch.float32, torch.bfloat16}
    assert min(*rates.flops.values(), rates.bytes) > 0


def test_the_best_of_several_calls_leaves_out_the_first_two():
    calls = []
    best_seconds(lambda: calls.append(1), torch.device("cpu"), repeats=3)
    assert len(calls) == 5
