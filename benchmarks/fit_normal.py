"""Where the coefficients of `simulate.engine.normal` come from.

Each is a rational function that interpolates the exact one, in high precision, at Chebyshev nodes
of a Moebius-transformed interval, which is close to the best possible. Run as a program, it prints
the lines of that module and the worst relative error of each fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath  # type: ignore[import-untyped]

PRECISION_BITS = 200
SPLIT = 0.425
TAIL_SHIFT = 1.6


class Fit(NamedTuple):
    """A rational approximation to be made.

    Attributes
    ----------
    names : tuple of str
        Letters of the coefficients of numerator and denominator.
    function : callable
        What it approximates.
    degrees : tuple of int
        Of numerator and denominator.
    interval : tuple of float
        Where.
    centre : float
        ``c`` of the transformation ``t = (x - c) / (x + c)`` in which the nodes are Chebyshev's.
    """

    names: tuple[str, str]
    function: Callable[[Any], Any]
    degrees: tuple[int, int]
    interval: tuple[float, float]
    centre: float


def scaled_tail(a: Any) -> Any:
    """Upper tail of the normal distribution divided by ``exp(-a**2 / 2)``."""
    return mpmath.erfc(a / mpmath.sqrt(2)) / 2 * mpmath.exp(a * a / 2)


def central_slope(z: Any) -> Any:
    """Quantile divided by ``q = u - 1/2``, as a function of ``SPLIT**2 - q**2``."""
    q = mpmath.sqrt(mpmath.mpf(SPLIT) ** 2 - z)
    return mpmath.sqrt(2) * mpmath.erfinv(2 * q) / q


def tail_quantile(shifted: Any) -> Any:
    """Quantile of ``1 - exp(-r**2)`` as a function of ``r - TAIL_SHIFT``."""
    r = shifted + mpmath.mpf(TAIL_SHIFT)
    start = mpmath.sqrt(2) * r - mpmath.log(3.5 * r) / (mpmath.sqrt(2) * r)
    return mpmath.findroot(lambda x: mpmath.log(mpmath.erfc(x / mpmath.sqrt(2)) / 2) + r * r, start)


FITS = (
    Fit(("P", "Q"), scaled_tail, (9, 10), (0.0, 37.6), 4.0),
    Fit(("A", "B"), central_slope, (7, 7), (0.0, 0.1806), 0.2),
    Fit(("C", "D"), tail_quantile, (7, 7), (0.009, 4.47), 3.2),
)


def nodes(n: int, fit: Fit) -> list[Any]:
    """Chebyshev nodes of the transformed interval, mapped back; n of them."""
    c = mpmath.mpf(fit.centre)
    low, high = ((mpmath.mpf(end) - c) / (mpmath.mpf(end) + c) for end in fit.interval)
    angles = [mpmath.pi * (2 * j + 1) / (2 * n) for j in range(n)]
    positions = [(low + high) / 2 + (high - low) / 2 * mpmath.cos(angle) for angle in angles]
    return [c * (1 + t) / (1 - t) for t in positions]


def coefficients(fit: Fit) -> tuple[list[float], list[float]]:
    """Numerator and denominator, lowest power first, the denominator's first being 1."""
    with mpmath.workprec(PRECISION_BITS):
        m, n = fit.degrees
        size = m + n + 1
        matrix, right = mpmath.matrix(size, size), mpmath.matrix(size, 1)
        for i, x in enumerate(nodes(size, fit)):
            y = fit.function(x)
            row = [x**j / y for j in range(m + 1)] + [-(x**j) for j in range(1, n + 1)]
            for j, entry in enumerate(row):
                matrix[i, j] = entry
            right[i] = 1
        solution = [float(number) for number in mpmath.lu_solve(matrix, right)]
    return solution[: m + 1], [1.0, *solution[m + 1 :]]


def value(polynomial: list[float], x: Any) -> Any:
    """Value of a polynomial at ``x``, lowest power first."""
    return sum(c * x**j for j, c in enumerate(polynomial))


def worst_error(fit: Fit, n_points: int = 2000) -> float:
    """Largest relative error of the rounded coefficients, in exact arithmetic."""
    top, bottom = coefficients(fit)
    with mpmath.workprec(PRECISION_BITS):
        errors = [
            abs(value(top, x) / value(bottom, x) / fit.function(x) - 1)
            for x in nodes(n_points, fit)
        ]
    return float(max(errors))


if __name__ == "__main__":
    for fit in FITS:
        for name, polynomial in zip(fit.names, coefficients(fit), strict=True):
            for j, coefficient in enumerate(polynomial):
                print(f"{name}{j} = {coefficient!r}")
        print(f"# worst relative error {worst_error(fit):.1e}")
