"""Confidence intervals of proportions against the tests that they invert, in exact fractions."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import ndtri
from twins.slow_proportions import Table, slow_binomial, slow_z

from simulate.design.proportions import clopper_pearson, miettinen_nurminen, wilson
from simulate.engine.proportions import PROPORTIONS_MIETTINEN_NURMINEN

LEVELS = (0.5, 0.8, 0.95, 0.999)
COUNTS = [(x, n) for n in (1, 2, 5, 20, 60) for x in range(0, n + 1, max(1, n // 7))]
FEW = [
    Table(x1, n1, x0, n0)
    for n1 in (1, 2, 4, 13)
    for n0 in (1, 3, 8)
    for x1 in range(n1 + 1)
    for x0 in range(n0 + 1)
]
Limits = tuple[NDArray[np.float64], NDArray[np.float64]]
Interval = Callable[[ArrayLike, ArrayLike, float], Limits]


def limits_of(interval: Interval, x: int, n: int, level: float) -> tuple[float, float]:
    lower, upper = interval(x, n, level)
    return float(lower), float(upper)


def limits_of_difference(table: Table, level: float = 0.95) -> tuple[float, float]:
    lower, upper = miettinen_nurminen(*table, level)
    return float(lower), float(upper)


@pytest.mark.parametrize("level", LEVELS)
def test_clopper_pearson_leaves_half_of_the_rest_in_each_tail(level: float) -> None:
    half = (1.0 - level) / 2.0
    for x, n in COUNTS:
        lower, upper = limits_of(clopper_pearson, x, n, level)
        if x > 0:
            assert float(slow_binomial(x, n, lower)) == pytest.approx(half, rel=1e-11)
        if x < n:
            assert float(1 - slow_binomial(x + 1, n, upper)) == pytest.approx(half, rel=1e-11)
        assert (lower == 0.0) == (x == 0)
        assert (upper == 1.0) == (x == n)


@pytest.mark.parametrize("level", LEVELS)
def test_wilsons_limits_are_where_the_score_test_just_rejects(level: float) -> None:
    z = -float(ndtri((1.0 - level) / 2.0))
    for x, n in COUNTS:
        lower, upper = limits_of(wilson, x, n, level)
        for limit, sign in ((lower, 1.0), (upper, -1.0)):
            distance = x / n - limit
            assert distance == pytest.approx(
                sign * z * math.sqrt(limit * (1.0 - limit) / n), rel=1e-12, abs=1e-15
            )
        assert (lower == 0.0) == (x == 0)
        assert (upper == 1.0) == (x == n)


@pytest.mark.parametrize(("interval", "method"), [(clopper_pearson, "exact"), (wilson, "wilson")])
def test_intervals_are_those_of_scipy(interval: Interval, method: str) -> None:
    for x, n in [*COUNTS, (3, 100_000), (99_990, 100_000)]:
        expected = stats.binomtest(x, n).proportion_ci(0.9, method=method)
        assert limits_of(interval, x, n, 0.9) == pytest.approx(tuple(expected), rel=1e-11)


@pytest.mark.parametrize("level", LEVELS)
def test_limits_of_a_difference_are_where_the_score_test_just_rejects(level: float) -> None:
    z = -float(ndtri((1.0 - level) / 2.0))
    more = [Table(15, 40, 8, 42), Table(0, 30, 4, 28), Table(5, 56, 0, 29), Table(300, 900, 1, 40)]
    # With a limit next to a double root of the likelihood equation, at the level 0.5.
    more.append(Table(9, 10, 10, 10))
    for table in [*FEW[::7], *more]:
        lower, upper = limits_of_difference(table, level)
        estimate = Fraction(table.x1, table.n1) - Fraction(table.x0, table.n0)
        for limit, sign in ((lower, 1), (upper, -1)):
            if estimate == -sign:
                assert limit == -sign
            else:
                assert slow_z(PROPORTIONS_MIETTINEN_NURMINEN, limit, [table]) == pytest.approx(
                    sign * z, rel=1e-10
                )


def test_a_difference_is_inside_the_interval_if_the_score_test_does_not_reject_it() -> None:
    z = -float(ndtri(0.025))
    for table in FEW[::13]:
        lower, upper = limits_of_difference(table)
        for difference in np.linspace(-0.99, 0.99, 34).tolist():
            rejects = abs(slow_z(PROPORTIONS_MIETTINEN_NURMINEN, difference, [table])) > z
            assert rejects == (not lower <= difference <= upper)


def test_shapes() -> None:
    x, n = np.array([[0], [3]]), np.array([5, 9, 30])
    for interval in (clopper_pearson, wilson):
        for limits in interval(x, n, 0.9):
            assert limits.shape == (2, 3)
        assert interval(x, n, 0.9)[0][1, 2] == interval(3, 30, 0.9)[0]
    lower, upper = miettinen_nurminen(x, n, 1, [10, 20, 30], 0.9)
    assert lower.shape == upper.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        one = limits_of_difference(Table(int(x[i, 0]), int(n[j]), 1, 10 * (j + 1)), 0.9)
        # The more tables, the more steps some of them take.
        assert (lower[i, j], upper[i, j]) == pytest.approx(one, abs=1e-13)
    assert miettinen_nurminen([], [], [], [], 0.9)[0].shape == (0,)


def test_without_patients_everything_is_possible() -> None:
    assert limits_of(clopper_pearson, 0, 0, 0.95) == (0.0, 1.0)
    assert limits_of(wilson, 0, 0, 0.95) == (0.0, 1.0)
    lower, upper = miettinen_nurminen([0, 3, 3], [0, 5, 5], [1, 0, 1], [3, 0, 3], 0.95)
    assert lower[:2].tolist() == [-1.0, -1.0]
    assert upper[:2].tolist() == [1.0, 1.0]
    assert (lower[2], upper[2]) == pytest.approx(limits_of_difference(Table(3, 5, 1, 3)))


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 95.0, math.nan])
def test_a_level_is_a_probability(level: float) -> None:
    for interval in (clopper_pearson, wilson):
        with pytest.raises(ValueError, match="level must be strictly between 0 and 1"):
            interval(1, 2, level)
    with pytest.raises(ValueError, match="level must be strictly between 0 and 1"):
        miettinen_nurminen(1, 2, 1, 2, level)


@pytest.mark.parametrize(("x", "n"), [(-1, 5), (6, 5), (math.nan, 5), (1, math.nan), (0, math.inf)])
def test_responders_are_some_of_the_patients(x: float, n: float) -> None:
    message = "responders must be from 0 to the patients"
    for interval in (clopper_pearson, wilson):
        with pytest.raises(ValueError, match=message):
            interval([1, x], [2, n], 0.9)
    with pytest.raises(ValueError, match=message):
        miettinen_nurminen(x, n, 1, 2, 0.9)
    with pytest.raises(ValueError, match=rf"{message} \(given: 7 of 5\)"):
        miettinen_nurminen(1, 2, [3, 7], 5, 0.9)
