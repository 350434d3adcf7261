from __future__ import annotations

import math
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate

from simulate.design.expected import (
    Accrual,
    Group,
    expected_counts,
    probability_by,
    time_to_events,
)
from simulate.design.follow_up import follow_up_table
from simulate.scenario.hazards import FloatArray, Hazard


def exponential(rate: float) -> Hazard:
    return Hazard(1.0, 1.0, (0.0,), (rate,))


def weibull(shape: float, scale_months: float) -> Hazard:
    return Hazard(shape, scale_months, (0.0,), (1.0,))


DELAYED = Hazard(1.0, 1.0, (0.0, 4.0, 9.0), (0.0, 0.1, 0.02))
BURST = Hazard(1.0, 1.0, (0.0, 12.0), (0.01, 50.0))
# A clock that stretches far after a change while its cumulative hazard hardly rises.
WANING = Hazard(3.0, 24.0, (0.0, 1.0, 2.0, 20.0), (0.0, 0.0, 2.0, 0.01171875))
NOTHING = exponential(0.0)
EVENTS = [
    exponential(0.06),
    weibull(0.3, 10.0),
    weibull(5.0, 10.0),
    DELAYED,
    BURST,
    WANING,
    NOTHING,
]
DROPOUTS = [None, exponential(0.02), weibull(0.3, 12.0), weibull(5.0, 12.0), NOTHING]
ACCRUALS = [
    Accrual(60, "evenly_spaced", (0.0, 2.0, 5.0), (4.0, 0.0, 8.0)),
    Accrual(60, "poisson", (0.0, 2.0, 5.0), (4.0, 0.0, 8.0)),
    Accrual(60, "uniform", (0.0, 2.0, 5.0), (4.0, 0.0, 8.0)),
]


def slow_probability(event: Hazard, dropout: Hazard | None, months: float) -> float:
    """P(event observed) as the mean of the dropout's survival over the event's distribution."""
    if dropout is None:
        return float(-np.expm1(-event.cumulative(months)))

    def staying(log_rise: float) -> float:
        # Over the logarithm of the event's cumulative hazard, on which its distribution is smooth.
        rise = math.exp(log_rise)
        month = float(event.quantile(-math.expm1(-rise)))
        return math.exp(log_rise - rise) * float(dropout.survival(month))

    top = float(event.cumulative(months))
    if top == 0.0:
        return 0.0
    top = min(top, 36.0)
    breaks = [h for s in event.starts_months if 0.0 < (h := float(event.cumulative(s))) < top]
    edges = np.log([top * 1e-14, top * 1e-9, top * 1e-4, top * 0.1, top * 0.5, *breaks, top])
    parts = pairwise(np.sort(edges))
    return math.fsum(integrate.quad(staying, *part, epsabs=1e-14, limit=400)[0] for part in parts)


@pytest.mark.parametrize("dropout", DROPOUTS)
@pytest.mark.parametrize("event", EVENTS)
def test_probability_against_quad(event: Hazard, dropout: Hazard | None) -> None:
    months = np.array([1e-3, 0.5, 3.0, 8.0, 12.01, 20.0, 60.0])
    fast, dropped = probability_by(event, dropout, months)
    slow = [slow_probability(event, dropout, float(month)) for month in months]
    np.testing.assert_allclose(fast, slow, rtol=0.0, atol=1e-11)
    survival = event.survival(months) * (1.0 if dropout is None else dropout.survival(months))
    np.testing.assert_allclose(fast + dropped + survival, 1.0, rtol=0.0, atol=1e-12)


