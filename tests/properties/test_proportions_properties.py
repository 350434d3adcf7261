"""Binary endpoints: symmetries of the tests, and intervals against the tests they invert."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from twins.slow_proportions import Table, slow_margins

from simulate.design.proportions import clopper_pearson, miettinen_nurminen, wilson
from simulate.engine.proportions import (
    PROPORTIONS_FISHER,
    PROPORTIONS_MANTEL_HAENSZEL,
    PROPORTIONS_MIETTINEN_NURMINEN,
    PROPORTIONS_POOLED,
    PROPORTIONS_UNPOOLED,
    compare_proportions,
    exact_binomial,
    log_odds_ratio,
)

METHODS = st.sampled_from(
    [
        PROPORTIONS_POOLED,
        PROPORTIONS_UNPOOLED,
        PROPORTIONS_MIETTINEN_NURMINEN,
        PROPORTIONS_MANTEL_HAENSZEL,
    ]
)
LEVELS = st.floats(0.01, 0.9999)
RATES = st.floats(0.0, 1.0)
DIFFERENCES = st.one_of(st.just(0.0), st.floats(-0.99, -1e-9), st.floats(1e-9, 0.99))


def counts(least: int = 0, most: int = 60) -> st.SearchStrategy[tuple[int, int]]:
    """Responders and patients; 0 of n and n of n often."""
    return st.integers(least, most).flatmap(
        lambda n: st.tuples(st.one_of(st.just(0), st.just(n), st.integers(0, n)), st.just(n))
    )


def tables(least: int = 0, most: int = 60) -> st.SearchStrategy[Table]:
    return st.tuples(counts(least, most), counts(least, most)).map(
        lambda arms: Table(*arms[0], *arms[1])
    )


STRATA = st.lists(tables(), min_size=1, max_size=4)
Strata = list[Table]


def swapped(strata: Strata) -> Strata:
    return [Table(x0, n0, x1, n1) for x1, n1, x0, n0 in strata]


def non_responders(strata: Strata) -> Strata:
    return [Table(n1 - x1, n1, n0 - x0, n0) for x1, n1, x0, n0 in strata]


def compare(
    method: int, strata: Strata, null_difference: float = 0.0
) -> tuple[float, float, float, int]:
    x1, n1, x0, n0 = np.array(strata, dtype=np.int64).T.copy()
    return compare_proportions(method, null_difference, x1, n1, x0, n0, len(strata))


def log_odds(strata: Strata) -> tuple[float, float, int]:
    x1, n1, x0, n0 = np.array(strata, dtype=np.int64).T.copy()
    return log_odds_ratio(x1, n1, x0, n0, len(strata))


@settings(deadline=None)
@given(METHODS, STRATA, DIFFERENCES)
def test_exchanging_the_arms_changes_the_sign_and_nothing_else(
    method: int, strata: Strata, difference: float
) -> None:
    null = difference if method in (PROPORTIONS_UNPOOLED, PROPORTIONS_MIETTINEN_NURMINEN) else 0.0
    z, estimate, se, flag = compare(method, strata, null)
    np.testing.assert_array_equal(
        compare(method, swapped(strata), -null), (-z, -estimate, se, flag)
    )


@settings(deadline=None)
@given(METHODS, STRATA)
def test_counting_non_responders_changes_the_sign(method: int, strata: Strata) -> None:
    z, estimate, se, flag = compare(method, strata)
    found = compare(method, non_responders(strata))
    np.testing.assert_array_equal(found, (-z, -estimate, se, flag))


@settings(deadline=None)
@given(STRATA, DIFFERENCES)
def test_counting_non_responders_against_a_null_difference(
    strata: Strata, difference: float
) -> None:
    z = compare(PROPORTIONS_MIETTINEN_NURMINEN, strata, difference)[0]
    other = compare(PROPORTIONS_MIETTINEN_NURMINEN, non_responders(strata), -difference)[0]
    np.testing.assert_allclose(other, -z, rtol=1e-11, atol=1e-11)


@settings(deadline=None)
@given(STRATA)
def test_exchanging_the_arms_inverts_the_odds_ratio(strata: Strata) -> None:
    estimate, se, flag = log_odds(strata)
    for others in (swapped(strata), non_responders(strata)):
        found = log_odds(others)
        np.testing.assert_allclose(found[:2], (-estimate, se), rtol=1e-13, atol=1e-15)
        assert found[2] == flag


@settings(deadline=None)
@given(tables(1))
def test_one_more_responder_favours_the_arm(table: Table) -> None:
    x1, n1, x0, n0 = table
    assume(x1 < n1 and x1 + x0 > 0 and x1 + x0 + 1 < n1 + n0)
    more = [Table(x1 + 1, n1, x0, n0)]
    for method in (PROPORTIONS_POOLED, PROPORTIONS_MIETTINEN_NURMINEN, PROPORTIONS_FISHER):
        assert compare(method, more)[0] >= compare(method, [table])[0]


@settings(deadline=None)
@given(tables(1))
def test_fishers_tails_share_the_table_itself(table: Table) -> None:
    assume(0 < table.x1 + table.x0 < table.n1 + table.n0)
    here, there = (compare(PROPORTIONS_FISHER, t)[0] for t in ([table], swapped([table])))
    both = float(ndtr(-here) + ndtr(-there))
    np.testing.assert_allclose(both, 1.0 + float(slow_margins(table)[table.x1]), rtol=1e-12)


@settings(deadline=None)
@given(tables(1), DIFFERENCES, LEVELS)
def test_an_interval_holds_what_its_test_does_not_reject(
    table: Table, difference: float, level: float
) -> None:
    z = abs(compare(PROPORTIONS_MIETTINEN_NURMINEN, [table], difference)[0])
    critical = -float(ndtri((1.0 - level) / 2.0))
    assume(abs(z - critical) > 1e-9)
    lower, upper = miettinen_nurminen(*table, level)
    assert bool(lower <= difference <= upper) == (z < critical)


@settings(deadline=None)
@given(tables(1), LEVELS)
def test_intervals_of_a_difference_are_symmetric_and_hold_the_estimate(
    table: Table, level: float
) -> None:
    mirrored = [table, *swapped([table]), *non_responders([table])]
    x1, n1, x0, n0 = np.array(mirrored).T
    lower, upper = miettinen_nurminen(x1, n1, x0, n0, level)
    estimate = table.x1 / table.n1 - table.x0 / table.n0
    assert -1.0 <= lower[0] <= estimate <= upper[0] <= 1.0
    np.testing.assert_allclose(lower[1:], -upper[0], rtol=0.0, atol=1e-11)
    np.testing.assert_allclose(upper[1:], -lower[0], rtol=0.0, atol=1e-11)


@settings(deadline=None)
@given(st.integers(0, 40), RATES, LEVELS)
def test_clopper_pearson_covers_at_least_its_level(n: int, rate: float, level: float) -> None:
    lower, upper = clopper_pearson(np.arange(n + 1), n, level)
    covered = sum(
        math.comb(n, x) * rate**x * (1.0 - rate) ** (n - x)
        for x in range(n + 1)
        if lower[x] <= rate <= upper[x]
    )
    assert covered >= level - 1e-12


@settings(deadline=None)
@given(counts(), LEVELS)
def test_intervals_of_a_proportion(count: tuple[int, int], level: float) -> None:
    x, n = count
    for interval in (clopper_pearson, wilson):
        lower, upper = interval(x, n, level)
        assert 0.0 <= lower <= upper <= 1.0
        # Of non-responders it is the mirror image.
        mirrored = interval(n - x, n, level)
        np.testing.assert_allclose(mirrored, (1.0 - upper, 1.0 - lower), rtol=0.0, atol=1e-13)
        if n > 0:
            assert lower <= x / n + 1e-15
            assert upper >= x / n - 1e-15


@settings(deadline=None)
@given(counts(1), LEVELS)
def test_the_exact_test_rejects_what_lies_below_clopper_pearson(
    count: tuple[int, int], level: float
) -> None:
    x, n = count
    lower = float(clopper_pearson(x, n, level)[0])
    half = (1.0 - level) / 2.0
    p_value, z = exact_binomial(x, n, lower)
    if x > 0:
        np.testing.assert_allclose([p_value, ndtr(-z)], half, rtol=1e-10)
    else:
        assert p_value == 1.0


@settings(deadline=None)
@given(counts(0, 400), RATES, RATES)
def test_exact_p_values_rise_with_the_rate(
    count: tuple[int, int], rate: float, other: float
) -> None:
    low, high = (exact_binomial(*count, p0) for p0 in sorted((rate, other)))
    assert 0.0 <= low[0] <= high[0] * (1.0 + 1e-12) <= 1.0 + 1e-12
    assert low[1] >= high[1] - 1e-9
