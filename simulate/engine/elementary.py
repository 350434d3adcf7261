"""Logarithm and exponential with the same bits on every processor.

Library functions differ in the last bit between processors and do not vectorise in numba; these do
neither. Both are accurate to about one unit in the last place (measured in the tests against
mpmath). The
polynomials interpolate the exact functions at Chebyshev nodes.
"""

from __future__ import annotations

import numpy as np

from simulate.engine.compile import kernel

ONE_BITS = np.uint64(0x3FF0000000000000)
# Bits of 1.0 less those of sqrt(1/2): adding them rounds the exponent so that the mantissa lies in
# [sqrt(1/2), sqrt(2)).
HALF_ROOT_OFFSET = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
MANTISSA_BITS = np.uint64(52)
# An integer below 2**52 put into the low bits of 2**52 is a double that differs from 2**52 by it.
TWO_52 = 4503599627370496.0
TWO_52_BITS = np.uint64(0x4330000000000000)
# Adding and taking away 1.5 * 2**52 rounds to a whole number.
ROUND = 6755399441055744.0

LN2 = 0.6931471805599453
INVERSE_LN2 = 1.4426950408889634
LN2_HIGH = 0.6931471803691238  # 32 bits, so that a product with an exponent is exact
LN2_LOW = 1.9082149292705877e-10

# (log(1 + f) - 2 s) / s**3 as a polynomial in z = s**2, where s = f / (2 + f) and |s| < 0.1716.
L0 = 0.666666666666667
L1 = 0.39999999999899505
L2 = 0.28571428625975487
L3 = 0.2222221113479508
L4 = 0.18182889125261723
L5 = 0.15331721600556042
L6 = 0.14616449685043406

# (exp(r) - 1 - r - r**2 / 2) / r**3 as a polynomial in r, |r| <= log(2) / 2.
E0 = 0.16666666666666666
E1 = 0.041666666666651364
E2 = 0.008333333333332157
E3 = 0.0013888888905871355
E4 = 0.00019841269854330778
E5 = 2.4801536409043718e-05
E6 = 2.755728008266902e-06
E7 = 2.761379556582631e-07
E8 = 2.5095545990395195e-08
EXP_LOWEST = -708.0
EXP_HIGHEST = 709.0


@kernel
def log(x: float) -> float:
    """Natural logarithm of a positive, finite, normal double (scalar).

    With ``x = 2**k * (1 + f)`` and ``s = f / (2 + f)``, ``log(1 + f)`` is ``2 artanh(s)``, written
    so that the leading term ``f`` is exact. Zero, negative, subnormal, infinite and NaN arguments
    are outside the domain and give garbage: callers exclude them.
    """
    bits = np.float64(x).view(np.uint64)
    biased_exponent = (bits + HALF_ROOT_OFFSET) >> MANTISSA_BITS
    mantissa = np.uint64(bits + ONE_BITS - (biased_exponent << MANTISSA_BITS)).view(np.float64)
    k = np.uint64(biased_exponent | TWO_52_BITS).view(np.float64) - (TWO_52 + 1023.0)
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * f * f
    remainder = z * (L0 + z * (L1 + z * (L2 + z * (L3 + z * (L4 + z * (L5 + z * L6))))))
    low_part = s * (half_square + remainder) + k * LN2_LOW
    return float(k * LN2_HIGH - ((half_square - low_part) - f))


@kernel
def exp(x: float) -> float:
    """Exponential of a double (scalar); beyond -708 and 709 it stays at its value there.

    With ``x = k log(2) + r`` it is ``2**k`` times a polynomial in ``r``.
    """
    inside = min(max(x, EXP_LOWEST), EXP_HIGHEST)
    k = (inside * INVERSE_LN2 + ROUND) - ROUND
    r = (inside - k * LN2_HIGH) - k * LN2_LOW
    tail = E4 + r * (E5 + r * (E6 + r * (E7 + r * E8)))
    cubic = r * r * r * (E0 + r * (E1 + r * (E2 + r * (E3 + r * tail))))
    value = 1.0 + (r + (0.5 * r * r + cubic))
    power = (np.float64(k + (TWO_52 + 1023.0)).view(np.uint64) - TWO_52_BITS) << MANTISSA_BITS
    return float(value * np.uint64(power).view(np.float64))
