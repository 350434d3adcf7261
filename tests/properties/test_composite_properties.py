"""Every composite distribution is tabulated to 1e-7 of survival, whatever it is made of."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulate.scenario.composite import Composite
from simulate.scenario.hazards import FloatArray, Hazard
from simulate.scenario.tabulation import marginal_hazard


@st.composite
def weibulls(draw: st.DrawFn) -> Hazard:
    shape = math.exp(draw(st.floats(math.log(0.1), math.log(30.0))))
    scale = math.exp(draw(st.floats(-5.0, 7.0)))
    return Hazard(shape, scale, (0.0,), (1.0,))


@st.composite
def pieces(draw: st.DrawFn) -> Hazard:
    gaps = draw(st.lists(st.floats(0.1, 30.0), max_size=4))
    starts = tuple(np.cumsum([0.0, *gaps]).tolist())
    slope = st.just(0.0) | st.floats(0.001, 5.0)
    slopes = tuple(draw(slope) for _ in gaps)
    return Hazard(1.0, 1.0, starts, (*slopes, draw(st.floats(0.001, 5.0))))


@st.composite
def composites(draw: st.DrawFn) -> Composite:
    hazards = draw(st.lists(weibulls() | pieces(), min_size=1, max_size=3))
    shares = np.array([draw(st.floats(0.05, 1.0)) for _ in hazards])
    return Composite(
        weights=tuple((shares / shares.sum()).tolist()),
        hazards=tuple(hazards),
        frailty_variance=draw(st.just(0.0) | st.floats(1e-6, 10.0)),
        cured=draw(st.just(0.0) | st.floats(0.001, 0.95)),
    )


def months_within(table: Hazard) -> FloatArray:
    """Months in all pieces of a table, and beyond."""
    starts = np.array([*table.starts_months, 1e9])
    return np.unique(starts[:-1, None] + np.diff(starts)[:, None] * np.linspace(0.0, 1.0, 9))


@settings(max_examples=60, deadline=None)
@given(composites())
def test_survival_of_the_table(composite: Composite) -> None:
    table = marginal_hazard(composite)
    months = months_within(table)
    with np.errstate(over="ignore", invalid="ignore"):
        v = composite.frailty_variance
        expected = np.full_like(months, composite.cured)
        for weight, hazard in zip(composite.weights, composite.hazards, strict=True):
            h = hazard.cumulative(months)
            part = (1.0 + v * h) ** (-1.0 / v) if v > 0.0 else np.exp(-h)
            expected += (1.0 - composite.cured) * weight * part
    assert np.abs(table.survival(months) - expected).max() < 1e-7
    assert min(table.slopes) >= 0.0
    assert (table.slopes[-1] == 0.0) == (composite.cured > 0.0)


@settings(max_examples=30, deadline=None)
@given(composites(), st.floats(0.05, 20.0))
def test_a_larger_hazard_ratio_is_less_survival(composite: Composite, ratio: float) -> None:
    table, other = marginal_hazard(composite), marginal_hazard(composite.times(ratio))
    months = months_within(table)
    difference = (other.survival(months) - table.survival(months)) * (1.0 if ratio < 1.0 else -1.0)
    assert difference.min() > -2e-7
