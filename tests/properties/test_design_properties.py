"""What must hold for every design: monotone counts, conservation, agreement of the accruals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulate.design.crossing import crossing_probabilities
from simulate.design.expected import (
    Accrual,
    Group,
    entry_month,
    expected_counts,
    probability_by,
    time_to_events,
)
from simulate.scenario.hazards import Hazard

MONTHS = np.linspace(0.0, 90.0, 25)
SLACK = 1e-9


@st.composite
def hazards(draw: st.DrawFn) -> Hazard:
    """Weibull, piecewise exponential, or a Weibull under a ratio that changes with time."""
    shape = draw(st.floats(0.3, 5.0))
    scale = draw(st.floats(10.0, 60.0))
    gaps = draw(st.lists(st.floats(0.1, 30.0), max_size=3))
    starts = (0.0, *(float(start) for start in np.cumsum(gaps)))
    slope = st.one_of(st.just(0.0), st.floats(0.01, 2.0))
    slopes = tuple(draw(st.lists(slope, min_size=len(starts), max_size=len(starts))))
    return Hazard(shape, scale, starts, slopes)


@st.composite
def accruals(draw: st.DrawFn) -> Accrual:
    """Any kind of accrual with up to three rates, pauses among them."""
    gaps = draw(st.lists(st.floats(0.5, 10.0), max_size=2))
    rates = [draw(st.one_of(st.just(0.0), st.floats(0.5, 40.0))) for _ in gaps]
    return Accrual(
        draw(st.integers(1, 400)),
        draw(st.sampled_from(["evenly_spaced", "poisson", "uniform"])),
        (0.0, *(float(start) for start in np.cumsum(gaps))),
        (*rates, draw(st.floats(0.5, 40.0))),
    )


dropouts = st.one_of(st.none(), hazards())
maxima = st.one_of(st.just(math.inf), st.floats(1.0, 60.0))


@given(hazards(), dropouts, maxima)
@settings(deadline=None)
def test_probabilities_rise_and_add_up(
    event: Hazard, dropout: Hazard | None, maximum: float
) -> None:
    observed, dropped = probability_by(event, dropout, MONTHS, maximum)
    for probability in (observed, dropped):
        assert np.all(probability >= -SLACK)
        assert np.all(np.diff(probability) >= -SLACK)
    followed = np.minimum(MONTHS, maximum)
    rise = event.cumulative(followed) + (0.0 if dropout is None else dropout.cumulative(followed))
    np.testing.assert_allclose(observed + dropped, -np.expm1(-rise), rtol=0.0, atol=1e-10)


@given(hazards(), dropouts, accruals(), maxima)
@settings(deadline=None)
def test_counts_rise_and_never_exceed_the_patients(
    event: Hazard, dropout: Hazard | None, accrual: Accrual, maximum: float
) -> None:
    groups = [Group("a", 0.6, event, dropout)]
    counts = expected_counts(groups, accrual, MONTHS, maximum)
    slack = SLACK * accrual.n_patients
    for values in (counts.patients, counts.events, counts.dropouts):
        assert np.all(values >= -slack)
        assert np.all(np.diff(values) >= -slack)
    assert np.all(counts.events + counts.dropouts <= counts.patients + slack)
    assert np.all(counts.patients <= 0.6 * accrual.n_patients + slack)


@given(hazards(), dropouts, accruals(), st.floats(0.01, 0.99))
@settings(deadline=None)
def test_time_to_events_is_when_they_are_expected(
    event: Hazard, dropout: Hazard | None, accrual: Accrual, fraction: float
) -> None:
    groups = [Group("a", 0.6, event, dropout)]
    total = float(expected_counts(groups, accrual, math.inf).events.sum())
    if total < 1e-6:
        assert time_to_events(groups, accrual, 1.0) == math.inf
        return
    month = time_to_events(groups, accrual, fraction * total)
    # Steep hazards turn the tolerance of the time into one of the events.
    before, after = expected_counts(
        groups, accrual, [month * (1 - 1e-7), month * (1 + 1e-7)]
    ).events[0]
    assert before <= fraction * total + SLACK and after >= fraction * total - SLACK
    assert time_to_events(groups, accrual, 1.001 * total) == math.inf


@given(hazards(), dropouts, accruals(), maxima)
@settings(deadline=None, max_examples=30)
def test_accruals_agree_for_many_patients(
    event: Hazard, dropout: Hazard | None, accrual: Accrual, maximum: float
) -> None:
    groups = [Group("a", 1.0, event, dropout)]
    n, factor = 20_000, 20_000 / accrual.n_patients
    rates = tuple(rate * factor for rate in accrual.rates_per_month)
    many = Accrual(n, "uniform", accrual.starts_months, rates)
    fluid = expected_counts(groups, many, MONTHS, maximum)
    spaced = expected_counts(groups, replace(many, arrivals="evenly_spaced"), MONTHS, maximum)
    random = expected_counts(groups, replace(many, arrivals="poisson"), MONTHS, maximum)
    # Evenly spaced patients are at most one behind; the Poisson process stops sqrt(n) off.
    assert np.all(np.abs(spaced.events - fluid.events) <= 1.0 + SLACK)
    assert np.all(np.abs(random.events - fluid.events) <= math.sqrt(n))


@given(accruals())
@settings(deadline=None)
def test_entries_are_in_order(accrual: Accrual) -> None:
    patients = np.unique(np.linspace(1, accrual.n_patients, 10).astype(int))
    entries = np.array([entry_month(accrual, int(k)) for k in patients])
    assert np.all(entries > 0.0)
    assert np.all(np.diff(entries) > 0.0)


@st.composite
def looks(draw: st.DrawFn) -> tuple[list[float], list[float], list[float]]:
    """Upper and lower bounds, and information, of up to five looks."""
    n_looks = draw(st.integers(1, 5))
    gaps = [draw(st.floats(0.5, 100.0)) for _ in range(n_looks)]
    lower = [draw(st.floats(-3.0, 2.0)) for _ in range(n_looks)]
    upper = [low + draw(st.floats(0.0, 4.0)) for low in lower]
    return upper, lower, [float(info) for info in np.cumsum(gaps)]


@given(looks(), st.floats(-0.5, 0.5))
@settings(deadline=None)
def test_a_trial_leaves_once_at_most(
    design: tuple[list[float], list[float], list[float]], drift: float
) -> None:
    upper, lower, information = design
    first = crossing_probabilities(upper, information, drift, lower)
    assert np.all(first.upper >= 0.0) and np.all(first.lower >= 0.0)
    assert first.upper.sum() + first.lower.sum() <= 1.0 + 1e-12
    # Turned upside down, the bounds change places.
    turned = crossing_probabilities(
        [-bound for bound in lower], information, -drift, [-bound for bound in upper]
    )
    np.testing.assert_allclose(turned.lower, first.upper, rtol=0.0, atol=1e-13)
    np.testing.assert_allclose(turned.upper, first.lower, rtol=0.0, atol=1e-13)
    # A last look at which both bounds meet leaves nothing over.
    last = crossing_probabilities(
        [*upper, 1.0], [*information, information[-1] + 5.0], drift, [*lower, 1.0]
    )
    assert math.isclose(last.upper.sum() + last.lower.sum(), 1.0, abs_tol=1e-12)


@given(looks(), st.floats(-0.5, 0.5), st.floats(0.01, 1.0))
@settings(deadline=None)
def test_a_larger_drift_rejects_more(
    design: tuple[list[float], list[float], list[float]], drift: float, more: float
) -> None:
    upper, _, information = design
    less_power = np.cumsum(crossing_probabilities(upper, information, drift).upper)
    power = np.cumsum(crossing_probabilities(upper, information, drift + more).upper)
    assert np.all(power >= less_power - 1e-13)
