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

from simulate.engine.arrays import FloatArray
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.corners import (
    N_NODES,
    PI,
    corner_factors,
    corner_tail,
    sum_of_angles,
)
from simulate.engine.logrank import lane_sum
from simulate.engine.normal import normal_cdf

MOST_VARIABLES = 4
MOST_TRIPLES = 4

# Vectors nearer to each other than this deficit are one: it moves the probability by 7e-8 at most.
SAME = 1e-13
# Independent noise, relative to the deficits, that parts vectors in special position (several
# corners in one point, or four vectors on one circle), where rounding would decide.
NOISE = 1e-9
# Corners farther away than 1 / sqrt of this do not matter.
SMALLEST = 1e-15
# exp(-1 / 2 of this) is nothing beside the tail of one variable.
NEGLIGIBLE = 100.0

# Columns of the measures of a triple, see `_measure_triple`.
DETERMINANT, SQUARE, PRODUCT, TOTAL, PAIRS, SHIFT, FULL = range(7)


class MaximumScratch(NamedTuple):
    """Scratch memory of `max_p_value`.

    Attributes
    ----------
    deficits : FloatArray, shape (4, 4)
        Of the vectors that differ from each other.
    triples : FloatArray, shape (4, 7)
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
    nodes = (np.zeros(N_NODES) for _ in range(5))
    return MaximumScratch(
        np.zeros((MOST_VARIABLES, MOST_VARIABLES)),
        np.zeros((MOST_VARIABLES, FULL + 1)),
        np.zeros(MOST_VARIABLES),
        *nodes,
    )


@kernel
def max_p_value(
    z_max: float, correlation: FloatArray, m: int, scratch: MaximumScratch
) -> float:
    """Probability that the largest of ``m`` standard normal variables is at least ``z_max``.

    ``correlation[:m, :m]`` is their correlation matrix, singular or not, ``m`` from 1 to 4. The
    absolute error is below 1e-7, the relative one below 1e-7 for ``z_max`` from 0 on.
    """
    n = _distinct(correlation, m, scratch.deficits)
    c = abs(z_max)
    tail = normal_cdf(-c)
    above = z_max >= 0.0
    if n == 1:
        return tail if above else 1.0 - tail
    for j in range(N_NODES):
        scratch.terms[j] = 0.0
    total = _pairs(c, tail, n, above, scratch)
    if n >= 3:
        total += _triples_and_quadruple(c, tail, n, above, scratch)
    total += lane_sum(scratch.terms, N_NODES)
    return n * tail + total if above else 1.0 - total


@kernel
def _distinct(correlation: FloatArray, m: int, deficits: FloatArray) -> int:
    """Deficits of the vectors that differ from each other; returns their number."""
    for i in range(m):
        for j in range(m):
            deficits[i, j] = min(max(1.0 - correlation[i, j], 0.0), 2.0 - SMALLEST)
    n = m
    for i in range(m - 1, 0, -1):
        nearest = 2.0
        for j in range(i):
            nearest = min(nearest, deficits[i, j])
        if nearest <= SAME:
            _take_out(deficits, i, n)
            n -= 1
    if n == MOST_VARIABLES:
        _add_noise(deficits)
    return n


@kernel
def _take_out(deficits: FloatArray, vector: int, n: int) -> None:
    """Remove the row and column of a vector from those of ``n``."""
    for i in range(vector, n - 1):
        for j in range(n):
            deficits[i, j] = deficits[i + 1, j]
    for i in range(vector, n - 1):
        for j in range(n):
            deficits[j, i] = deficits[j, i + 1]


@kernel
def _add_noise(deficits: FloatArray) -> None:
    """Give the variables a little independent noise, another variance each."""
    for i in range(MOST_VARIABLES):
        nearest = 2.0
        for j in range(MOST_VARIABLES):
            nearest = min(nearest, deficits[i, j] if j != i else 2.0)
        deficits[i, i] = 0.5 * NOISE * i * nearest
    for i in range(MOST_VARIABLES):
        for j in range(MOST_VARIABLES):
            if j != i:
                deficits[i, j] += (deficits[i, i] + deficits[j, j]) * (1.0 - deficits[i, j])


@inlined_kernel
def _beyond(a: float, b: float, opposite: float) -> float:
    """``a + b - opposite`` of three deficits, without loss if two of them are nearly equal.

    Negative if the third vector's face cuts off the corner of the two that are ``opposite`` apart.
    """
    return (max(a, b) - opposite) + min(a, b)


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
                    n_cutting += int(_beyond(u[i, k], u[j, k], u[i, j]) < 0.0)
            if n_cutting == (0 if above else n - 2):
                t = math.sqrt(u[i, j] / (2.0 - u[i, j]))
                both = corner_tail(c, tail, t, scratch.owen_terms)
                total += -both if above else both
    return total


@kernel
def _measure_triple(u: FloatArray, omitted: int, triple: FloatArray) -> None:
    """Determinant, squared distance of the corner, and terms of the angles there.

    At the pair of vectors ``u`` apart, the third being ``v`` and ``w`` away, the angle at ``s`` has
    the tangent ``sqrt(determinant (1 - t**2 / s**2)) / (v + w - u)``.
    """
    i = 1 if omitted == 0 else 0
    j = 2 if omitted <= 1 else 1
    k = 2 if omitted == 3 else 3
    a = u[i, j]
    b = u[i, k]
    c = u[j, k]
    at_a = _beyond(b, c, a)
    at_b = _beyond(a, c, b)
    at_c = _beyond(a, b, c)
    pairs = at_a * (at_b + at_c) + at_b * at_c
    volume = 2.0 * a * b * c
    determinant = max(pairs - volume, SMALLEST * volume)
    triple[DETERMINANT] = determinant
    triple[SQUARE] = volume / determinant
    triple[PRODUCT] = at_a * at_b * at_c
    triple[TOTAL] = at_a + at_b + at_c
    triple[PAIRS] = pairs
    triple[SHIFT] = PI if min(at_a, at_b, at_c) < 0.0 else 0.0
    triple[FULL] = _angles(triple, determinant)


@inlined_kernel
def _angles(triple: FloatArray, tangent_square: float) -> float:
    """Sum of the three angles of a triple."""
    return sum_of_angles(
        triple[PRODUCT], triple[TOTAL], triple[PAIRS], triple[SHIFT], tangent_square
    )


@kernel
def _measure_quadruple(u: FloatArray, sides: FloatArray) -> tuple[float, float]:
    """Volume and determinant of four vectors; their ``sides``, in units of the volume.

    The foot of the perpendicular from the origin to the vectors' affine hull has the barycentric
    coordinates ``sides / volume``; ``determinant / volume`` is the square of its length. From the
    inner products of the differences to one vector, one of those nearest to another.
    """
    base = int(np.int64(0))
    smallest = 2.0
    for i in range(MOST_VARIABLES):
        for j in range(i + 1, MOST_VARIABLES):
            if u[i, j] < smallest:
                smallest = u[i, j]
                base = i
    i = 1 if base == 0 else 0
    j = 2 if base <= 1 else 1
    k = 2 if base == 3 else 3
    x = u[base, i]
    y = u[base, j]
    z = u[base, k]
    xy = _beyond(x, y, u[i, j])
    xz = _beyond(x, z, u[i, k])
    yz = _beyond(y, z, u[j, k])
    adjoint_xx = 4.0 * y * z - yz * yz
    adjoint_yy = 4.0 * x * z - xz * xz
    adjoint_zz = 4.0 * x * y - xy * xy
    adjoint_xy = xz * yz - 2.0 * z * xy
    adjoint_xz = xy * yz - 2.0 * y * xz
    adjoint_yz = xy * xz - 2.0 * x * yz
    volume = 2.0 * x * adjoint_xx + xy * adjoint_xy + xz * adjoint_xz
    sides[i] = adjoint_xx * x + adjoint_xy * y + adjoint_xz * z
    sides[j] = adjoint_xy * x + adjoint_yy * y + adjoint_yz * z
    sides[k] = adjoint_xz * x + adjoint_yz * y + adjoint_zz * z
    sides[base] = volume - sides[i] - sides[j] - sides[k]
    spread = sides[i] * x + sides[j] * y + sides[k] * z
    determinant = max(volume - spread, SMALLEST * spread)
    return spread + determinant, determinant


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
        _measure_triple(scratch.deficits, r, scratch.triples[r])
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
    corner_factors(c, square, 1.0 / (PI * PI), scratch.factors, scratch.squares, scratch.inverses)
    _add_angles(triple, 0.0, 1.0, scratch)
    return triple[FULL] / PI * corner_tail(c, tail, math.sqrt(square), scratch.owen_terms)


@kernel
def _quadruple(c: float, tail: float, sign: float, scratch: MaximumScratch) -> float:
    """What the corner of all four vectors contributes, but for its terms; finds the sides.

    There the angles of each triple have opened already, as far beyond its corner as the ``gap``.
    """
    volume, determinant = _measure_quadruple(scratch.deficits, scratch.sides)
    square = (volume - determinant) / determinant
    if c * c * square > NEGLIGIBLE:
        return 0.0
    weight = sign / (2.0 * PI * PI)
    corner_factors(c, square, weight, scratch.factors, scratch.squares, scratch.inverses)
    full = 0.0
    for r in range(MOST_TRIPLES):
        triple = scratch.triples[r]
        side = scratch.sides[r]
        gap = side * side / (triple[DETERMINANT] * volume)
        # The angles at the corner itself, where x is 0.
        opened = _angles(triple, triple[DETERMINANT] * (gap * (1.0 + square) / square))
        direction = 1.0 if side > 0.0 else -1.0
        full += direction * (triple[FULL] - opened)
        _add_angles(triple, gap, direction, scratch)
    return weight * PI * full * corner_tail(c, tail, math.sqrt(square), scratch.owen_terms)


@kernel
def _add_angles(triple: FloatArray, gap: float, direction: float, scratch: MaximumScratch) -> None:
    """Add what the angles of a triple lack at the nodes, times the factors."""
    determinant = triple[DETERMINANT]
    full = triple[FULL]
    for j in range(N_NODES):
        opening = determinant * ((scratch.squares[j] + gap) * scratch.inverses[j])
        lacking = _angles(triple, opening) - full
        scratch.terms[j] += direction * scratch.factors[j] * lacking
