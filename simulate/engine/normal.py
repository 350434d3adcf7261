"""Normal distribution function and quantile with the same bits on every processor.

Both consist of ``+ - * /``, a square root, and the logarithm and exponential of `elementary`; loops
over them vectorise. The rational functions interpolate the exact ones at Chebyshev nodes:
``benchmarks/fit_normal.py`` finds their coefficients.
"""

from __future__ import annotations

import math

from simulate.engine.compile import inlined_kernel
from simulate.engine.elementary import exp, log

# Beyond so many standard deviations the distribution function stays at its value there, 4e-308.
FARTHEST = 37.5
# Multiplied by it, a double splits into two halves of 26 bits, whose products are exact.
SPLITTER = 134217729.0
# Where the central part of the quantile ends, in |u - 1/2|, and its square.
SPLIT = 0.425
SPLIT_SQUARE = 0.180625
TAIL_SHIFT = 1.6

# exp(a**2 / 2) times the upper tail at a, from 0 to FARTHEST.
P0 = 0.5
P1 = 0.7748146734445331
P2 = 0.5939312979687413
P3 = 0.2892310456254298
P4 = 0.09764459444545061
P5 = 0.023602612360306627
P6 = 0.004084355797482908
P7 = 0.0004895717501466288
P8 = 3.716281482130145e-05
P9 = 1.3807436589213024e-06
Q1 = 2.3475139076919254
Q2 = 2.560907699155083
Q3 = 1.7139753724667275
Q4 = 0.7817381943597078
Q5 = 0.25481034479768694
Q6 = 0.06038322828260402
Q7 = 0.010331115077127986
Q8 = 0.001230635402666949
Q9 = 9.315336239388357e-05
Q10 = 3.4610110954795758e-06

# Quantile over q = u - 1/2, in SPLIT_SQUARE - q**2, for |q| up to SPLIT.
A0 = 3.3871328727963665
A1 = 133.2446058649558
A2 = 1975.003441361647
A3 = 13771.93089191692
A4 = 46125.99193918321
A5 = 67693.04505520145
A6 = 33722.71201503729
A7 = 2538.3652874930644
B1 = 42.34372158883126
B2 = 688.285826546663
B3 = 5408.707299443003
B4 = 21299.73605722353
B5 = 39533.92597126277
B6 = 28954.723962577384
B7 = 5280.897438280667

# Quantile of 1 - exp(-r**2), in r - TAIL_SHIFT, for the tails beyond SPLIT down to 2**-53.
C0 = 1.4234371107496848
C1 = 4.78124094671926
C2 = 6.23255586661948
C3 = 4.163119063224149
C4 = 1.5353596046814226
C5 = 0.30667741777902285
C6 = 0.02961075883088186
C7 = 0.001003955800296047
D1 = 2.159204810798288
D2 = 1.8745072247206749
D3 = 0.8232289017179715
D4 = 0.18705523777447658
D5 = 0.019810496775863058
D6 = 0.00070979871523187
D7 = 1.0806731077381347e-09


@inlined_kernel
def normal_cdf(x: float) -> float:
    """Probability that a standard normal variable is at most ``x`` (scalar).

    ``exp(-a**2 / 2)`` times a rational function of ``a = |x|`` is the tail, accurate relative to
    itself. The rounding error of the square, which the exponential would multiply, is found exactly
    (Dekker, Numerische Mathematik 18, 1971, 224-242) and put back. NaN is outside the domain.
    """
    a = min(abs(x), FARTHEST)
    scaled = a * SPLITTER
    high = scaled - (scaled - a)
    low = a - high
    square = a * a
    rest = ((high * high - square) + 2.0 * high * low) + low * low
    bell = exp(-0.5 * square) * (1.0 - 0.5 * rest)
    p = P4 + a * (P5 + a * (P6 + a * (P7 + a * (P8 + a * P9))))
    p = P0 + a * (P1 + a * (P2 + a * (P3 + a * p)))
    q = Q5 + a * (Q6 + a * (Q7 + a * (Q8 + a * (Q9 + a * Q10))))
    q = 1.0 + a * (Q1 + a * (Q2 + a * (Q3 + a * (Q4 + a * q))))
    tail = bell * (p / q)
    return tail if x < 0.0 else 1.0 - tail


@inlined_kernel
def normal_quantile(u: float) -> float:
    """Value that a standard normal variable does not exceed with probability ``u`` (scalar).

    For ``u`` from 2**-53 to 1 - 2**-53: a rational function of ``(u - 1/2)**2`` in the middle, of
    ``sqrt(-log(tail))`` in the tails, as Wichura does (Applied Statistics 37, 1988, 477-484,
    algorithm AS 241). Exactly antisymmetric where ``1 - u`` is exact. Outside that range it gives
    garbage: callers exclude it.
    """
    centred = u - 0.5
    distance = abs(centred)
    r = math.sqrt(-log(min(u, 1.0 - u)))
    central = distance <= SPLIT
    z = SPLIT_SQUARE - distance * distance if central else r - TAIL_SHIFT
    top = A7 if central else C7
    top = top * z + (A6 if central else C6)
    top = top * z + (A5 if central else C5)
    top = top * z + (A4 if central else C4)
    top = top * z + (A3 if central else C3)
    top = top * z + (A2 if central else C2)
    top = top * z + (A1 if central else C1)
    top = top * z + (A0 if central else C0)
    bottom = B7 if central else D7
    bottom = bottom * z + (B6 if central else D6)
    bottom = bottom * z + (B5 if central else D5)
    bottom = bottom * z + (B4 if central else D4)
    bottom = bottom * z + (B3 if central else D3)
    bottom = bottom * z + (B2 if central else D2)
    bottom = bottom * z + (B1 if central else D1)
    bottom = bottom * z + 1.0
    size = distance if central else 1.0
    value = size * (top / bottom)
    return value if centred >= 0.0 else -value
