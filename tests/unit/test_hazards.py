"""Hazards against scipy's distributions, numerical integration, and each other."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from simulate.scenario.hazards import Hazard, constant_hazard_ratio

MONTHS = np.array([0.0, 0.01, 1.0, 3.0, 5.999, 6.0, 12.0, 30.0, 200.0])
EXPONENTIAL = Hazard(1.0, 1.0, (0.0,), (0.06,))
WEIBULL = Hazard(0.7, 14.0, (0.0,), (1.0,))
PIECEWISE = Hazard(1.0, 1.0, (0.0, 3.0, 6.0), (0.1, 0.0, 0.05))
DELAYED = WEIBULL.times_from((0.0, 4.0), (1.0, 0.5))


@pytest.mark.parametrize(
    ("hazard", "oracle"),
    [
        (EXPONENTIAL, stats.expon(scale=1 / 0.06)),
        (WEIBULL, stats.weibull_min(0.7, scale=14.0)),
        (Hazard(1.8, 9.0, (0.0,), (1.0,)), stats.weibull_min(1.8, scale=9.0)),
    ],
)
def test_survival_and_quantile_match_scipy(hazard: Hazard, oracle: Any) -> None:
    np.testing.assert_allclose(hazard.survival(MONTHS), oracle.sf(MONTHS), rtol=1e-12)
    np.testing.assert_allclose(hazard.cumulative(MONTHS), -oracle.logsf(MONTHS), rtol=1e-12)
    p = np.array([0.0, 1e-9, 0.1, 0.5, 0.99])
    np.testing.assert_allclose(hazard.quantile(p), oracle.ppf(p), rtol=1e-9)


def test_weibull_under_a_hazard_ratio_has_another_scale() -> None:
    oracle = stats.weibull_min(0.7, scale=14.0 * 0.55 ** (-1 / 0.7))
    np.testing.assert_allclose(WEIBULL.times(0.55).survival(MONTHS), oracle.sf(MONTHS), rtol=1e-12)


def _rate_piecewise(t: float) -> float:
    return 0.1 if t < 3 else 0.0 if t < 6 else 0.05


def _rate_delayed(t: float) -> float:
    ratio = 1.0 if t < 4 else 0.5
    return ratio * 0.7 / 14.0 * math.pow(t / 14.0, 0.7 - 1.0)


@pytest.mark.parametrize(
    ("hazard", "rate", "breaks"),
    [(PIECEWISE, _rate_piecewise, (3.0, 6.0)), (DELAYED, _rate_delayed, (4.0,))],
)
def test_cumulative_hazard_is_the_integral_of_the_rate(
    hazard: Hazard, rate: Callable[[float], float], breaks: tuple[float, ...]
) -> None:
    for month in (1.0, 3.5, 5.0, 8.0, 40.0):
        knots = [0.0, *(b for b in breaks if b < month), month]
        pieces = [integrate.quad(rate, a, b)[0] for a, b in pairwise(knots)]
        assert hazard.cumulative(month) == pytest.approx(math.fsum(pieces), rel=1e-7)


@pytest.mark.parametrize("hazard", [EXPONENTIAL, WEIBULL, PIECEWISE, DELAYED])
def test_quantile_inverts_survival(hazard: Hazard) -> None:
    p = np.linspace(0.0, 0.999, 60)
    np.testing.assert_allclose(1.0 - hazard.survival(hazard.quantile(p)), p, atol=1e-12)
    assert hazard.quantile(1.0) == math.inf


def test_quantile_is_infinite_where_events_stop() -> None:
    stopping = Hazard(1.0, 1.0, (0.0, 5.0), (0.1, 0.0))
    ever = 1.0 - math.exp(-0.5)
    assert stopping.quantile([ever - 1e-9, ever + 1e-9, 1.0]).tolist() == [
        pytest.approx(5.0),
        math.inf,
        math.inf,
    ]


def test_quantile_of_nothing_is_the_start_even_before_the_first_hazard() -> None:
    late = Hazard(1.0, 1.0, (0.0, 2.0), (0.0, 0.1))
    assert late.quantile(0.0) == 0.0
    assert late.quantile(1e-12) == pytest.approx(2.0)


def test_shapes_of_arrays_are_kept() -> None:
    grid = np.ones((2, 3))
    assert PIECEWISE.survival(grid).shape == (2, 3)
    assert PIECEWISE.quantile(grid / 2).shape == (2, 3)


def test_changing_ratios_split_pieces_where_either_changes() -> None:
    product = PIECEWISE.times_from((0.0, 1.0, 6.0), (1.0, 2.0, 0.5))
    assert product == Hazard(1.0, 1.0, (0.0, 1.0, 3.0, 6.0), (0.1, 0.2, 0.0, 0.025))


@pytest.mark.parametrize(
    ("experimental", "control", "ratio"),
    [
        (EXPONENTIAL.times(0.55), EXPONENTIAL, 0.55),
        (WEIBULL.times(0.55), WEIBULL, 0.55),
        (PIECEWISE.times(0.55), PIECEWISE, 0.55),
        (DELAYED.times(2.0), DELAYED, 2.0),
        (WEIBULL.times_from((0.0, 4.0), (0.6, 0.6)), WEIBULL, 0.6),
        (Hazard(0.7, 28.0, (0.0,), (1.0,)), WEIBULL, 0.5**0.7),
        (EXPONENTIAL, EXPONENTIAL, 1.0),
        (DELAYED, WEIBULL, None),
        (Hazard(0.8, 14.0, (0.0,), (1.0,)), WEIBULL, None),
        (PIECEWISE, EXPONENTIAL, None),
        (EXPONENTIAL, PIECEWISE, None),
    ],
)
def test_constant_hazard_ratio(experimental: Hazard, control: Hazard, ratio: float | None) -> None:
    found = constant_hazard_ratio(experimental, control)
    assert found == (None if ratio is None else pytest.approx(ratio, rel=1e-12))


def test_constant_hazard_ratio_is_the_ratio_of_the_cumulative_hazards() -> None:
    experimental = Hazard(0.7, 20.0, (0.0, 6.0), (2.0, 1.0))
    control = Hazard(0.7, 9.0, (0.0, 6.0), (1.0, 0.5))
    ratio = constant_hazard_ratio(experimental, control)
    assert ratio is not None
    quotient = experimental.cumulative(MONTHS[1:]) / control.cumulative(MONTHS[1:])
    np.testing.assert_allclose(quotient, ratio, rtol=1e-12)
