"""The bivariate normal distribution function and the Gaussian copula."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from simulate.scenario.hazards import FloatArray

# Beyond so many standard deviations the normal distribution function is 0 or 1 in double precision.
_REACH = 40.0


def bivariate_normal_cdf(h: ArrayLike, k: ArrayLike, rho: float) -> FloatArray:
    """Probability that two standard normal variables with correlation rho are at most h and k.

    With ``a = (k - rho h) / (h sqrt(1 - rho**2))``, ``b`` the same with h and k exchanged, and
    Owen's function T, it is

        Phi(h) / 2 + Phi(k) / 2 - T(h, a) - T(k, b) - (1/2 if h and k have opposite signs else 0)

    (Owen, Annals of Mathematical Statistics 27, 1956, 1075-1090).

    Parameters
    ----------
    h, k : array_like
        Standard normal values, infinite ones included; shapes that broadcast.
    rho : float
        Correlation, -1 to 1.

    Returns
    -------
    array
        Accurate to 1e-15, absolutely.

    Raises
    ------
    ValueError
        If the correlation is not from -1 to 1.
    """
    from scipy.special import ndtr, owens_t  # noqa: PLC0415 - slow to import

    if not -1.0 <= rho <= 1.0:
        raise ValueError(f"rho must be from -1 to 1 (given: {rho})")
    x, y = np.broadcast_arrays(np.asarray(h, dtype=np.float64), np.asarray(k, dtype=np.float64))
    x, y = np.clip(x, -_REACH, _REACH), np.clip(y, -_REACH, _REACH)
    if rho == 1.0:
        return np.asarray(ndtr(np.minimum(x, y)))
    if rho == -1.0:
        # Phi(x) + Phi(y) - 1 as an interval between -y and x.
        return np.asarray(np.maximum(ndtr(x) - ndtr(-y), 0.0))
    root = np.sqrt((1.0 - rho) * (1.0 + rho))
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (y - rho * x) / (x * root), (x - rho * y) / (y * root)
    opposite = (x * y < 0.0) | ((x * y == 0.0) & (x + y < 0.0))
    value = 0.5 * (ndtr(x) + ndtr(y)) - owens_t(x, a) - owens_t(y, b) - 0.5 * opposite
    # At the origin a and b are 0 / 0.
    origin = 0.25 + np.arcsin(rho) / (2.0 * np.pi)
    return np.asarray(np.clip(np.where((x == 0.0) & (y == 0.0), origin, value), 0.0, 1.0))


def gaussian_copula(u: ArrayLike, v: ArrayLike, rho: float) -> FloatArray:
    """Probability that two uniforms joined by a Gaussian copula are at most u and v.

    Parameters
    ----------
    u, v : array_like
        Probabilities, 0 and 1 included; shapes that broadcast.
    rho : float
        Correlation of the underlying normal variables, -1 to 1.

    Returns
    -------
    array
        Accurate to 1e-15, absolutely.

    Raises
    ------
    ValueError
        If the correlation is not from -1 to 1.
    """
    from scipy.special import ndtri  # noqa: PLC0415 - slow to import

    return bivariate_normal_cdf(ndtri(u), ndtri(v), rho)
