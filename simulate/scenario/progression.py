"""The latent time to progression behind given marginals of PFS and OS.

PFS is the earlier of the time to progression (TTP) and OS, which a Gaussian copula with correlation
rho joins: P(TTP > s, OS > t) = C(S_TTP(s), S_OS(t)). PFS has its own marginal when S_TTP solves

    C(S_TTP(t), S_OS(t)) = S_PFS(t)    at every t.

A solution exists where S_PFS <= S_OS, since C rises from 0 to S_OS with its first argument. It is a
survival function if it does not increase, that is, if f_PFS >= P(TTP > t | OS = t) f_OS for the
densities f. The probability in it falls when rho rises while C is held: with z the standardised
distance of OS's normal score from its mean given TTP's, it moves with -(z + phi(z) / Phi(z)), and
Phi(z) z + phi(z), the integral of Phi up to z, is positive. So the feasible correlations are all
those above a lowest one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulate.scenario.bivariate import bivariate_normal_cdf
from simulate.scenario.hazards import FloatArray, Hazard

# Where S_PFS is below it nothing is solved or checked.
_LEAST_SURVIVAL = 1e-9
# Largest errors of the tabulated model's PFS at the middle of a piece, and from holding S_TTP level
# where it would increase or S_PFS at S_OS where it is above; together below 1e-6.
_PIECE_ERROR = 4e-7
_REVERSAL_ERROR = 1e-7
# The correlations searched for feasible ones, and to within which width.
_RHO_ENDS = (-0.999, 0.999)
_RHO_WIDTH = 1e-5
_TABLE_BITS = 40
_REACH = 40.0


@dataclass(frozen=True)
class LatentProgression:
    """The distribution of the latent time to progression, tabulated.

    Parameters
    ----------
    rho : float
        Correlation of the copula.
    months : array, shape (n_knots,)
        Months from randomisation, from 0, increasing.
    cumulative : array, shape (n_knots,)
        Cumulative hazard of progression at each, from 0, not decreasing; linear in between.
    """

    rho: float
    months: FloatArray
    cumulative: FloatArray

    def hazard(self) -> Hazard:
        """Piecewise constant hazard of progression; beyond the table the last one goes on."""
        slopes = np.diff(self.cumulative) / np.diff(self.months)
        return Hazard(1.0, 1.0, tuple(self.months[:-1].tolist()), tuple(slopes.tolist()))


@dataclass(frozen=True)
class Infeasible:
    """Why there is no such model.

    Parameters
    ----------
    reason : {"pfs_above_os", "progression_reversed"}
        PFS would have to outlast OS, or S_TTP would have to increase.
    month : float
        First month at which it does.
    survival_pfs, survival_os : float
        The two survival probabilities then.
    lowest_rho : float or None
        Every correlation above it, up to 1, is feasible; None: there is none.
    """

    reason: Literal["pfs_above_os", "progression_reversed"]
    month: float
    survival_pfs: float
    survival_os: float
    lowest_rho: float | None


def round_mantissa(values: FloatArray, bits: int = _TABLE_BITS) -> FloatArray:
    """Values rounded to so many significant bits, so that last-bit differences seldom show."""
    mantissa, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits))


def latent_progression(
    pfs: Hazard, os: Hazard, rho: float, horizon: float
) -> LatentProgression | Infeasible:
    """Distribution of the time to progression that gives PFS its own marginal.

    Parameters
    ----------
    pfs, os : Hazard
        Hazards of progression-free and overall survival.
    rho : float
        Correlation of the Gaussian copula of TTP and OS, between -1 and 1 and neither.
    horizon : float
        Months from randomisation up to which the marginal of PFS must hold, finite, above 0.

    Returns
    -------
    LatentProgression or Infeasible
        A table whose PFS, the earlier of TTP and OS, is right to 1e-6, absolutely, up to the
        horizon. It ends there or where S_PFS falls to 1e-9; beyond, the last hazard goes on.
        Months and cumulative hazards are rounded to 40 bits.

    Raises
    ------
    ValueError
        If the correlation or the horizon is out of range.
    """
    if not -1.0 < rho < 1.0:
        raise ValueError(f"rho must be between -1 and 1 (given: {rho})")
    months = _grid(pfs, os, horizon)
    above = _pfs_above_os(pfs, os, months)
    if above is not None:
        return Infeasible("pfs_above_os", above, *_survivals(pfs, os, above), None)
    cumulative = _solve(pfs, os, rho, months)
    reversal = _reversal(pfs, os, rho, months, cumulative)
    if reversal is not None:
        interval = feasible_correlations(pfs, os, horizon)
        lowest = None if interval is None else interval[0]
        return Infeasible("progression_reversed", reversal, *_survivals(pfs, os, reversal), lowest)
    months, cumulative = _refine(pfs, os, rho, months, cumulative)
    return LatentProgression(rho, months, round_mantissa(np.maximum.accumulate(cumulative)))


def feasible_correlations(pfs: Hazard, os: Hazard, horizon: float) -> tuple[float, float] | None:
    """Correlations for which `latent_progression` has an answer.

    Parameters
    ----------
    pfs, os : Hazard
        Hazards of progression-free and overall survival.
    horizon : float
        Months from randomisation up to which the marginal of PFS must hold, finite, above 0.

    Returns
    -------
    tuple of float or None
        Lowest (found to 1e-5) and highest, searched from -0.999 to 0.999; None: there is none.

    Raises
    ------
    ValueError
        If the horizon is out of range.
    """
    months = _grid(pfs, os, horizon)
    if _pfs_above_os(pfs, os, months) is not None:
        return None

    def feasible(rho: float) -> bool:
        return _reversal(pfs, os, rho, months, _solve(pfs, os, rho, months)) is None

    low, high = _RHO_ENDS
    if feasible(low):
        return _RHO_ENDS
    if not feasible(high):
        return None
    while high - low > _RHO_WIDTH:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if feasible(middle) else (middle, high)
    return high, _RHO_ENDS[1]


def _grid(pfs: Hazard, os: Hazard, horizon: float) -> FloatArray:
    """Months from 0 to the end of the table, with the starts of the hazards' pieces among them."""
    if not 0.0 < horizon < math.inf:
        raise ValueError(f"horizon must be finite and greater than 0 (given: {horizon})")
    end = min(horizon, float(pfs.quantile(1.0 - _LEAST_SURVIVAL)))
    months = np.concatenate(
        [
            np.linspace(0.0, end, 257),
            end * 2.0 ** -np.arange(9.0, 30.0),
            pfs.quantile(np.arange(1, 128) / 128.0),
            pfs.starts_months,
            os.starts_months,
        ]
    )
    return np.unique(round_mantissa(months[months <= end]))


