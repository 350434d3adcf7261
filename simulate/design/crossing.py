"""Probabilities that a sequence of standardised statistics crosses its bounds.

At look k the statistic is Z_k ~ N(drift * sqrt(information_k), 1) with correlation sqrt(I_j / I_k)
between looks j < k, so the score Z_k * sqrt(I_k) has independent normal increments. The density of
the score among the trials that have not crossed yet is carried from look to look by numerical
integration (Armitage, McPherson and Rowe, JRSS A 132, 1969, 235-244; Jennison and Turnbull, Group
Sequential Methods, 2000, chapter 19), here by Gauss-Legendre panels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simulate.scenario.hazards import FloatArray

# Panels no wider than this many standard deviations of the increments on either side of a look,
# with so many nodes in each: quadrature exact to 1e-15.
_PANEL_WIDTH = 1.5
_NODES = 16
# Beyond so many standard deviations a normal tail (2e-19) is nothing.
_REACH = 9.0
# Targets of a transition handled together, which bounds memory.
_TARGETS_AT_ONCE = 512


class FirstCrossings(NamedTuple):
    """Probabilities of leaving at each look, each of shape (n_looks,).

    Parameters
    ----------
    upper : array
        Of crossing the upper bound (``Z_k >= bound``) first, at this look.
    lower : array
        Of crossing the lower bound (``Z_k < bound``) first, at this look.
    """

    upper: FloatArray
    lower: FloatArray


def crossing_probabilities(
    critical_values: ArrayLike,
    information: ArrayLike,
    drift: float = 0.0,
    lower_bounds: ArrayLike | None = None,
) -> FirstCrossings:
    """Probability of crossing a bound for the first time at each look.

    Parameters
    ----------
    critical_values : array_like, shape (n_looks,)
        Upper bounds of Z; infinite: this look cannot reject.
    information : array_like, shape (n_looks,)
        Information at each look, finite, greater than 0 and increasing.
    drift : float
        Mean of Z for each square root of the information.
    lower_bounds : array_like, shape (n_looks,), optional
        Lower bounds of Z, nowhere above the upper ones; none: no look stops below.

    Returns
    -------
    FirstCrossings
        Accurate to about 1e-14.

    Raises
    ------
    ValueError
        If the lengths differ, the information does not increase, the lower bounds exceed the upper
        ones, or something is not a number.
    """
    upper = np.atleast_1d(np.asarray(critical_values, dtype=np.float64))
    info = np.atleast_1d(np.asarray(information, dtype=np.float64))
    if lower_bounds is None:
        lower = np.full(upper.shape, -np.inf)
    else:
        lower = np.atleast_1d(np.asarray(lower_bounds, dtype=np.float64))
    _check(upper, lower, info, drift)

    increments = np.diff(info, prepend=0.0)
    roots = np.sqrt(info)
    crossed = np.zeros((2, len(info)))
    # Before the first look all the trials are at score 0.
    score, mass = np.zeros(1), np.ones(1)
    for k, increment in enumerate(increments):
        mean, sd = drift * increment, np.sqrt(increment)
        bounds = lower[k] * roots[k], upper[k] * roots[k]
        crossed[:, k] = _crossed_now(bounds, score, mass, mean, sd)
        if k + 1 < len(info):
            # Where the score is too unlikely to be, there is nothing to carry on.
            reach = drift * info[k] + _REACH * roots[k] * np.array([-1.0, 1.0])
            low, high = max(bounds[0], reach[0]), min(bounds[1], reach[1])
            width = _PANEL_WIDTH * min(sd, np.sqrt(increments[k + 1]))
            targets, weights = _panels(low, high, width)
            mass = weights * _density(targets, score, mass, mean, sd)
            score = targets
    return FirstCrossings(upper=crossed[1], lower=crossed[0])


def _check(upper: FloatArray, lower: FloatArray, info: FloatArray, drift: float) -> None:
    """Refuse what is not a design."""
    if upper.ndim != 1 or not upper.shape == lower.shape == info.shape or len(info) == 0:
        raise ValueError(
            "critical_values, information and lower_bounds must be lists of one length, at least 1 "
            f"(given: shapes {upper.shape}, {info.shape} and {lower.shape})"
        )
    if not np.all(np.isfinite(info)) or not np.all(np.diff(info, prepend=0.0) > 0.0):
        raise ValueError(
            "information must be finite, greater than 0 and increase from look to look, "
            f"since a look that adds none repeats the one before (given: {info.tolist()})"
        )
    if not np.all(lower <= upper):
        raise ValueError(
            "lower bounds must not exceed the critical values, and both must be numbers "
            f"(given: {lower.tolist()} and {upper.tolist()})"
        )
    if not np.isfinite(drift):
        raise ValueError(f"drift must be finite (given: {drift})")


def _crossed_now(
    bounds: tuple[float, float], score: FloatArray, mass: FloatArray, mean: float, sd: float
) -> tuple[float, float]:
    """Probability that the next score lies below the first bound, and above the second."""
    from scipy.special import ndtr  # noqa: PLC0415 - slow to import

    below = ndtr((bounds[0] - score - mean) / sd)
    above = ndtr((score + mean - bounds[1]) / sd)
    return float(mass @ below), float(mass @ above)


def _panels(low: float, high: float, width: float) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights on [low, high], in panels of at most ``width``."""
    if not low < high:
        return np.zeros(0), np.zeros(0)
    edges = np.linspace(low, high, int(np.ceil((high - low) / width)) + 1)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = np.diff(edges)[:, None] / 2.0
    return (edges[:-1, None] + half * (nodes + 1.0)).ravel(), (half * weights).ravel()


def _density(
    targets: FloatArray, score: FloatArray, mass: FloatArray, mean: float, sd: float
) -> FloatArray:
    """Density of the next score at sorted ``targets``, from point masses at sorted ``score``."""
    density = np.zeros(len(targets))
    for part in _slices(len(targets)):
        # Only the scores within reach of these targets count.
        ends = targets[part][[0, -1]] - mean + _REACH * sd * np.array([-1.0, 1.0])
        near = slice(*np.searchsorted(score, ends))
        z = (targets[part, None] - score[near] - mean) / sd
        density[part] = np.exp(-0.5 * z * z) @ mass[near]
    return np.asarray(density / (sd * np.sqrt(2.0 * np.pi)))


def _slices(length: int) -> Iterator[slice]:
    """Consecutive slices that cover a length."""
    for first in range(0, length, _TARGETS_AT_ONCE):
        yield slice(first, min(first + _TARGETS_AT_ONCE, length))
