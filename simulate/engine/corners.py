"""Integrals over the tail of the radius that belong to the corners of a polyhedron.

`maximum` says what they are for. With ``c`` the distance of the faces and ``t`` that of the corner,

    integral from t to infinity of exp(-c**2 (1 + s**2) / 2) / (1 + s**2) A(s) ds

by Gauss-Legendre rules with fixed nodes.
"""

from __future__ import annotations

import math

import numpy as np

from simulate.engine.arrays import FloatArray
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.elementary import exp
from simulate.engine.logrank import lane_sum
from simulate.engine.normal import normal_cdf

PI = 3.141592653589793
HALF_PI = 1.5707963267948966
# Where exp(-x**2 / 2) ends.
END_OF_BELL = 6.2
TINY = 1e-300


# Gauss-Legendre nodes, the left half of those on [0, 1], and their weights.
LEFT_16 = (
    0.005299532504175033,
    0.02771248846338371,
    0.06718439880608412,
    0.12229779582249849,
    0.19106187779867811,
    0.2709916111713863,
    0.35919822461037054,
    0.4524937450811813,
)
WEIGHTS_16 = (
    0.013576229705877048,
    0.031126761969323947,
    0.04757925584124639,
    0.06231448562776694,
    0.07479799440828837,
    0.08457825969750127,
    0.09130170752246179,
    0.09472530522753425,
)
LEFT_24 = (
    0.00240639000148932,
    0.012635722014345251,
    0.030862723998633622,
    0.056792236497799485,
    0.08999900701304854,
    0.12993790421072282,
    0.17595317403151223,
    0.22728926430558022,
    0.2831032461869774,
    0.3424786601519183,
    0.40444056626319186,
    0.4679715535686972,
)
WEIGHTS_24 = (
    0.0061706148999936,
    0.014265694314466832,
    0.022138719408709904,
    0.02964929245771839,
    0.03667324070554015,
    0.04309508076597664,
    0.04880932605205694,
    0.05372213505798282,
    0.0577528340268628,
    0.060835236463901696,
    0.06291872817341415,
    0.06396909767337608,
)


def _both_halves(left: tuple[float, ...], weights: tuple[float, ...]) -> tuple[FloatArray, ...]:
    """All nodes and all weights of a rule that is symmetric about 1/2."""
    nodes = [*left, *(1.0 - node for node in reversed(left))]
    return np.array(nodes), np.array([*weights, *reversed(weights)])


N_OWEN = 16
OWEN_NODES, OWEN_WEIGHTS = _both_halves(LEFT_16, WEIGHTS_16)
N_NODES = 24
_NODES, _WEIGHTS = _both_halves(LEFT_24, WEIGHTS_24)
# Denser towards 0, where the integrands vary on the scale of the smallest distance of two vectors.
NODES = _NODES * _NODES * _NODES
WEIGHTS = 3.0 * _NODES * _NODES * _WEIGHTS

# atan(q) / q in q**2, for q from 0 to 1: interpolates at Chebyshev nodes, to 7e-11.
A0 = 0.9999999999293037
A1 = -0.3333333129088999
A2 = 0.19999901102171555
A3 = -0.14283813255743194
A4 = 0.11091922963683302
A5 = -0.08974171958363882
A6 = 0.07228278345377252
A7 = -0.05395668057137172
A8 = 0.033826218952786875
A9 = -0.015828322749149415
A10 = 0.00473248419342192
A11 = -0.0006633954571104787


@kernel
def corner_tail(c: float, tail: float, t: float, terms: FloatArray) -> float:
    """Integral of ``A = 1 / pi``: two variables are both at least ``c`` (scalar).

    ``Q(c) - 2 T(c, t)``, where ``tail`` is ``Q(c)``, ``c`` at least 0, and Owen's (1956) function
    ``T(h, a)`` the integral from 0 to ``a`` of ``exp(-h**2 (1 + x**2) / 2) / (1 + x**2)`` over
    ``2 pi``. For ``t`` above 1 by ``T(h, a) + T(a h, 1 / a) = (Q(h) + Q(a h)) / 2 - Q(h) Q(a h)``.
    ``terms`` (24,) is scratch.
    """
    h = c * max(t, 1.0)
    width = min(t, 1.0 / max(t, TINY))
    width = min(width, END_OF_BELL / max(h, TINY))
    half = -0.5 * h * h
    for j in range(N_OWEN):
        x = OWEN_NODES[j] * width
        factor = 1.0 + x * x
        terms[j] = OWEN_WEIGHTS[j] * exp(half * factor) / factor
    twice = width * lane_sum(terms, int(np.int64(N_OWEN))) / PI
    if t <= 1.0:
        return tail - twice
    return (2.0 * tail - 1.0) * normal_cdf(-h) + twice


@kernel
def corner_factors(
    c: float,
    square: float,
    coefficient: float,
    low: float,
    high: float,
    factors: FloatArray,
    squares: FloatArray,
    inverses: FloatArray,
) -> None:
    """Everything but ``A`` at the nodes of a corner at the distance ``t``, ``square`` its square.

    The variable is ``x``, where ``s**2 = t**2 + (1 + t**2) x**2``: an angle that opens at the
    corner like the square root of ``s - t`` is smooth in it. ``squares`` are ``x**2``, and
    ``inverses`` ``(1 + t**2) / s**2``. The part of the integral from ``low`` to ``high``; the whole
    goes from 0 to 1.
    """
    whole = 1.0 + square
    near = square / whole
    scaled = c * math.sqrt(whole)
    half = -0.5 * scaled * scaled
    # x = z / (b - a z): up to where the bell ends, in steps that are not wider than about 1.
    a = 1.0 / (1.0 + scaled)
    b = a + scaled / END_OF_BELL
    scale = coefficient * b * (high - low) / math.sqrt(whole)
    for j in range(N_NODES):
        z = low + (high - low) * NODES[j]
        inverse = 1.0 / (b - a * z)
        x = z * inverse
        x_square = x * x
        factor = 1.0 + x_square
        both = 1.0 / (factor * (near + x_square))
        squares[j] = x_square
        inverses[j] = both * factor
        bell = exp(half * factor) * (both * (near + x_square))
        factors[j] = scale * WEIGHTS[j] * inverse * inverse * x * bell * math.sqrt(both * factor)


@inlined_kernel
def sum_of_angles(
    product: float, total: float, pairs: float, shift: float, tangent_square: float
) -> float:
    """Sum of ``atan(x / n)`` of three numbers ``n``, of which one at most is negative.

    The numbers come as their product, sum, sum of pairwise products, and ``shift``, pi if one is
    negative and 0 if not; ``x**2`` does not exceed ``pairs``. The angle of the product of the three
    complex numbers ``n + i x``.
    """
    y = math.sqrt(tangent_square) * (pairs - tangent_square)
    x = product - tangent_square * total
    size = abs(x)
    q = min(size, y) / max(size, y, TINY)
    z = q * q
    high = A6 + z * (A7 + z * (A8 + z * (A9 + z * (A10 + z * A11))))
    acute = q * (A0 + z * (A1 + z * (A2 + z * (A3 + z * (A4 + z * (A5 + z * high))))))
    acute = HALF_PI - acute if y > size else acute
    return (PI - acute if x < 0.0 else acute) - shift