def _survivals(pfs: Hazard, os: Hazard, month: float) -> tuple[float, float]:
    """Both survival probabilities at a month."""
    return float(pfs.survival(month)), float(os.survival(month))


def _pfs_above_os(pfs: Hazard, os: Hazard, months: FloatArray) -> float | None:
    """First month, to 1e-6, from which S_PFS is above S_OS by more than rounding; None if never."""

    def above(month: FloatArray | float) -> FloatArray:
        return np.asarray(pfs.survival(month) - os.survival(month) > _REVERSAL_ERROR)

    where = np.flatnonzero(above(months))
    if len(where) == 0:
        return None
    low, high = float(months[where[0] - 1]), float(months[where[0]])
    while high - low > 1e-6:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if above(middle) else (middle, high)
    return high


def _solve(pfs: Hazard, os: Hazard, rho: float, months: FloatArray) -> FloatArray:
    """Cumulative hazard of progression at each month, by Newton's method kept in a bracket.

    The unknown is h, the normal score of S_TTP. Newton's method runs on the normal score of C,
    which is nearly linear in h. dC/dh = phi(h) P(OS > t | TTP = t).
    """
    from scipy.special import log_ndtr, ndtr, ndtri  # noqa: PLC0415 - slow to import

    survival_os = os.survival(months)
    # From the cumulative hazards: both survivals may be close to 1.
    gap = -survival_os * np.expm1(np.minimum(os.cumulative(months) - pfs.cumulative(months), 0.0))
    target = survival_os - gap
    k = np.clip(ndtri(survival_os), -_REACH, _REACH)
    score = np.clip(ndtri(target), -_REACH, _REACH)
    # C is between S_TTP + S_OS - 1 and S_TTP.
    low, high = score.copy(), np.clip(-ndtri(gap), -_REACH, _REACH)
    h = np.clip(ndtri(np.minimum(target / survival_os, 1.0)), low, high)
    root = math.sqrt((1.0 - rho) * (1.0 + rho))
    for _ in range(200):
        value = bivariate_normal_cdf(h, k, rho)
        done = (np.abs(value - target) <= 1e-15) | (high - low <= 1e-14)
        if np.all(done):
            break
        low, high = np.where(value < target, h, low), np.where(value < target, high, h)
        with np.errstate(all="ignore"):
            now = ndtri(value)
            slope = np.exp(0.5 * (now * now - h * h)) * ndtr((k - rho * h) / root)
            newton = h - (now - score) / slope
        inside = (newton > low) & (newton < high)
        h = np.where(done, h, np.where(inside, newton, 0.5 * (low + high)))
    else:
        raise AssertionError(f"no convergence for rho {rho}")
    return np.asarray(-log_ndtr(h))


def _error(
    pfs: Hazard, os: Hazard, rho: float, months: FloatArray, cumulative: FloatArray
) -> FloatArray:
    """S_PFS less what a cumulative hazard of progression makes of it, at each month."""
    from scipy.special import ndtri  # noqa: PLC0415 - slow to import

    scores = ndtri(np.exp(-cumulative)), ndtri(os.survival(months))
    return np.asarray(pfs.survival(months) - bivariate_normal_cdf(*scores, rho))


def _reversal(
    pfs: Hazard, os: Hazard, rho: float, months: FloatArray, cumulative: FloatArray
) -> float | None:
    """First month from which S_TTP increases so far that PFS would not be right without it."""
    level = np.maximum.accumulate(cumulative)
    wrong = np.flatnonzero(_error(pfs, os, rho, months, level) > 2.0 * _REVERSAL_ERROR)
    return None if len(wrong) == 0 else float(months[np.argmax(cumulative[: wrong[0]])])


def _refine(
    pfs: Hazard, os: Hazard, rho: float, months: FloatArray, cumulative: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Halve pieces until a straight line through each is right at its middle."""
    found = [(months, cumulative)]
    left, right = months[:-1], months[1:]
    start, end = cumulative[:-1], cumulative[1:]
    while len(left) > 0:
        middle = round_mantissa(0.5 * (left + right))
        line = start + (end - start) * (middle - left) / (right - left)
        wrong = np.abs(_error(pfs, os, rho, middle, line)) > _PIECE_ERROR
        left, middle, right = left[wrong], middle[wrong], right[wrong]
        between = _solve(pfs, os, rho, middle)
        found.append((middle, between))
        start, end = (
            np.concatenate([start[wrong], between]),
            np.concatenate([between, end[wrong]]),
        )
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    all_months = np.concatenate([part for part, _ in found])
    order = np.argsort(all_months)
    return all_months[order], np.concatenate([part for _, part in found])[order]
