"""Unit vectors by half their squared distances, their deficits: triples and quadruples of them.

`maximum` says what for.
"""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.corners import PI, sum_of_angles

MOST_VARIABLES = 4
MOST_TRIPLES = 4

# Vectors nearer to each other than this deficit are one: it moves a probability by 7e-8 at most.
SAME = 1e-13
# Independent noise, relative to the deficits, that parts vectors in special position (several
# corners in one point, or four vectors on one circle), where rounding would decide.
NOISE = 1e-8
# Corners farther away than 1 / sqrt of this do not matter.
SMALLEST = 1e-15

# Columns of the measures of a triple, see `measure_triple`; the last is `maximum`'s.
DETERMINANT, SQUARE, PRODUCT, TOTAL, PAIRS, SHIFT, FULL, GAP = range(8)


@kernel
def distinct(correlation: FloatArray, m: int, deficits: FloatArray) -> int:
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
def beyond(a: float, b: float, opposite: float) -> float:
    """Negative if the face of a vector cuts off the corner of two others.

    It is ``a`` and ``b`` away from these, which are ``opposite`` apart.
    """
    return a + b - opposite


@kernel
def measure_triple(u: FloatArray, omitted: int, triple: FloatArray) -> None:
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
    at_a = beyond(b, c, a)
    at_b = beyond(a, c, b)
    at_c = beyond(a, b, c)
    pairs = at_a * (at_b + at_c) + at_b * at_c
    volume = 2.0 * a * b * c
    determinant = max(pairs - volume, SMALLEST * volume)
    triple[DETERMINANT] = determinant
    triple[SQUARE] = volume / determinant
    triple[PRODUCT] = at_a * at_b * at_c
    triple[TOTAL] = at_a + at_b + at_c
    triple[PAIRS] = pairs
    triple[SHIFT] = PI if min(at_a, at_b, at_c) < 0.0 else 0.0
    triple[FULL] = angles(triple, determinant)


@inlined_kernel
def angles(triple: FloatArray, tangent_square: float) -> float:
    """Sum of the three angles of a triple."""
    return sum_of_angles(
        triple[PRODUCT], triple[TOTAL], triple[PAIRS], triple[SHIFT], tangent_square
    )


@kernel
def measure_quadruple(u: FloatArray, sides: FloatArray) -> tuple[float, float]:
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
    xy = beyond(x, y, u[i, j])
    xz = beyond(x, z, u[i, k])
    yz = beyond(y, z, u[j, k])
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
