"""Probability that the largest of correlated normal variables is at least some number."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from twins.slow_maxcombo import slow_max_p_value

from simulate.engine.arrays import FloatArray
from simulate.engine.corners import NODES, OWEN_NODES, OWEN_WEIGHTS, WEIGHTS, sum_of_angles
from simulate.engine.maximum import max_p_value, new_maximum_scratch

LIMITS = (-0.7, 0.0, 0.02, 1.0, 2.5, 6.0)
HALF = math.sqrt(0.5)


def p_value(z_max: float, correlation: FloatArray) -> float:
    scratch = new_maximum_scratch()
    for array in scratch:
        # Nothing may be read before it is written.
        array[:] = np.nan
    return max_p_value(z_max, correlation, len(correlation), scratch)


def correlations(vectors: FloatArray) -> FloatArray:
    """Correlation matrix of variables that are linear in independent ones, by rows."""
    unit = vectors / np.sqrt((vectors**2).sum(axis=1))[:, None]
    matrix = unit @ unit.T
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(np.clip(matrix, -1.0, 1.0))


def agrees(z_max: float, correlation: FloatArray, absolute: float = 2e-8) -> None:
    near(z_max, p_value(z_max, correlation), slow_max_p_value(z_max, correlation), absolute)


def near(z_max: float, found: float, slow: float, absolute: float) -> None:
    # The twin's integrals are good to 1e-14.
    relative = 10.0 * absolute if z_max > 0.0 else 1.0
    assert abs(found - slow) < min(absolute, relative * slow + 1e-14)


def fleming_harrington(
    rng: np.random.Generator, exponents: list[tuple[float, float]]
) -> FloatArray:
    """Correlations of weighted log-rank tests on some trial."""
    survival = 1.0 - rng.uniform(0.3, 1.0) * np.sort(rng.uniform(size=200))
    variance = np.sqrt(rng.uniform(0.15, 0.25, size=200))
    return correlations(
        np.array([survival**rho * (1.0 - survival) ** gamma * variance for rho, gamma in exponents])
    )


SQUARE = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
OTHER = [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 2.0)]


@pytest.mark.parametrize("z_max", LIMITS)
def test_weighted_logrank_tests(z_max: float) -> None:
    rng = np.random.default_rng(1)
    for exponents in (SQUARE, OTHER, SQUARE[:3], SQUARE[1:], OTHER[:2]):
        for _ in range(2):
            agrees(z_max, fleming_harrington(rng, exponents))


@pytest.mark.parametrize("z_max", LIMITS)
@pytest.mark.parametrize("m", [2, 3, 4])
def test_any_correlations(m: int, z_max: float) -> None:
    rng = np.random.default_rng([2, m])
    for extra, shared in itertools.product((0, 2), (0.0, 2.0)):
        for _ in range(2):
            vectors = rng.normal(size=(m, m + extra)) + shared * rng.normal(size=m + extra)
            agrees(z_max, correlations(vectors))


@pytest.mark.parametrize("z_max", LIMITS)
@pytest.mark.parametrize("rank", [2, 3])
def test_singular_matrices(rank: int, z_max: float) -> None:
    rng = np.random.default_rng([3, rank])
    for _ in range(2):
        agrees(z_max, correlations(rng.normal(size=(4, rank))))
        agrees(z_max, correlations(rng.normal(size=(3, 2))))


@pytest.mark.parametrize("z_max", LIMITS)
@pytest.mark.parametrize("scale", [1e-2, 1e-3, 1e-4])
def test_nearly_equal_variables(scale: float, z_max: float) -> None:
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(2, 5))
    for groups in ((0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 1, 1), (0, 0, 1)):
        centres = np.array([second if group else first for group in groups])
        matrix = correlations(centres + scale * rng.normal(size=centres.shape))
        # The twin loses digits, not the kernel.
        agrees(z_max, matrix, absolute=2e-8 if scale > 1e-4 else 1e-6)


SPECIAL = {
    "independent": np.eye(4),
    "equal correlations": np.eye(4) + 0.5,
    "lowest correlations": np.eye(4) - 0.2499,
    "rectangle": [[1, 1, 2, 0], [1, -1, 2, 0], [-1, 1, 2, 0], [-1, -1, 2, 0]],
    "flat rectangle": [[1, 0.2, 2, 0], [1, -0.2, 2, 0], [-1, 0.2, 2, 0], [-1, -0.2, 2, 0]],
    "cone": [[np.cos(a), np.sin(a), 3, 0] for a in (0.0, 0.3, 1.5, 4.0)],
    "corner of two on two faces": [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0.5, 0.5, HALF, 0],
        [0.5, 0.5, 0, HALF],
    ],
    "one between two": [[1, 0, 0, 0], [0, 1, 0, 0], [0.5, 0.5, HALF, 0], [0.5, 0.5, -HALF, 0]],
}


@pytest.mark.parametrize("z_max", LIMITS)
@pytest.mark.parametrize("name", SPECIAL)
def test_special_positions_in_every_order(name: str, z_max: float) -> None:
    matrix = correlations(np.array(SPECIAL[name], dtype=float))
    slow = slow_max_p_value(z_max, matrix)
    for order in itertools.permutations(range(4)):
        found = p_value(z_max, np.ascontiguousarray(matrix[np.ix_(order, order)]))
        near(z_max, found, slow, absolute=3e-8)


@pytest.mark.parametrize("z_max", LIMITS)
def test_a_variable_twice_counts_once(z_max: float) -> None:
    three = fleming_harrington(np.random.default_rng(5), SQUARE[:3])
    for chosen in ((0, 0), (1, 1, 1, 1), (0, 1, 0), (0, 1, 1, 0), (2, 1, 0, 2), (0, 0, 1, 2)):
        distinct = sorted(set(chosen), key=chosen.index)
        again = np.ascontiguousarray(three[np.ix_(chosen, chosen)])
        # As computed correlations are.
        again[again == 1.0] -= 2e-16
        once = np.ascontiguousarray(three[np.ix_(distinct, distinct)])
        assert p_value(z_max, again) == p_value(z_max, once)


@pytest.mark.parametrize("z_max", [*LIMITS, 20.0, 30.0])
def test_closed_forms(z_max: float) -> None:
    tail = ndtr(-z_max)
    assert p_value(z_max, np.eye(1)) == pytest.approx(tail, rel=1e-13)
    for m in (2, 3, 4):
        expected = -math.expm1(m * math.log1p(-tail))
        assert p_value(z_max, np.eye(m)) == pytest.approx(expected, rel=3e-8)
    opposite = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert p_value(z_max, opposite) == pytest.approx(min(2.0 * tail, 1.0), rel=1e-7)


@pytest.mark.parametrize("z_max", LIMITS)
def test_one_that_is_a_sum_of_two(z_max: float) -> None:
    # Where two with weights S and 1 - S both reach a positive number, so does that with 1.
    matrix = fleming_harrington(np.random.default_rng(6), SQUARE[:3])
    if z_max > 0.0:
        both = [
            2.0 * ndtr(-z_max) - p_value(z_max, np.array([[1.0, r], [r, 1.0]]))
            for r in (matrix[0, 1], matrix[0, 2])
        ]
        assert p_value(z_max, matrix) == pytest.approx(3.0 * ndtr(-z_max) - sum(both), rel=1e-8)


def test_beyond_the_range_of_doubles() -> None:
    values = [p_value(z_max, np.eye(4)) for z_max in (36.9, 37.0, 37.1, 1e3, 1e300)]
    assert values[0] > values[1] == values[2] == values[3] == values[4] > 1e-300
    assert p_value(-50.0, np.eye(4)) == 1.0


@given(
    values=st.lists(st.floats(-1.0, 1.0), min_size=12, max_size=12),
    m=st.integers(2, 4),
    z_max=st.floats(-4.0, 8.0),
    step=st.floats(1e-3, 1.0),
)
@settings(deadline=None, max_examples=300)
def test_bounds(values: list[float], m: int, z_max: float, step: float) -> None:
    vectors = np.array(values).reshape(4, 3)[:m]
    vectors[:, 0] += 1e-3
    matrix = correlations(vectors)
    assume(matrix.min() > -0.999)
    p, tail = p_value(z_max, matrix), ndtr(-z_max)
    slack = 1e-7 * (tail if z_max > 0.0 else 1.0)
    assert tail - slack < p < min(m * tail, 1.0) + slack
    assert p_value(z_max + step, matrix) < p + slack
    assert p > p_value(z_max, matrix[: m - 1, : m - 1].copy()) - slack


def test_nodes_and_weights() -> None:
    # Exact for polynomials: of the cube root for the graded ones.
    for power in range(32):
        assert (OWEN_WEIGHTS * OWEN_NODES**power).sum() == pytest.approx(1.0 / (power + 1))
    for power in range(46):
        found = (WEIGHTS * NODES ** (power / 3.0)).sum()
        assert found == pytest.approx(1.0 / (power / 3.0 + 1.0), rel=1e-13)


def test_sum_of_angles() -> None:
    rng = np.random.default_rng(7)
    for _ in range(2000):
        # Half the squared distances of three vectors, and what the angles are of.
        u = 1.0 - correlations(rng.normal(size=(3, 3)) + rng.uniform(0.0, 3.0))
        a, b, c = u[0, 1], u[0, 2], u[1, 2]
        sides = np.array([b + c - a, a + c - b, a + b - c])
        pairs = sides[0] * sides[1] + sides[0] * sides[2] + sides[1] * sides[2]
        square = rng.uniform() * max(pairs - 2.0 * a * b * c, 0.0)
        shift = math.pi if min(sides) < 0.0 else 0.0
        found = sum_of_angles(sides.prod(), sides.sum(), pairs, shift, square)
        assert found == pytest.approx(np.arctan(math.sqrt(square) / sides).sum(), abs=3e-10)
