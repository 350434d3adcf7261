"""Probability that one of several normal variables exceeds its limit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr
from twins.slow_normal_orthant import slow_any_above
from unit.test_engine_maximum import OTHER, SQUARE, correlations, fleming_harrington, p_value

from simulate.design.normal_orthant import probability_any_above
from simulate.engine.arrays import FloatArray
from simulate.errors import DesignError


def agrees(rng: np.random.Generator, matrix: FloatArray, within: float = 1e-5) -> None:
    """At limits of their own and, against the engine's kernel, at one limit for all."""
    limits = rng.uniform(-1.0, 3.0, size=len(matrix))
    assert probability_any_above(limits, matrix) == pytest.approx(
        slow_any_above(limits, matrix), abs=within
    )
    for limit in rng.uniform(-1.0, 4.0, size=3):
        # The kernel is good to 1e-7.
        found = probability_any_above([limit] * len(matrix), matrix)
        assert found == pytest.approx(p_value(limit, matrix), abs=1e-7)


@pytest.mark.parametrize("exponents", [SQUARE, OTHER, SQUARE[:3], OTHER[:2]])
def test_weighted_logrank_tests(exponents: list[tuple[float, float]]) -> None:
    rng = np.random.default_rng(1)
    agrees(rng, fleming_harrington(rng, exponents), 5e-5)


@pytest.mark.parametrize(("m", "rank"), [(2, 2), (3, 3), (4, 4), (3, 2), (4, 3), (4, 2)])
def test_any_correlations(m: int, rank: int) -> None:
    rng = np.random.default_rng([2, m, rank])
    # How fine the twin's grid is.
    within = {2: 1e-9, 3: 1e-5, 4: 5e-5}[rank]
    agrees(rng, correlations(rng.normal(size=(m, rank))), within)


@pytest.mark.parametrize("scale", [1e-2, 1e-4, 1e-6])
def test_nearly_equal_variables(scale: float) -> None:
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(2, 5))
    for centres in ([first, first, first], [first, first, second]):
        agrees(rng, correlations(np.array(centres) + scale * rng.normal(size=(3, 5))))


def test_equal_variables_have_the_lowest_limit() -> None:
    assert probability_any_above([1.0, -0.3, 2.0], np.ones((3, 3))) == pytest.approx(ndtr(0.3))
    pair = np.array([[1.0, 0.4], [0.4, 1.0]])
    both = np.kron(pair, np.ones((2, 2)))
    expected = probability_any_above([0.5, 0.7], pair)
    assert probability_any_above([0.5, 0.9, 0.8, 0.7], both) == pytest.approx(expected, rel=1e-14)
    # What equality is rounded by does not matter.
    nearly = both - 4e-16 * (1.0 - np.eye(4))
    assert probability_any_above([0.5, 0.9, 0.8, 0.7], nearly) == pytest.approx(expected, abs=1e-8)


def test_what_is_known_exactly() -> None:
    assert probability_any_above([1.3], [[1.0]]) == pytest.approx(ndtr(-1.3), rel=1e-14)
    # Independent ones, by pairs too.
    limits = [0.3, -0.5, 1.2, 0.0]
    none = float(np.prod(ndtr(limits)))
    assert probability_any_above(limits, np.eye(4)) == pytest.approx(1.0 - none, rel=1e-14)
    # Sheppard's quadrants, in pairs that know nothing of each other.
    r = np.eye(4)
    r[0, 1] = r[1, 0] = 0.6
    r[2, 3] = r[3, 2] = -0.3
    quadrants = [0.25 + math.asin(x) / (2.0 * math.pi) for x in (0.6, -0.3)]
    found = probability_any_above(np.zeros(4), r)
    assert found == pytest.approx(1.0 - quadrants[0] * quadrants[1], rel=1e-13)
    # Opposite ones: outside an interval, if there is one.
    for low in (-0.7, 0.4, 0.9):
        outside = probability_any_above([0.7, -low], [[1.0, -1.0], [-1.0, 1.0]])
        assert outside == pytest.approx(min(ndtr(-0.7) + ndtr(low), 1.0), rel=1e-13)
    # Far tails keep their digits.
    far = probability_any_above([9.0, 9.5], [[1.0, 0.5], [0.5, 1.0]])
    assert far == pytest.approx(ndtr(-9.0) + ndtr(-9.5), rel=1e-6)


def test_limits_far_away_bind_nobody() -> None:
    rng = np.random.default_rng(6)
    matrix = correlations(rng.normal(size=(4, 4)))
    part = probability_any_above([0.2, 1.1], matrix[:2, :2])
    assert probability_any_above([0.2, 1.1, 38.0, 50.0], matrix) == pytest.approx(part, rel=1e-13)
    assert probability_any_above([0.2, -39.0, 1.0, 2.0], matrix) == pytest.approx(1.0, rel=1e-13)


@pytest.mark.parametrize("number", [0, 5])
def test_too_many_and_none_are_refused(number: int) -> None:
    with pytest.raises(DesignError, match=rf"limits: must be 1 to 4 \(given: {number}\)"):
        probability_any_above([0.0] * number, np.eye(number))
