"""Distribution of the largest of up to four correlated standard normal variables.

A correlation matrix is that of unit vectors: their inner products with a standard normal point. The
largest variable is below ``c`` where the point lies in the polyhedron whose faces are at the
distance ``c`` from the origin, one across each unit vector. Where two, three or four faces meet
nearest to the origin is a corner, at a distance ``c sqrt(1 + t**2)``. In four dimensions the tail
of the radius is elementary, and cutting the polyhedron into orthoschemes (Schlaefli) leaves one
integral a corner:

    integral from t to infinity of exp(-c**2 (1 + s**2) / 2) / (1 + s**2) A(s) ds,

where ``A`` is constant for two faces (Owen's function, Annals of Mathematical Statistics 27, 1956,
1075-1090), the sum of three angles for three, and of twelve for four. A corner counts according to
whether the other faces cut it off, as in the short inclusion-exclusion for a union of balls
(Edelsbrunner, Discrete and Computational Geometry 13, 1995, 415-440). Nothing divides by the
smallness of a determinant: a singular matrix has corners far away.

All is written in the deficits ``u = 1 - correlation``, half the squared distances of the vectors,
so that nearly equal vectors lose no digits.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simulate.engine.arrays import FloatArray, aligned
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.corners import N_NODES, PI, corner_factors, corner_tail
from simulate.engine.logrank import lane_sum
from simulate.engine.normal import normal_cdf
from simulate.engine.unit_vectors import (
    DETERMINANT,
    FULL,
    GAP,
    MOST_TRIPLES,
    MOST_VARIABLES,
    SQUARE,
    angles,
    beyond,
    distinct,
    measure_quadruple,
    measure_triple,
)

# Beyond it the probability stays at its value there, about 1e-299.
HIGHEST = 37.0
# The square of a distance below which the integral is taken in two parts, and where these meet:
# what happens on the scale of the distance then needs nodes of its own.
NEAR = 1e-3
MEETING = 0.01
# exp(-1 / 2 of this) is nothing beside the tail of one variable.
NEGLIGIBLE = 100.0


class MaximumScratch(NamedTuple):
    """Scratch memory of `max_p_value`.

    Attributes
    ----------
    deficits : FloatArray, shape (4, 4)
        Of the vectors that differ from each other.
    triples : FloatArray, shape (4, 8)
        Measures of the three vectors other than that of the row.
    sides : FloatArray, shape (4,)
        Positive where the face of a vector does not cut off the corner of the three others.
    factors, squares, inverses : FloatArray, shape (24,)
        Of `corner_factors`.
    terms, owen_terms : FloatArray, shape (24,)
        Of the integrals over what angles lack, summed over the corners, and of `corner_tail`.
    """

    deficits: FloatArray
    triples: FloatArray
    sides: FloatArray
    factors: FloatArray
    squares: FloatArray
    inverses: FloatArray
    terms: FloatArray
    owen_terms: FloatArray


def new_maximum_scratch() -> MaximumScratch:
    """Scratch memory for `max_p_value`."""
    nodes = (aligned((N_NODES,)).view(np.float64) for _ in range(5))
    return MaximumScratch(
        np.zeros((MOST_VARIABLES, MOST_VARIABLES)),
        np.zeros((MOST_VARIABLES, GAP + 1)),
        np.zeros(MOST_VARIABLES),
        *nodes,
    )


@kernel
def max_p_value(z_max: float, correlation: FloatArray, m: int, scratch: MaximumScratch) -> float:
    """Probability that the largest of ``m`` standard normal variables is at least ``z_max``.

    ``correlation[:m, :m]`` is their correlation matrix, singular or not, ``m`` from 1 to 4. The
    absolute error is below 1e-7, the relative one below 1e-7 for ``z_max`` from 0 on; among nearly
    opposite variables, which weights that are not negative never give, it may reach 1e-5.
    """
    n = distinct(correlation, m, scratch.deficits)
    c = min(abs(z_max), HIGHEST)
    tail = normal_cdf(-c)
    above = z_max >= 0.0
    if n == 1:
        return tail if above else 1.0 - tail
    for j in range(N_NODES):
        scratch.terms[j] = 0.0
    total = _pairs(c, tail, n, above, scratch)
    if n >= 3:
        total += _triples_and_quadruple(c, tail, n, above, scratch)
    total += lane_sum(scratch.terms, int(np.int64(N_NODES)))
    return min(n * tail + total if above else 1.0 - total, 1.0)


@kernel
def _pairs(c: float, tail: float, n: int, above: bool, scratch: MaximumScratch) -> float:
    """What the corners of two of ``n`` vectors contribute.

    To the union of the half-spaces beyond the faces: those corners that no other face cuts off; to
    the intersection: those that all others do.
    """
    u = scratch.deficits
    total = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            n_cutting = int(np.int64(0))
            for k in range(n):
                if k not in (i, j):
                    n_cutting += int(beyond(u[i, k], u[j, k], u[i, j]) < 0.0)
            if n_cutting == (0 if above else n - 2):
                t = math.sqrt(u[i, j] / (2.0 - u[i, j]))
                both = corner_tail(c, tail, t, scratch.owen_terms)
                total += -both if above else both
    return total


@kernel
def _triples_and_quadruple(
    c: float, tail: float, n: int, above: bool, scratch: MaximumScratch
) -> float:
    """What the corners of three and four vectors contribute, but for their ``terms``.

    To the union: the corners of three that the fourth face does not cut off; to the intersection:
    those that it does.
    """
    sides = scratch.sides
    first = MOST_TRIPLES - 1 if n == 3 else 0
    for r in range(first, MOST_TRIPLES):
        measure_triple(scratch.deficits, r, scratch.triples[r])
    total = 0.0
    if n == 3:
        sides[first] = 1.0 if above else -1.0
    else:
        total += _quadruple(c, tail, -1.0 if above else 1.0, scratch)
    for r in range(first, MOST_TRIPLES):
        if (sides[r] > 0.0) == above:
            total += _triple(c, tail, scratch.triples[r], scratch)
    return total


@kernel
def _triple(c: float, tail: float, triple: FloatArray, scratch: MaximumScratch) -> float:
    """What the corner of three vectors contributes, but for its terms, which it adds to the others.

    The angles begin at 0 and approach the full ones: what they lack decays fast even if ``c`` is
    near 0, and is integrated.
    """
    square = triple[SQUARE]
    if c * c * square > NEGLIGIBLE:
        return 0.0
    for part in range(1 if square > NEAR else 2):
        _corner_factors(c, square, 1.0 / (PI * PI), part, scratch)
        _add_angles(triple, 0.0, 1.0, scratch)
    return float(triple[FULL] / PI * corner_tail(c, tail, math.sqrt(square), scratch.owen_terms))


@kernel
def _quadruple(c: float, tail: float, sign: float, scratch: MaximumScratch) -> float:
    """What the corner of all four vectors contributes, but for its terms; finds the sides.

    There the angles of each triple have opened already, as far beyond its corner as the ``gap``.
    """
    volume, determinant = measure_quadruple(scratch.deficits, scratch.sides)
    square = (volume - determinant) / determinant
    if c * c * square > NEGLIGIBLE:
        return 0.0
    weight = sign / (2.0 * PI * PI)
    full = 0.0
    for r in range(MOST_TRIPLES):
        triple = scratch.triples[r]
        side = scratch.sides[r]
        gap = side * side / (triple[DETERMINANT] * volume)
        # The angles at the corner itself, where x is 0.
        opened = angles(triple, triple[DETERMINANT] * (gap * (1.0 + square) / square))
        direction = 1.0 if side > 0.0 else -1.0
        full += direction * (triple[FULL] - opened)
        triple[GAP] = gap
    for part in range(1 if square > NEAR else 2):
        _corner_factors(c, square, weight, part, scratch)
        for r in range(MOST_TRIPLES):
            direction = 1.0 if scratch.sides[r] > 0.0 else -1.0
            _add_angles(scratch.triples[r], scratch.triples[r][GAP], direction, scratch)
    return weight * PI * full * corner_tail(c, tail, math.sqrt(square), scratch.owen_terms)


@inlined_kernel
def _corner_factors(
    c: float, square: float, weight: float, part: int, scratch: MaximumScratch
) -> None:
    """Factors of a whole corner, or of one of the two parts for one that is near."""
    low = MEETING if part == 1 else 0.0
    high = MEETING if part == 0 and square <= NEAR else 1.0
    corner_factors(c, square, weight, low, high, scratch.factors, scratch.squares, scratch.inverses)


@kernel
def _add_angles(triple: FloatArray, gap: float, direction: float, scratch: MaximumScratch) -> None:
    """Add what the angles of a triple lack at the nodes, times the factors."""
    determinant = triple[DETERMINANT]
    full = triple[FULL]
    for j in range(N_NODES):
        opening = determinant * ((scratch.squares[j] + gap) * scratch.inverses[j])
        lacking = angles(triple, opening) - full
        scratch.terms[j] += direction * scratch.factors[j] * lacking
