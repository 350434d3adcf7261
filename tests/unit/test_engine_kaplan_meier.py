"""Curves, restricted means, milestones and medians against exact fractions, patient by patient."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.scanned import Curves, curves_of, scale_of, scratch, sorted_keys
from twins.slow_kaplan_meier import slow_survival
from twins.slow_logrank import Observed
from twins.slow_rmst import (
    Patients,
    is_estimable,
    slow_median_limits,
    slow_midpoint_median,
    slow_rmst,
    slow_survival_variance,
)

from simulate.engine.arrays import Curve
from simulate.engine.codes import STATUS_NO_INFORMATION, STATUS_NOT_ESTIMABLE
from simulate.engine.kaplan_meier import (
    compare_means,
    compare_survival,
    count_until,
    curve_of_one_arm,
    is_defined,
    restricted_mean,
    running_products,
    running_sums,
    survival_after,
    survival_variance,
)
from simulate.engine.median import LOG_LOG_2, median, median_limits

Z95 = 1.959963984540054
Z99 = 2.5758293035489004
MONTHS = (0.25, 1.0, 2.5, 2.6, 6.0, 40.0)
CASES = [(n, tied) for n in (1, 2, 3, 9, 40, 120) for tied in (False, True)]
E, C = True, False


def sample(seed: int, n: int, tied: bool, share: float = 0.7) -> list[Observed]:
    rng = np.random.default_rng([seed, n, tied])
    times = rng.integers(1, 14, size=n) / 4.0 if tied else rng.exponential(5.0, size=n)
    return [
        Observed(float(time), bool(event), bool(arm))
        for time, event, arm in zip(
            times, rng.uniform(size=n) < share, rng.uniform(size=n) < 0.6, strict=True
        )
    ]


def arms_of(observed: list[Observed]) -> list[tuple[Patients, Curve, int, float]]:
    """Patients, curve, number of rows and last follow-up of each arm."""
    found = curves_of(observed)
    here, there = (
        [(o.time, o.is_event) for o in observed if o.is_experimental == arm] for arm in (E, C)
    )
    return [(here, *found[:3]), (there, *found[3:])]


def means(found: Curves, tau: float) -> tuple[float, float, float, int]:
    return compare_means(*found, tau, scratch(len(found.control.months)))


def difference(
    observed: list[Observed], month: float, slow: Callable[[Patients, float], tuple[float, float]]
) -> tuple[float, float, float, int]:
    """Compare two estimates with their variances, as the slow twins give them."""
    arms = [[(o.time, o.is_event) for o in observed if o.is_experimental == arm] for arm in (E, C)]
    if not all(is_estimable(patients, month) for patients in arms):
        return math.nan, math.nan, math.nan, STATUS_NOT_ESTIMABLE
    (here, variance_here), (there, variance_there) = (slow(patients, month) for patients in arms)
    if math.isnan(here + there):
        return math.nan, math.nan, math.nan, STATUS_NOT_ESTIMABLE
    se = math.sqrt(variance_here + variance_there)
    if se == 0.0:
        return here - there, 0.0, math.nan, STATUS_NO_INFORMATION
    return here - there, se, (here - there) / se, 0


def slow_milestone(patients: Patients, month: float) -> tuple[float, float]:
    return float(slow_survival(patients, month)), slow_survival_variance(patients, month)


def slow_log_log(patients: Patients, month: float) -> tuple[float, float]:
    survival, variance = slow_milestone(patients, month)
    if not 0.0 < survival < 1.0:
        return math.nan, math.nan
    slope = -1.0 / (survival * math.log(survival))
    return -math.log(-math.log(survival)), slope**2 * variance


def same(
    found: tuple[float, float, float, int], expected: tuple[float, float, float, int], unit: float
) -> None:
    """Agree to 1e-12: a difference in the unit of what it is of, z beside a standard error."""
    assert found[3] == expected[3]
    assert found[0] == pytest.approx(expected[0], rel=1e-12, abs=1e-13 * unit, nan_ok=True)
    assert found[1] == pytest.approx(expected[1], rel=1e-12, abs=0.0, nan_ok=True)
    within = 1e-13 * unit / expected[1] if expected[3] == 0 else 0.0
    assert found[2] == pytest.approx(expected[2], rel=2e-12, abs=within, nan_ok=True)


@pytest.mark.parametrize(("n", "tied"), CASES)
def test_the_curve(n: int, tied: bool) -> None:
    for seed in range(5):
        for patients, curve, n_rows, last in arms_of(sample(seed, n, tied)):
            events = sorted(time for time, is_event in patients if is_event)
            assert n_rows == len(events)
            np.testing.assert_allclose(curve.months[:n_rows], events, rtol=1e-15, atol=1e-16)
            assert last == pytest.approx(
                max((time for time, _ in patients), default=-math.inf), rel=1e-15
            )
            for month in MONTHS:
                k = count_until(curve.months, n_rows, month)
                expected = float(slow_survival(patients, month))
                assert survival_after(curve, k) == pytest.approx(expected, rel=1e-12, abs=0.0)
                variance = slow_survival_variance(patients, month)
                assert survival_variance(curve, k) == pytest.approx(variance, rel=1e-12, abs=0.0)
                assert is_defined(curve, k, month, last) == is_estimable(patients, month)


@pytest.mark.parametrize(("n", "tied"), CASES)
def test_restricted_means(n: int, tied: bool) -> None:
    for seed in range(5):
        for patients, curve, n_rows, _ in arms_of(sample(seed, n, tied)):
            for tau in MONTHS:
                k = count_until(curve.months, n_rows, tau)
                mean, variance = restricted_mean(curve, k, tau, scratch(n_rows))
                slow_mean, slow_variance = slow_rmst(patients, tau)
                assert mean == pytest.approx(slow_mean, rel=1e-12, abs=0.0)
                # Where all events are just before tau, what is left of tau has an error of tau's.
                assert variance == pytest.approx(slow_variance, rel=1e-11, abs=1e-25)


@pytest.mark.parametrize(("n", "tied"), CASES)
def test_comparisons_at_a_month(n: int, tied: bool) -> None:
    for seed in range(5):
        observed = sample(seed, n, tied)
        found = curves_of(observed)
        for month in MONTHS:
            same(means(found, month), difference(observed, month, slow_rmst), month)
            naive = compare_survival(*found, month, 0)
            same(naive, difference(observed, month, slow_milestone), 1.0)
            log_log = compare_survival(*found, month, 1)
            same(log_log, difference(observed, month, slow_log_log), 1.0)


def test_every_status_occurs_above() -> None:
    for slow in (slow_rmst, slow_milestone):
        statuses = {
            difference(sample(seed, n, tied), month, slow)[3]
            for n, tied in CASES
            for seed in range(5)
            for month in MONTHS
        }
        assert statuses == {0, STATUS_NO_INFORMATION, STATUS_NOT_ESTIMABLE}


@pytest.mark.parametrize(("n", "tied"), CASES)
def test_medians_and_their_limits(n: int, tied: bool) -> None:
    for seed in range(10):
        for patients, curve, n_rows, last in arms_of(sample(seed, n, tied, share=0.85)):
            found = median(curve, n_rows, last)
            assert found == pytest.approx(slow_midpoint_median(patients), rel=1e-15)
            for quantile in (Z95, Z99):
                rows = scratch(n_rows), scratch(n_rows)
                limits = median_limits(curve, n_rows, quantile, *rows)
                assert limits == pytest.approx(slow_median_limits(patients, quantile), rel=1e-15)


def test_the_constant_of_the_limits() -> None:
    assert pytest.approx(math.log(math.log(2.0)), rel=1e-15) == LOG_LOG_2


def one_arm(*patients: tuple[float, bool]) -> tuple[Curve, int, float]:
    found = curves_of([Observed(time, is_event, E) for time, is_event in patients])
    return found.experimental, found.n_experimental, found.last_experimental


@pytest.mark.parametrize(
    ("patients", "expected"),
    [
        # S is 1/2 from month 2 to 3, from 2 to the end of follow-up, and never.
        ([(1, True), (2, True), (3, True), (4, True)], 2.5),
        ([(1, True), (2, True), (3, False), (5, False)], 3.5),
        ([(1, True), (2, False), (3, False)], math.inf),
        # Through 1/2 in one step.
        ([(1, True), (2, True), (3, True)], 2.0),
        ([(1, True), (2, True), (2, True), (4, True), (5, False)], 2.0),
        # Four tied events, the second of which makes it 1/2.
        ([(1, True)] * 4, 1.0),
        # 5/6 * 3/5 is 1/2, which floats miss by a hair.
        ([(1, True), (2, True), (2, True), (3, False), (3, False), (9, True)], 5.5),
    ],
)
def test_the_median_by_hand(patients: list[tuple[float, bool]], expected: float) -> None:
    assert median(*one_arm(*patients)) == expected


def test_no_limit_at_the_middle_of_tied_events() -> None:
    # The lower limit at 99 % is at most 1/2 after the first of two tied events and not after both.
    patients = [(1.0, True)] * 2 + [(2.0, False)] * 11
    curve, n_rows, _ = one_arm(*patients)
    limits = median_limits(curve, n_rows, Z99, scratch(n_rows), scratch(n_rows))
    assert limits == slow_median_limits(patients, Z99)


def test_no_events() -> None:
    observed = [Observed(float(k), False, k % 2 == 0) for k in range(1, 9)]
    found = curves_of(observed)
    assert means(found, 7.0) == pytest.approx(
        (0.0, 0.0, math.nan, STATUS_NO_INFORMATION), nan_ok=True
    )
    assert restricted_mean(found.experimental, 0, 7.0, scratch(0)) == (7.0, 0.0)
    assert compare_survival(*found, 7.0, 1)[3] == STATUS_NOT_ESTIMABLE
    # The control arm's last patient leaves at month 7.
    assert means(found, 7.5)[3] == STATUS_NOT_ESTIMABLE
    assert compare_survival(*found, 7.5, 0)[3] == STATUS_NOT_ESTIMABLE
    assert median(found.experimental, 0, 8.0) == math.inf
    assert median_limits(found.experimental, 0, Z95, scratch(0), scratch(0)) == (math.inf, math.inf)


@pytest.mark.parametrize("month", [-1.0, 0.3, 2.5, 2.75, 6.0, 100.0])
@pytest.mark.parametrize(("n", "tied"), CASES)
def test_a_curve_up_to_a_month_is_the_beginning_of_the_whole(
    n: int, tied: bool, month: float
) -> None:
    observed = sample(6, n, tied)
    whole, part = curves_of(observed), curves_of(observed, month)
    for arm in ("experimental", "control"):
        curve, beginning = getattr(whole, arm), getattr(part, arm)
        rows = getattr(part, f"n_{arm}")
        months = curve.months[: getattr(whole, f"n_{arm}")]
        assert rows == sum(months <= month)
        # The same bits: other rows of a trial decide how far its curves go.
        for all_rows, first in zip(curve, beginning, strict=True):
            np.testing.assert_array_equal(first[:rows], all_rows[:rows])
        assert getattr(part, f"last_{arm}") == getattr(whole, f"last_{arm}")


@pytest.mark.parametrize("month", [-1.0, 2.5, math.inf])
@pytest.mark.parametrize(("n", "tied"), CASES)
def test_the_curve_of_one_arm_alone_is_that_beside_another(
    n: int, tied: bool, month: float
) -> None:
    observed = [patient._replace(is_experimental=E) for patient in sample(8, n, tied)]
    scale = scale_of(observed)
    curve = Curve(*(scratch(n + 1) for _ in range(3)))
    rows = curve_of_one_arm(sorted_keys(observed, scale), n, scale, month, curve)
    beside = curves_of(observed, month)
    assert rows == beside.n_experimental
    for alone, column in zip(curve, beside.experimental, strict=True):
        np.testing.assert_array_equal(alone[:rows], column[:rows])


def test_an_arm_without_patients_has_no_curve() -> None:
    found = curves_of([Observed(1.0, True, E), Observed(2.0, False, E)])
    assert found.last_control == -math.inf
    assert means(found, 0.5)[3] == STATUS_NOT_ESTIMABLE


def test_all_dead_is_known_for_ever() -> None:
    observed = [Observed(float(k), True, k % 2 == 0) for k in range(1, 9)]
    found = curves_of(observed)
    assert compare_survival(*found, 100.0, 0) == pytest.approx(
        (0.0, 0.0, math.nan, STATUS_NO_INFORMATION), nan_ok=True
    )
    # The means of 2, 4, 6, 8 and of 1, 3, 5, 7, with the variances of samples of four.
    estimate, se, z, status = means(found, 100.0)
    assert status == 0
    assert estimate == pytest.approx(1.0)
    assert se == pytest.approx(math.sqrt(2.0 * 5.0 / 4.0))
    assert z == pytest.approx(1.0 / se)


def test_an_event_at_the_month_has_happened_by_it() -> None:
    curve, n_rows, _ = one_arm((1.0, True), (2.0, True), (3.0, False), (4.0, False))
    assert survival_after(curve, count_until(curve.months, n_rows, 2.0)) == pytest.approx(0.5)
    before = count_until(curve.months, n_rows, math.nextafter(2.0, 0.0))
    assert survival_after(curve, before) == pytest.approx(0.75)


@pytest.mark.parametrize("n", range(14))
def test_running_products_and_sums(n: int) -> None:
    values = np.random.default_rng(n).uniform(0.5, 1.5, size=n + 1)
    for running, slow in ((running_products, np.cumprod), (running_sums, np.cumsum)):
        found = values.copy()
        running(found, n)
        np.testing.assert_allclose(found[:n], slow(values[:n]), rtol=1e-14)
        assert found[n] == values[n]


patients = st.lists(
    st.builds(Observed, st.integers(1, 40).map(lambda k: k / 4.0), st.booleans(), st.booleans()),
    min_size=2,
    max_size=40,
)


@given(observed=patients, tau=st.floats(0.01, 12.0), log_log=st.integers(0, 1))
@settings(deadline=None, max_examples=100)
def test_exchanging_the_arms_changes_the_sign(
    observed: list[Observed], tau: float, log_log: int
) -> None:
    found = curves_of(observed)
    back = curves_of([o._replace(is_experimental=not o.is_experimental) for o in observed])
    for there, here in (
        (means(back, tau), means(found, tau)),
        (compare_survival(*back, tau, log_log), compare_survival(*found, tau, log_log)),
    ):
        negated = (-here[0], here[1], -here[2], here[3])
        assert there == pytest.approx(negated, rel=1e-14, abs=0.0, nan_ok=True)


@given(observed=patients, tau=st.floats(0.01, 12.0))
@settings(deadline=None, max_examples=100)
def test_a_mean_lies_between_the_first_event_and_tau(observed: list[Observed], tau: float) -> None:
    for patients_of_arm, curve, n_rows, _ in arms_of(observed):
        k = count_until(curve.months, n_rows, tau)
        mean, variance = restricted_mean(curve, k, tau, scratch(n_rows))
        first = min([time for time, is_event in patients_of_arm if is_event] + [tau])
        assert first <= mean <= tau * (1.0 + 1e-15)
        assert variance >= 0.0
        if not any(time < tau and is_event for time, is_event in patients_of_arm):
            assert (mean, variance) == (tau, 0.0)


@given(observed=patients)
@settings(deadline=None, max_examples=100)
def test_without_censoring_all_is_that_of_plain_samples(observed: list[Observed]) -> None:
    for patients_of_arm, curve, n_rows, last in arms_of(
        [o._replace(is_event=True) for o in observed]
    ):
        times = [time for time, _ in patients_of_arm]
        if not times:
            continue
        n = len(times)
        assert median(curve, n_rows, last) == pytest.approx(np.median(times), rel=1e-15)
        mean, variance = restricted_mean(curve, n_rows, 10.5, scratch(n_rows))
        assert mean == pytest.approx(np.mean(times), rel=1e-13)
        assert variance == pytest.approx(np.var(times) / n, rel=1e-11, abs=1e-25)
        share = Fraction(sum(time > 5.0 for time in times), n)
        k = count_until(curve.months, n_rows, 5.0)
        assert survival_after(curve, k) == pytest.approx(float(share), rel=1e-13)
        assert survival_variance(curve, k) == pytest.approx(
            float(share * (1 - share) / n), rel=1e-12
        )
