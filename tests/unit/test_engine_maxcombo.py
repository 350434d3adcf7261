"""MaxCombo: components, correlations, and the z of the p-value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_ndtr, ndtri
from twins.maxcombo import maxcombo_of
from twins.scanned import Weighting, scanned, scratch, weighted_test
from twins.slow_logrank import Observed
from twins.slow_maxcombo import slow_components, slow_max_p_value
from twins.slow_weighted import WeightFunction, fleming_harrington
from unit.test_engine_weighted import WEIGHTINGS, patients, sample

from simulate.engine.codes import (
    STATUS_NO_INFORMATION,
    WEIGHTS_FLEMING_HARRINGTON,
    WEIGHTS_MODEST_BY_MONTH,
    WEIGHTS_NONE,
)
from simulate.engine.maxcombo import sum_of_products, z_of_p_value

LOGRANK = (Weighting(WEIGHTS_NONE, math.nan, math.nan), fleming_harrington(0.0, 0.0))
# Of each kind, and the usual four.
CHOICES = [
    [LOGRANK],
    [LOGRANK, WEIGHTINGS[1]],
    [WEIGHTINGS[11], LOGRANK, WEIGHTINGS[15]],
    [LOGRANK, *WEIGHTINGS[1:4]],
    [WEIGHTINGS[7], WEIGHTINGS[5], WEIGHTINGS[12], WEIGHTINGS[9]],
]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: f"{len(choice)}")
@pytest.mark.parametrize(("tied", "n_strata"), [(False, 1), (True, 1), (False, 3), (True, 3)])
def test_against_the_twin(
    choice: list[tuple[Weighting, WeightFunction]], tied: bool, n_strata: int
) -> None:
    for seed, n in ((0, 30), (1, 120)):
        observed = sample(seed, n, tied, n_strata)
        found = maxcombo_of(scanned(observed, n_strata), [weighting for weighting, _ in choice])
        z, correlation = slow_components(observed, [weight for _, weight in choice])
        assert found.status == 0
        np.testing.assert_allclose(found.scores / np.sqrt(np.diag(found.covariance)), z, atol=1e-12)
        np.testing.assert_allclose(found.correlation, correlation, rtol=1e-12)
        assert found.z_max == pytest.approx(z.max(), abs=1e-12)
        if len(choice) > 1:
            slow = slow_max_p_value(z.max(), correlation)
            assert found.p == pytest.approx(slow, rel=0.0, abs=2e-8)
        assert found.z == pytest.approx(-ndtri(found.p), abs=1e-12)


def test_one_component_is_its_own_test() -> None:
    sets = scanned(sample(3, 80, tied=False))
    for weighting, _ in WEIGHTINGS:
        score, information = weighted_test(sets, weighting)
        found = maxcombo_of(sets, [weighting])
        assert found.z_max == pytest.approx(score / math.sqrt(information), rel=1e-12)
        assert found.z == pytest.approx(found.z_max, abs=1e-12)


def test_a_component_twice_changes_nothing() -> None:
    sets = scanned(sample(4, 80, tied=True, n_strata=2), 2)
    three = [Weighting(WEIGHTS_FLEMING_HARRINGTON, 0.0, 1.0), LOGRANK[0], WEIGHTINGS[11][0]]
    once, twice = maxcombo_of(sets, three), maxcombo_of(sets, [*three, LOGRANK[0]])
    assert (twice.z, twice.z_max, twice.p) == (once.z, once.z_max, once.p)
    assert np.all(np.abs(twice.correlation) <= 1.0 + 1e-15)


def test_a_component_without_information() -> None:
    # At the one event time, the first, 1 - S is 0.
    observed = [Observed(1.0, True, True), Observed(2.0, False, False), Observed(3.0, False, True)]
    late = Weighting(WEIGHTS_FLEMING_HARRINGTON, 0.0, 1.0)
    for sets, chosen in (
        (scanned(observed), [LOGRANK[0], late]),
        (scanned(observed), [late]),
        (scanned(observed[1:]), [LOGRANK[0]]),
    ):
        found = maxcombo_of(sets, chosen)
        assert found.status == STATUS_NO_INFORMATION
        assert all(math.isnan(number) for number in found[:3])
    assert maxcombo_of(scanned(observed), [LOGRANK[0]]).status == 0


@given(observed=patients, month=st.floats(0.1, 9.0))
@settings(deadline=None, max_examples=100)
def test_of_any_patients(observed: list[Observed], month: float) -> None:
    chosen = [
        Weighting(WEIGHTS_FLEMING_HARRINGTON, *e) for e in ((0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
    ]
    chosen += [Weighting(WEIGHTS_MODEST_BY_MONTH, month)]
    sets = scanned(observed, 3)
    without = any(weighted_test(sets, weighting)[1] == 0.0 for weighting in chosen)
    found = maxcombo_of(sets, chosen)
    assert (found.status == STATUS_NO_INFORMATION) == without
    if not without:
        # Between the largest alone and Bonferroni's bound.
        alone = math.erfc(found.z_max / math.sqrt(2.0)) / 2.0
        assert alone - 1e-7 < found.p < min(4.0 * alone, 1.0) + 1e-7
        assert found.z < found.z_max + 1e-6 or found.z_max < -8.0


@pytest.mark.parametrize("times", [1.0, 1.7, 4.0])
def test_z_of_small_p_values(times: float) -> None:
    for z_max in np.linspace(6.0, 36.9, 310):
        p = times * math.exp(log_ndtr(-z_max))
        z = z_of_p_value(p, z_max)
        # The logarithm of the tail is as steep as z.
        assert log_ndtr(-z) == pytest.approx(math.log(p), rel=0.0, abs=1e-12 * z_max)


def test_z_is_finite_and_steady() -> None:
    p = math.exp(log_ndtr(-37.0))
    assert z_of_p_value(2.0 * p, 40.0) - z_of_p_value(2.0 * p, 37.0) == pytest.approx(3.0)
    assert z_of_p_value(4.0 * p, 1e6) == pytest.approx(1e6, rel=1e-7)
    # Where the formula changes.
    edge = 2.0**-53
    here, there = z_of_p_value(edge, 8.3), z_of_p_value(math.nextafter(edge, 1.0), 8.3)
    assert here == pytest.approx(there, abs=1e-13)
    assert z_of_p_value(1.0, -40.0) == pytest.approx(ndtri(edge), rel=1e-12)
    assert z_of_p_value(0.5, 0.1) == 0.0


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 35, 36, 280, 283])
def test_sum_of_products(n: int) -> None:
    rng = np.random.default_rng(n)
    left, right = scratch(n + 1), scratch(n + 1)
    left[:n], right[:n] = rng.normal(size=(2, n))
    expected = math.fsum(left[:n] * right[:n])
    assert sum_of_products(left, right, n, scratch(n + 1)) == pytest.approx(expected, abs=1e-13)
