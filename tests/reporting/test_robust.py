import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gendistill.reporting.robust import ars, hlr, ior, lrs, robustness, squashed
from gendistill.reporting.summary import gather

FRACTIONS = st.floats(0, 1)


def test_hand_computed():
    # full 0.9, distilled 0.7, random 0.5: HLR 0.2, IOR 0.2, a = 0.1 - 0.1 = 0, m(0) = (1 - 1/e) / (e - 1/e)
    assert hlr(0.9, 0.7) == pytest.approx(0.2)
    assert ior(0.7, 0.5) == pytest.approx(0.2)
    assert lrs(0.2, 0.2) == pytest.approx((1 - 1 / math.e) / (math.e - 1 / math.e))
    assert lrs(0.2, 0.2) == pytest.approx(0.268941, abs=1e-6)
    # w = 0.25: a = 0.05 - 0.15 = -0.1; e^-0.1 = 0.904837, minus 0.367879 = 0.536958, over 2.350402
    assert lrs(0.2, 0.2, 0.25) == pytest.approx(0.536958 / 2.350402, abs=1e-6)
    # gains 0.3 and 0.1: a = 0.2; e^0.2 = 1.221403, minus 0.367879 = 0.853523, over 2.350402
    assert ars(0.3, 0.1) == pytest.approx(0.853523 / 2.350402, abs=1e-6)
    assert (squashed(-1), squashed(1)) == (0, 1)


@given(full=FRACTIONS, distilled=FRACTIONS, random=FRACTIONS, more=FRACTIONS)
def test_scores_are_fractions_and_better_is_higher(full, distilled, random, more):
    gap, gain = hlr(full, distilled), ior(distilled, random)
    assert -1 <= gap <= 1
    assert 0 <= lrs(gain, gap) <= 1
    assert lrs(gain + more, gap) >= lrs(gain, gap)
    assert lrs(gain, gap + more) <= lrs(gain, gap)
    assert 0 <= ars(gain, gain) <= 1


def test_the_controls_that_enter(project, make_params, write_cells):
    _, root = project
    params = make_params(evaluate__protocols=["fresh", "fixed", "fixed_plain"])
    write_cells(root, params)
    summary = gather(params, root)
    mean = {(r.source, r.protocol, r.ipc): r.mean for r in summary.results}
    rows = {(r.source, r.protocol, r.ipc): r for r in robustness(summary.results)}
    assert {source for source, _, _ in rows} == {"cgan", "ours"}
    fixed, fresh, plain = (rows["ours", protocol, 10] for protocol in ("fixed", "fresh", "fixed_plain"))
    assert fixed.hlr == pytest.approx(mean["whole", "whole", None] - mean["ours", "fixed", 10])
    assert fixed.ior == pytest.approx(mean["ours", "fixed", 10] - mean["random", "fixed", 10])
    assert plain.ior == pytest.approx(mean["ours", "fixed_plain", 10] - mean["random", "fixed_plain", 10])
    assert fixed.lrs == pytest.approx(lrs(fixed.ior, fixed.hlr))
    assert fixed.ars == pytest.approx(ars(fixed.ior, plain.ior))
    # no random control trains like fresh, and ARS stands once
    assert (fresh.ior, fresh.lrs, fresh.ars, plain.ars) == (None, None, None, None)
    assert fresh.hlr is not None


def test_without_controls_nothing_is_made_up(project, make_params, write_cells):
    _, root = project
    params = make_params(evaluate__control_networks=[])
    write_cells(root, params)
    assert all((r.hlr, r.ior, r.lrs, r.ars) == (None,) * 4 for r in robustness(gather(params, root).results))
