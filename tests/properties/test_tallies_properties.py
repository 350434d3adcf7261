"""Tallies of any blocks, added up, are those of all trials at once."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from twins.feature_scenarios import feature_scenario

from simulate.engine.statistics import Statistics
from simulate.results.characteristics import Row, operating_characteristics
from simulate.results.estimates import Moments, Share, WholeMoments
from simulate.results.quantiles import Bins, Values
from simulate.results.tallies import combine
from simulate.results.tally import tally
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack

N_TRIALS = 90
# Looks that are skipped, trials that stop early, estimates that are infinite or NaN.
SCENARIOS = ("plain", "three arms", "events that never come", "hardly any patients")
ROUNDED = {"look_time_mean", "look_time_sd", "z_mean", "z_sd", "hazard_ratio"} | {
    f"log_hazard_ratio_{name}" for name in ("mean", "sd", "se_mean", "bias")
}

floats = st.floats(-100.0, 100.0, allow_subnormal=False)
places = st.lists(st.integers(0, N_TRIALS), max_size=6).map(sorted)


def parts_of(values: NDArray[np.float64], ends: list[int]) -> list[NDArray[np.float64]]:
    return [values[start:stop] for start, stop in pairwise((0, *ends, len(values)))]


@functools.cache
def simulated(name: str) -> Statistics:
    return simulate_block(pack(feature_scenario(name)), 5, Block(0, N_TRIALS))


@functools.cache
def rows_at_once(name: str, quantiles: Literal["exact", "binned"]) -> list[Row]:
    scenario = feature_scenario(name)
    return operating_characteristics(
        scenario, tally(scenario, simulated(name), quantiles=quantiles)
    )


@pytest.mark.parametrize("quantiles", ["exact", "binned"])
@pytest.mark.parametrize("name", SCENARIOS)
@settings(max_examples=15, deadline=None)
@given(ends=places)
def test_rows_do_not_depend_on_the_blocks(
    name: str, quantiles: Literal["exact", "binned"], ends: list[int]
) -> None:
    scenario = feature_scenario(name)
    statistics = simulated(name)
    blocks = [
        Statistics._make(column[start:stop] for column in statistics)
        for start, stop in pairwise((0, *ends, N_TRIALS))
    ]
    rows = operating_characteristics(
        scenario, combine(tally(scenario, block, quantiles=quantiles) for block in blocks)
    )
    for row, whole in zip(rows, rows_at_once(name, quantiles), strict=True):
        if row.measure not in ROUNDED:
            assert repr(row) == repr(whole)
            continue
        assert (row[:5], row.n_trials) == (whole[:5], whole.n_trials)
        assert row.estimate == pytest.approx(whole.estimate, rel=1e-12, abs=1e-13, nan_ok=True)
        # An error of a standard deviation may come from a difference that all but vanishes.
        assert row.mcse == pytest.approx(whole.mcse, rel=1e-12, abs=1e-9, nan_ok=True)


@given(values=st.lists(floats, max_size=40), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_moments_are_those_of_rational_arithmetic(values: list[float], cuts: list[int]) -> None:
    ends = sorted(min(cut, len(values)) for cut in cuts)
    n = len(values)
    parts = [Moments.of(part) for part in parts_of(np.array(values, dtype=np.float64), ends)]
    found = functools.reduce(Moments.combined, parts)
    exact = [Fraction(value) for value in values]
    center = sum(exact) / n if n else Fraction(0)
    assert found.n_trials == n
    assert found.center == pytest.approx(float(center), rel=1e-12, abs=1e-12)
    # Deviations are good to the rounding of the values; their powers in proportion.
    largest = max((abs(float(value - center)) for value in exact), default=0.0)
    size = max(map(abs, values), default=0.0)
    for power, total in ((2, found.second), (3, found.third), (4, found.fourth)):
        expected = float(sum((value - center) ** power for value in exact))
        allowed = 1e-12 * n * (largest + 1e-3 * size) ** power + 1e-300
        assert total == pytest.approx(expected, rel=0.0, abs=allowed)


@given(
    values=st.lists(st.integers(0, 2**20), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=4),
)
def test_counts_shares_and_values_are_exact(values: list[int], cuts: list[int]) -> None:
    ends = sorted(min(cut, len(values)) for cut in cuts)
    parts = parts_of(np.array(values, dtype=np.float64) / 64.0, ends)
    whole = functools.reduce(
        WholeMoments.combined,
        [WholeMoments.of((part * 64.0).astype(np.int32)) for part in parts],
    )
    assert whole == (len(values), sum(values), sum(value**2 for value in values))
    share = functools.reduce(Share.combined, [Share.of(part > 9.0) for part in parts])
    assert share == (sum(value > 576 for value in values), len(values))
    kept = functools.reduce(Values.combined, [Values.of(part) for part in parts])
    assert np.concatenate(kept.parts).tolist() == [value / 64.0 for value in values]
    binned = functools.reduce(Bins.combined, [Bins.of(part, 0.25) for part in parts])
    assert np.repeat(binned.bins, binned.counts).tolist() == sorted(v // 16 for v in values)
    assert binned.n_trials == len(values)
    for p in (0.05, 0.5, 0.95):
        (exact,), (middle,) = kept.quantiles((p,)), binned.quantiles((p,))
        assert middle.value == pytest.approx(exact.value, abs=0.125, nan_ok=True)
        assert math.isnan(middle.mcse) == math.isnan(exact.mcse)


@given(value=floats, sizes=st.lists(st.integers(0, 30), min_size=1, max_size=5))
def test_what_never_varies_does_not_vary_in_any_blocks(value: float, sizes: list[int]) -> None:
    found = functools.reduce(Moments.combined, [Moments.of(np.full(size, value)) for size in sizes])
    n = sum(sizes)
    assert found == (n, value if n else 0.0, 0.0, 0.0, 0.0)
