"""Kaplan-Meier estimates worked out by hand, and the conventions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulate.results.kaplan_meier import KaplanMeier, kaplan_meier, n_at_risk


def curve_of(*patients: tuple[float, int]) -> KaplanMeier:
    months, events = zip(*patients, strict=True)
    return kaplan_meier(np.array(months, dtype=float), np.array(events) == 1)


def test_events_precede_censorings_at_equal_times() -> None:
    # At month 2 four are at risk, the censored one among them; at month 5 the last one.
    curve = curve_of((1, 0), (2, 1), (2, 0), (2, 1), (5, 1))
    assert curve.months.tolist() == [2.0, 5.0]
    assert curve.at_risk.tolist() == [4, 1]
    assert curve.events.tolist() == [2, 1]
    assert curve.survival.tolist() == [0.5, 0.0]


def test_the_estimate_holds_from_its_event_on() -> None:
    curve = curve_of((1, 1), (2, 0), (3, 1), (4, 0))
    at = np.array([0.0, 0.999, 1.0, 2.5, 3.0, 99.0])
    np.testing.assert_allclose(curve.survival_at(at), [1.0, 1.0, 0.75, 0.75, 0.375, 0.375])


def test_at_risk_are_those_followed_until_then_or_longer() -> None:
    months = np.array([3.0, 1.0, 2.0, 2.0])
    assert n_at_risk(months, np.array([0.0, 1.0, 2.0, 2.1, 3.0, 4.0])).tolist() == [
        4,
        4,
        3,
        1,
        1,
        0,
    ]


def test_the_median_is_the_first_month_at_one_half_or_below() -> None:
    # S is exactly 0.5 from month 2 to 3: the start of the interval.
    assert curve_of((1, 1), (2, 1), (3, 1), (4, 1)).median_months == 2.0
    assert curve_of((1, 1), (2, 1), (3, 1)).median_months == 2.0
    assert curve_of((1, 1), (2, 0), (3, 0)).median_months == math.inf
    assert curve_of((1, 0)).median_months == math.inf


@pytest.mark.parametrize("n_patients", [2, 6, 10, 14, 98, 4000])
def test_one_half_is_met_however_the_product_rounds(n_patients: int) -> None:
    months = np.arange(1.0, n_patients + 1.0)
    curve = kaplan_meier(months, np.ones(n_patients, dtype=bool))
    assert curve.median_months == n_patients / 2


def test_nobody_has_a_curve_of_no_steps() -> None:
    nobody = kaplan_meier(np.array([]), np.array([], dtype=bool))
    assert len(nobody.months) == 0
    assert nobody.median_months == math.inf
    assert nobody.survival_at(np.array([0.0, 5.0])).tolist() == [1.0, 1.0]
