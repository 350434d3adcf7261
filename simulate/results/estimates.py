"""Estimates from independent trials, each with its Monte Carlo standard error."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FEW = 10
# Half-width of a 68.3 % interval in standard errors: one.
ONE_SE = 1.0


class Estimate(NamedTuple):
    """An estimate, its Monte Carlo standard error and the number of trials behind it.

    NaN where there are too few trials to say.
    """

    value: float
    mcse: float
    n_trials: int


def proportion(successes: int, n_trials: int) -> Estimate:
    """Proportion of trials.

    The error is binomial, ``sqrt(p (1 - p) / n)``; with fewer than ten successes or failures it is
    the half-width of Wilson's 68.3 % interval (Wilson 1927), which is not 0 at 0 or 1.
    """
    if n_trials == 0:
        return Estimate(math.nan, math.nan, 0)
    p = successes / n_trials
    variance = p * (1.0 - p) / n_trials
    if min(successes, n_trials - successes) >= FEW:
        return Estimate(p, math.sqrt(variance), n_trials)
    widening = ONE_SE**2 / n_trials
    half_width = ONE_SE * math.sqrt(variance + widening / (4.0 * n_trials)) / (1.0 + widening)
    return Estimate(p, half_width, n_trials)


def mean(values: NDArray[Any]) -> Estimate:
    """Mean of ``values`` (n_trials,), with the standard deviation over the root of n.

    Sums of whole numbers are exact.
    """
    n = len(values)
    if n == 0:
        return Estimate(math.nan, math.nan, 0)
    if values.dtype.kind not in "iu":
        return mean_and_deviation(values)[0]
    # From the first value on: small numbers, whose squares cannot overflow.
    first = int(values[0])
    whole = values.astype(np.int64) - first
    total = int(whole.sum())
    squares = n * int((whole * whole).sum()) - total * total
    error = math.sqrt(squares / (n * n * (n - 1))) if n > 1 else math.nan
    return Estimate((n * first + total) / n, error, n)


def standard_deviation(values: NDArray[Any]) -> Estimate:
    """Standard deviation of ``values`` (n_trials,); its error as in `mean_and_deviation`."""
    return mean_and_deviation(values)[1]


def mean_and_deviation(values: NDArray[Any]) -> tuple[Estimate, Estimate]:
    """Mean and standard deviation of ``values`` (n_trials,).

    The error of the standard deviation comes from ``Var(s**2) = (m4 - s**4 (n - 3) / (n - 1)) /
    n``, with the fourth central moment ``m4``, by the delta method.
    """
    n = len(values)
    if n == 0:
        return Estimate(math.nan, math.nan, 0), Estimate(math.nan, math.nan, 0)
    average = float(np.mean(values))
    if n == 1:
        return Estimate(average, math.nan, 1), Estimate(math.nan, math.nan, 1)
    deviations = np.asarray(values, dtype=np.float64) - average
    squares = deviations * deviations
    variance = float(np.sum(squares)) / (n - 1)
    deviation = math.sqrt(variance)
    found = Estimate(average, deviation / math.sqrt(n), n)
    if variance == 0.0:
        return found, Estimate(0.0, 0.0, n)
    fourth = float(np.mean(squares * squares))  # a power of 4 is far slower
    of_variance = max(fourth - variance**2 * (n - 3) / (n - 1), 0.0) / n
    return found, Estimate(deviation, math.sqrt(of_variance) / (2.0 * deviation), n)


def quantiles(values: NDArray[Any], probabilities: tuple[float, ...]) -> list[Estimate]:
    """Quantiles of ``values`` (n_trials,): order statistics, with errors from order statistics.

    The error is half the distance between the order statistics one binomial standard deviation
    below and above the rank; NaN where the sample is too small to have both.
    """
    n = len(values)
    if n == 0:
        return [Estimate(math.nan, math.nan, 0) for _ in probabilities]
    ranks: list[int] = []
    for p in probabilities:
        spread = math.sqrt(n * p * (1.0 - p))
        ranks += [math.ceil(rank) for rank in (n * p, n * p - spread, n * p + spread)]
    places = [min(max(rank, 1), n) - 1 for rank in ranks]
    ordered = np.partition(np.asarray(values, dtype=np.float64), sorted(set(places)))
    picked = [float(ordered[place]) for place in places]
    estimates = []
    for j in range(0, len(ranks), 3):
        has_both = ranks[j + 1] >= 1 and ranks[j + 2] <= n
        error = (picked[j + 2] - picked[j + 1]) / 2.0 if has_both else math.nan
        estimates.append(Estimate(picked[j], error, n))
    return estimates
