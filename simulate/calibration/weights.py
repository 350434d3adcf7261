"""Importance weights: how much they are worth, and equally weighted members drawn from them.

Here and in what uses it, long sums are NumPy's own: those of a matrix product depend on the number
of threads that its library takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Halvings when a power of the weights is looked for.
_BISECTIONS = 50

# Quantiles: the ends and the middle of a 95% interval.
LIMITS = (0.025, 0.5, 0.975)


def normalised(log_weights: FloatArray) -> FloatArray:
    """Weights that sum to 1, (N,); all 0 if no logarithm is above minus infinity."""
    top = np.max(log_weights)
    if top == -np.inf:
        return np.zeros_like(log_weights)
    weights = np.exp(log_weights - top)
    return np.asarray(weights / weights.sum())


def truncated(log_weights: FloatArray) -> FloatArray:
    """Weights cut at sqrt(N) times their mean, normalised, (N,).

    The cut takes the variance that single weights make, at the price of a bias that vanishes with
    N (Ionides 2008, Journal of Computational and Graphical Statistics 17:295).
    """
    weights = normalised(log_weights)
    cut = np.minimum(weights, weights.sum() / np.sqrt(len(weights)))
    return np.asarray(cut / cut.sum() if cut.sum() > 0.0 else cut)


def effective_size(weights: FloatArray) -> float:
    """Number of equal weights worth as much, (sum w)**2 / sum w**2; 0 if all are 0."""
    squares = float(np.sum(weights * weights))
    return float(weights.sum()) ** 2 / squares if squares > 0.0 else 0.0


def log_mean(log_weights: FloatArray) -> float:
    """Logarithm of the mean weight; minus infinity if all are 0."""
    top = float(np.max(log_weights))
    if top == -np.inf:
        return top
    return top + float(np.log(np.mean(np.exp(log_weights - top))))


def tempered(log_weights: FloatArray, least: float) -> FloatArray:
    """Normalised weights to the largest power up to 1 that leaves an effective size of ``least``.

    For what is fitted to them: a few weights that outweigh all others say little of their spread
    (Koblents and Miguez 2015, Statistics and Computing 25:407). Draws of weight 0 stay so.
    """
    if effective_size(normalised(log_weights)) >= least:
        return normalised(log_weights)
    low, high = 0.0, 1.0
    some = np.isfinite(log_weights)
    values = np.where(some, log_weights, 0.0)
    for _ in range(_BISECTIONS):
        power = 0.5 * (low + high)
        enough = effective_size(normalised(np.where(some, power * values, -np.inf))) >= least
        low, high = (power, high) if enough else (low, power)
    return normalised(np.where(some, low * values, -np.inf))


def weighted_quantiles(values: Any, weights: FloatArray, probabilities: Any) -> FloatArray:
    """Quantiles of weighted values: the least value that has so much weight up to it.

    Nothing is interpolated, so that infinite values (a median not reached) are quantiles as
    others are.

    Parameters
    ----------
    values : array_like, shape (N,)
        Values; infinite ones are ordered, NaN ones left out.
    weights : FloatArray, shape (N,)
        Their weights, not negative.
    probabilities : array_like, shape (Q,)
        Probabilities, 0 to 1.

    Returns
    -------
    array, shape (Q,)
        NaN if no value has a weight.
    """
    x = np.asarray(values, dtype=np.float64)
    wanted = np.atleast_1d(np.asarray(probabilities, dtype=np.float64))
    known = ~np.isnan(x) & (weights > 0.0)
    if not known.any():
        return np.full(len(wanted), np.nan)
    order = np.argsort(x[known], kind="stable")
    up_to = np.cumsum(weights[known][order])
    # A sum of weights may come out a unit in the last place below the probability it stands for.
    places = np.searchsorted(up_to, wanted * up_to[-1] * (1.0 - 1e-12), side="left")
    return np.asarray(x[known][order][np.minimum(places, len(order) - 1)])


def systematic_members(
    weights: FloatArray, n_members: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Numbers (n_members,) of the draws that become equally likely members, in random order.

    A draw of weight w is taken the whole number below or above ``n_members w`` times, on average
    just as often (systematic resampling: Kitagawa 1996, Journal of Computational and Graphical
    Statistics 5:1).

    Raises
    ------
    ValueError
        If no draw has a weight.
    """
    if not weights.sum() > 0.0:
        raise ValueError("weights must not all be 0")
    up_to = np.cumsum(weights) / weights.sum()
    up_to[-1] = 1.0
    places = (np.arange(n_members) + rng.random()) / n_members
    return rng.permutation(np.searchsorted(up_to, places, side="right").clip(max=len(weights) - 1))
