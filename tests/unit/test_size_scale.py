"""Coordinates of the line: the root of the events that are seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression
from scipy.stats import norm
from unit.test_size_search import counting, lever, months_lever

from simulate.studies.curve import Point
from simulate.studies.levers import Lever
from simulate.studies.scale import Scale, isotonic


def points(varied: Lever, values: list[float], spread: float) -> list[Point]:
    """Looks at trials of which each can have a normal number of events, 120 on average."""

    def lacking(d: float) -> float:
        return float(norm.cdf((d - 120.0) / spread))

    counts = counting(lambda _: 0.5, 1, lambda d: seen(d, spread), lacking)
    return [Point(value, counts({value: 100_000})[value]) for value in values]


def seen(d: float, spread: float) -> float:
    """Mean of the smaller of d and a normal number."""
    z = (d - 120.0) / spread
    return float(d - spread * (z * norm.cdf(z) + norm.pdf(z)))


@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_events_seen_between_and_beyond_the_points(spread: float) -> None:
    varied = lever(patients=160, n_events=88)
    scale = Scale(varied, points(varied, [90.0, 112.0, 120.0, 130.0, 150.0], spread))
    assert scale.is_measured
    for d in (80.0, 100.0, 112.0, 116.0, 124.0, 145.0, 158.0):
        at = scale.of(varied.coordinate(d))
        assert at**2 == pytest.approx(seen(d, spread), abs=0.3 * spread)
        assert varied.value_at(scale.own_at(at)) == pytest.approx(d, rel=1e-6)


def test_two_far_points_tell_where_the_events_end() -> None:
    """A straight line between them would be 17 events off."""
    varied = lever(patients=160, n_events=88)
    scale = Scale(varied, points(varied, [80.0, 160.0], 1.0))
    assert scale.of(math.sqrt(119.0)) ** 2 == pytest.approx(119.0, abs=0.2)
    assert scale.of(math.sqrt(140.0)) ** 2 == pytest.approx(120.0, abs=0.2)


def test_a_single_point_is_on_a_line_through_the_origin() -> None:
    varied = lever()
    scale = Scale(varied, points(varied, [100.0], 1.0))
    assert scale.of(math.sqrt(64.0)) == pytest.approx(8.0, rel=1e-3)


def test_months_and_other_figures() -> None:
    months = months_lever()
    counts = counting(lambda _: 0.5, 1, lambda m: 20.0 + m)
    scale = Scale(months, [Point(m, counts({m: 1_000})[m]) for m in (0.0, 5.0, 16.0)])
    assert scale.of(16.0) == pytest.approx(6.0, rel=1e-4)
    assert scale.own_at(5.0) == pytest.approx(5.0, rel=1e-4)
    ratio = lever("hazard-ratio")
    own = Scale(ratio, points(ratio, [0.5], 1.0))
    assert not own.is_measured
    assert own.of(0.7) == own.own_at(0.7) == 0.7


@given(st.lists(st.tuples(st.floats(-10.0, 10.0), st.floats(0.1, 9.0)), min_size=1, max_size=12))
def test_isotonic_values_are_those_of_scipy(given_: list[tuple[float, float]]) -> None:
    values, weights = (np.array(column) for column in zip(*given_, strict=True))
    expected = isotonic_regression(values, weights=weights).x
    assert isotonic(values, weights) == pytest.approx(expected, abs=1e-9)
