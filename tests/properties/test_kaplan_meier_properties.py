"""Kaplan-Meier estimates of any patients, ties and all, against the slow twin in fractions."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from twins.slow_kaplan_meier import slow_at_risk, slow_median, slow_survival

from simulate.results.kaplan_meier import KaplanMeier, kaplan_meier, n_at_risk

# Few distinct times, so that many tie; and any times.
TIMES = st.one_of(st.integers(0, 6).map(float), st.floats(0.0, 1e6))
PATIENTS = st.lists(st.tuples(TIMES, st.booleans()), max_size=40)
Patients = list[tuple[float, bool]]


def curve_of(patients: Patients) -> KaplanMeier:
    months = np.array([time for time, _ in patients], dtype=float)
    return kaplan_meier(months, np.array([is_event for _, is_event in patients], dtype=bool))


@given(PATIENTS, TIMES)
def test_estimate_is_that_of_the_twin(patients: Patients, month: float) -> None:
    at = np.array([month, *(time for time, _ in patients)])
    expected = [float(slow_survival(patients, time)) for time in at]
    np.testing.assert_allclose(curve_of(patients).survival_at(at), expected, rtol=1e-13)


@given(PATIENTS)
def test_median_is_that_of_the_twin(patients: Patients) -> None:
    assert curve_of(patients).median_months == slow_median(patients)


@given(PATIENTS, TIMES)
def test_numbers_at_risk_are_those_of_the_twin(patients: Patients, month: float) -> None:
    curve = curve_of(patients)
    months = np.array([time for time, _ in patients], dtype=float)
    assert n_at_risk(months, np.array([month])).tolist() == [slow_at_risk(patients, month)]
    assert curve.at_risk.tolist() == [slow_at_risk(patients, t) for t in curve.months.tolist()]


@given(PATIENTS)
def test_a_curve_falls_at_each_distinct_event_time_and_nowhere_else(patients: Patients) -> None:
    curve = curve_of(patients)
    assert curve.months.tolist() == sorted({time for time, is_event in patients if is_event})
    assert curve.events.sum() == sum(is_event for _, is_event in patients)
    assert np.all(np.diff(np.concatenate(([1.0], curve.survival))) < 0.0)
    assert np.all(curve.survival >= 0.0)


@given(st.lists(TIMES, min_size=1, max_size=40))
def test_without_censoring_it_is_the_share_still_event_free(times: list[float]) -> None:
    curve = curve_of([(time, True) for time in times])
    shares = [sum(other > time for other in times) / len(times) for time in times]
    np.testing.assert_allclose(curve.survival_at(np.array(times)), shares, rtol=1e-13, atol=1e-16)