def test_probability_of_two_constant_hazards() -> None:
    months = np.array([[0.0, 1.0], [24.0, math.inf]])
    observed, dropped = probability_by(exponential(0.06), exponential(0.02), months)
    left = -np.expm1(-0.08 * months)
    np.testing.assert_allclose(observed, 0.75 * left, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(dropped, 0.25 * left, rtol=0.0, atol=1e-12)


def test_probability_of_two_proportional_weibulls() -> None:
    event = weibull(0.3, 10.0)
    observed, dropped = probability_by(event, event.times(0.25), [2.0, 1e3, math.inf])
    np.testing.assert_allclose(observed, 4.0 * dropped, rtol=1e-11)
    assert observed[-1] == pytest.approx(0.8, abs=1e-12)


def test_probability_stops_at_the_maximum_follow_up() -> None:
    at_twelve = probability_by(DELAYED, weibull(1.7, 30.0), 12.0)
    beyond = probability_by(DELAYED, weibull(1.7, 30.0), [12.0, 13.0, math.inf], 12.0)
    for one, many in zip(at_twelve, beyond, strict=True):
        assert one.shape == ()
        np.testing.assert_array_equal(many, np.full(3, float(one)))


def slow_counts(group: Group, accrual: Accrual, month: float, maximum: float) -> FloatArray:
    """Events and dropouts of a group by adaptive quadrature over entries, or by adding them up."""
    table = follow_up_table([(group.event, group.dropout)])

    def observed(entry: float) -> FloatArray:
        followed = np.array([max(0.0, min(month - entry, maximum))])
        return table.probabilities(followed)[0, :, 0]

    if accrual.arrivals == "evenly_spaced":
        # Patients 1 to 8 enter at 4 a month, the others from month 5 at 8 a month.
        entries = [k / 4 for k in range(1, 9)] + [5 + (k - 8) / 8 for k in range(9, 61)]
        return group.share * sum((observed(s) for s in entries if s <= month), start=np.zeros(2))
    end = min(month, 11.5 if accrual.arrivals == "uniform" else 30.0)
    kinks = [month - s for s in (*group.event.starts_months[1:], maximum)]
    edges = np.unique(np.clip([0.0, 2.0, 5.0, 8.0, 11.5, 15.0, *kinks, end], 0.0, end))
    total = np.zeros(2)
    for low, high in pairwise(edges):
        total += integrate.quad_vec(
            lambda s: observed(s) * accrual.intensity(s), low, high, epsabs=1e-9
        )[0]
    return group.share * total


@pytest.mark.parametrize("accrual", ACCRUALS, ids=lambda accrual: accrual.arrivals)
@pytest.mark.parametrize("maximum", [7.0, math.inf])
def test_expected_counts_against_slow_sums(accrual: Accrual, maximum: float) -> None:
    groups = [
        Group("a", 0.3, DELAYED, exponential(0.02)),
        Group("b", 0.2, weibull(0.3, 10.0), None),
        Group("b", 0.4, BURST, weibull(2.0, 30.0)),
    ]
    months = [0.0, 1.5, 4.0, 11.5, 14.0, 40.0]
    counts = expected_counts(groups, accrual, months, maximum)
    for g, group in enumerate(groups):
        for i, month in enumerate(months):
            slow = slow_counts(group, accrual, month, maximum)
            assert counts.events[g, i] == pytest.approx(slow[0], abs=2e-8)
            assert counts.dropouts[g, i] == pytest.approx(slow[1], abs=2e-8)


def test_poisson_counts_average_over_each_arrival() -> None:
    # Patient k enters at a gamma time: three patients, one by one.
    group = Group("a", 1.0, exponential(0.2), None)
    months = np.array([0.3, 2.0, 6.0])
    counts = expected_counts([group], Accrual(3, "poisson", (0.0,), (1.5,)), months)
    for i, month in enumerate(months):
        slow = sum(
            integrate.quad(
                lambda s, k=k, t=month: (
                    1.5
                    * (1.5 * s) ** (k - 1)
                    / math.factorial(k - 1)
                    * math.exp(-1.5 * s)
                    * -math.expm1(-0.2 * (t - s))
                ),
                0.0,
                month,
                epsabs=1e-13,
            )[0]
            for k in (1, 2, 3)
        )
        assert counts.events[0, i] == pytest.approx(slow, rel=1e-10)


def test_many_patients_in_parts_and_groups_in_batches() -> None:
    # 20 groups and 120,000 patients exceed what is handled at once.
    accrual = Accrual(120_000, "evenly_spaced", (0.0,), (5_000.0,))
    groups = [Group("a", 0.05, exponential(0.01 * (1 + g)), exponential(0.01)) for g in range(20)]
    months = np.array([6.0, 24.0, 36.0])
    counts = expected_counts(groups, accrual, months)
    entries = np.arange(1, 120_001) / 5_000.0
    follow_up = np.clip(months[:, None] - entries, 0.0, None)
    for g in (0, 7, 8, 19):
        rate = 0.01 * (1 + g)
        left = -np.expm1(-(rate + 0.01) * follow_up).sum(axis=1)
        np.testing.assert_allclose(counts.events[g], 0.05 * rate / (rate + 0.01) * left, rtol=1e-11)
        np.testing.assert_allclose(
            counts.dropouts[g], 0.05 * 0.01 / (rate + 0.01) * left, rtol=1e-11
        )
    np.testing.assert_allclose(counts.patients[0], 0.05 * np.array([30_000, 120_000, 120_000]))


@pytest.mark.parametrize("accrual", ACCRUALS, ids=lambda accrual: accrual.arrivals)
def test_time_to_events_inverts_the_expected_events(accrual: Accrual) -> None:
    groups = [Group("a", 0.5, weibull(1.3, 9.0), exponential(0.01)), Group("b", 0.25, BURST)]
    for n_events in (0.5, 12.0, 30.0, 42.0):
        month = time_to_events(groups, accrual, n_events)
        assert expected_counts(groups, accrual, month).events.sum() == pytest.approx(n_events)


def test_time_to_events_that_never_come() -> None:
    accrual = ACCRUALS[0]
    patients = [Group("a", 1.0, exponential(0.1), exponential(0.1))]
    assert math.isfinite(time_to_events(patients, accrual, 29.99))
    assert time_to_events(patients, accrual, 30.01) == math.inf
    # Followed for 5 months each, at most 60 * (1 - exp(-1)) / 2 = 18.96 have an observed event,
    # the last of them when the last patient's follow-up ends.
    assert 16.0 < time_to_events(patients, accrual, 18.96, maximum_months=5.0) <= 16.5
    assert time_to_events(patients, accrual, 18.97, maximum_months=5.0) == math.inf
    assert time_to_events([Group("a", 1.0, NOTHING)], accrual, 1.0) == math.inf


def test_infinite_calendar_time_is_the_end() -> None:
    groups = [Group("a", 1.0, exponential(0.06), exponential(0.02))]
    for accrual in ACCRUALS:
        counts = expected_counts(groups, accrual, math.inf)
        assert counts.patients[0, 0] == pytest.approx(60.0, rel=1e-12)
        assert counts.events[0, 0] == pytest.approx(45.0, rel=1e-10)
        assert counts.dropouts[0, 0] == pytest.approx(15.0, rel=1e-10)


def test_scipy_is_not_imported_at_start_up() -> None:
    rooms = "simulate.design.expected, simulate.design.crossing, simulate.design.schoenfeld"
    check = f"import sys, {rooms}; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_refused_arguments() -> None:
    group, accrual = Group("a", 1.0, exponential(0.1)), ACCRUALS[0]
    with pytest.raises(ValueError, match="share of a must be from 0 to 1"):
        Group("a", 1.5, exponential(0.1))
    with pytest.raises(ValueError, match="share of a"):
        Group("a", math.nan, exponential(0.1))
    with pytest.raises(ValueError, match="at least one group"):
        expected_counts([], accrual, [1.0])
    with pytest.raises(ValueError, match="calendar_months"):
        expected_counts([group], accrual, [-1.0])
    with pytest.raises(ValueError, match="calendar_months"):
        expected_counts([group], accrual, [[1.0]])
    with pytest.raises(ValueError, match="maximum_months"):
        expected_counts([group], accrual, [1.0], maximum_months=0.0)
    with pytest.raises(ValueError, match="n_events must be greater than 0"):
        time_to_events([group], accrual, 0.0)
    with pytest.raises(ValueError, match="months must not be negative"):
        probability_by(group.event, None, [1.0, -1.0])
    with pytest.raises(ValueError, match="months must not be negative"):
        probability_by(group.event, None, math.nan)
