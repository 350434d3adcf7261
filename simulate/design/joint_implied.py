"""What a joint model of PFS, OS and response implies beyond the marginals it is built from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike

from simulate.scenario.hazards import FloatArray, Hazard
from simulate.scenario.progression import LatentProgression

_NODES = 12
# Normal scores of OS beyond which nothing is counted.
_REACH = 8.0
# Panels halve so often towards an end at which a function may not be smooth.
_HALVINGS = 30
# Parts of the distribution of each score, and steps of a bisection.
_PARTS = 150
_BISECTIONS = 40


@dataclass(frozen=True)
class Implied:
    """What a model of PFS and OS implies, over all times.

    Parameters
    ----------
    probability_equal : float
        P(PFS = OS): death without progression before it.
    correlation : float
        Pearson's correlation of PFS and OS; like the means NaN if some patients never die.
    mean_pfs, mean_os : float
        Means, in months.
    """

    probability_equal: float
    correlation: float
    mean_pfs: float
    mean_os: float


def implied(pfs: Hazard, os: Hazard, progression: LatentProgression) -> Implied:
    """Probability that PFS is OS, and their correlation and means, under the tabulated model.

    Given OS = o with normal score k, TTP exceeds s with probability
    Phi((h(s) - rho k) / sqrt(1 - rho**2)), h(s) being the normal score of S_TTP(s). This integrates
    to P(OS < TTP), E[PFS | OS] and E[PFS**2 | OS], and those to the rest.

    Parameters
    ----------
    pfs, os : Hazard
        Hazards of progression-free and overall survival.
    progression : LatentProgression
        What `latent_progression` made of them. Beyond its table the last hazard of progression goes
        on, and PFS is what follows from it.

    Returns
    -------
    Implied
        Accurate to 1e-5 (means: relative) for correlations up to 0.95, to 2e-3 at 0.999.
    """
    from scipy.special import ndtr, ndtri  # noqa: PLC0415 - slow to import

    latent, rho = progression.hazard(), progression.rho
    root = math.sqrt((1.0 - rho) * (1.0 + rho))
    starts = np.asarray(sorted({*pfs.starts_months, *os.starts_months}))

    def later(month: FloatArray, k: FloatArray) -> FloatArray:
        """P(TTP > month | OS), k being the normal score of OS."""
        score = ndtri(latent.survival(month))
        return np.asarray(ndtr((score - rho * k) / root))

    bends = ndtri(os.survival(starts))
    k, weights = _gauss([*np.linspace(-_REACH, _REACH, 33), *bends[np.abs(bends) < _REACH]])
    weights = weights * np.exp(-0.5 * k * k) / math.sqrt(2.0 * math.pi)
    months = os.quantile(ndtr(-k))
    mortal = np.isfinite(months)
    equal = float(weights[mortal] @ later(months[mortal], k[mortal]))
    if os.slopes[-1] == 0.0:
        return Implied(equal, math.nan, math.nan, math.nan)

    first, second = np.empty(len(k)), np.empty(len(k))
    for i, month in enumerate(months):
        s, w = _gauss([*_halving(month), *starts[starts < month]])
        remaining = w * later(s, k[i])
        first[i], second[i] = remaining.sum(), 2.0 * (remaining @ s)
    mean_pfs, mean_os = float(weights @ first), float(weights @ months)
    variances = (weights @ second - mean_pfs**2) * (weights @ months**2 - mean_os**2)
    covariance = weights @ (first * months) - mean_pfs * mean_os
    return Implied(equal, float(covariance / math.sqrt(variances)), mean_pfs, mean_os)


def response_time_cdf(months: ArrayLike, response_time: Hazard, pfs: Hazard) -> FloatArray:
    """Distribution function of the time to response, among responders.

    A responder's time to response is drawn from its named distribution G, conditioned on (0, PFS).
    With f the density of PFS,

        F(t) = E[G(min(t, PFS)) / G(PFS)] = 1 - S_PFS(t) + G(t) integral from t on of f(x) / G(x) dx

    Parameters
    ----------
    months : array_like
        Months from randomisation, not negative, any shape.
    response_time : Hazard
        The named distribution.
    pfs : Hazard
        Hazard of PFS among responders (that of all patients if response does not depend on it).

    Returns
    -------
    array
        Probabilities, of the shape of ``months``, accurate to 1e-8.

    Raises
    ------
    ValueError
        If a time is negative or not a number, or if responses cease at some time.
    """
    t = np.asarray(months, dtype=np.float64)
    if not np.all(t >= 0.0):
        raise ValueError(f"months must not be negative (given: {t})")
    if response_time.slopes[-1] == 0.0:
        raise ValueError(f"response_time must not cease (given: {response_time})")
    starts = np.asarray([*pfs.starts_months, *response_time.starts_months])
    values = [_responded_by(float(month), response_time, pfs, starts) for month in t.ravel()]
    return np.asarray(values, dtype=np.float64).reshape(t.shape)


def responders_times(
    quantiles: Sequence[float],
    response_time: Hazard,
    rate: float,
    first: Hazard,
    deaths: Hazard | None,
    correlations: tuple[float, float, float],
) -> FloatArray:
    """Quantiles of the time to response, among responders, of a joint model with correlations.

    Given the normal scores of the first event and of OS, a patient responds with a probability that
    follows from the third score, and then at a time from the named distribution G, conditioned on
    the first event. This averages over scores at the middle of equal parts of both distributions.

    Parameters
    ----------
    quantiles : sequence of float
        Shares of the responders, strictly between 0 and 1.
    response_time : Hazard
        Of G.
    rate : float
        Probability of response, above 0.
    first, deaths : Hazard
        Of the latent time to progression and of OS; or of the first event and None.
    correlations : tuple of float
        Of the scores: first event and OS, first event and response, OS and response.

    Returns
    -------
    array, shape (n_quantiles,)
        Months, to some three digits.
    """
    from scipy.special import ndtr, ndtri  # noqa: PLC0415 - slow to import

    a, b, c = correlations
    parts = (np.arange(_PARTS) + 0.5) / _PARTS
    score, other = (part.ravel() for part in np.meshgrid(ndtri(parts), ndtri(parts)))
    root = math.sqrt(1.0 - a * a)
    on_other = (c - a * b) / root
    event = first.quantile(ndtr(-score))
    if deaths is not None:
        event = np.minimum(event, deaths.quantile(ndtr(-(a * score + root * other))))
    left = math.sqrt(1.0 - b * b - on_other * on_other)
    weights = ndtr((ndtri(rate) - b * score - on_other * other) / left)
    weights = weights / weights.sum()
    share_by = _share_responded(event, weights, response_time)
    latest = event[np.isfinite(event)].max(initial=1.0)
    return np.array([_where(share_by, share, latest) for share in quantiles])


def _share_responded(
    event: FloatArray, weights: FloatArray, response_time: Hazard
) -> Callable[[float], float]:
    """Share of the responders by a month: all whose event has come, G(month) / G(event) of others.

    In order of the events, both are sums up to a place that is looked up.
    """
    by_event = -np.expm1(-response_time.cumulative(event))
    # Whose event comes before any response counts from the start.
    months = np.where(by_event > 0.0, event, 0.0)
    order = np.argsort(months)
    months = months[order]
    share, by_event = weights[order], np.where(by_event > 0.0, by_event, 1.0)[order]
    come = np.append(0.0, np.cumsum(share))
    to_come = np.append(np.cumsum((share / by_event)[::-1])[::-1], 0.0)

    def share_by(month: float) -> float:
        by_month = -math.expm1(-float(response_time.cumulative(month)))
        place = np.searchsorted(months, month, side="right")
        return float(come[place] + by_month * to_come[place])

    return share_by


def _where(share_by: Callable[[float], float], share: float, latest: float) -> float:
    """Month by which a share is reached, by bisection."""
    low, high = 0.0, latest
    while share_by(high) < share:
        low, high = high, 2.0 * high
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if share_by(middle) < share else (low, middle)
    return 0.5 * (low + high)


def _responded_by(month: float, response_time: Hazard, pfs: Hazard, starts: FloatArray) -> float:
    """Compute F at one month: over y, the share of S_PFS(t) lost since t."""
    if month == 0.0:
        return 0.0
    by_month = -math.expm1(-float(response_time.cumulative(month)))
    if by_month == 0.0 or not math.isfinite(month):
        return float(by_month)
    before = pfs.cumulative(month)
    bends = -np.expm1(before - pfs.cumulative(starts[starts > month]))
    halving = _halving(1.0)
    y, weights = _gauss([*halving, *(1.0 - halving), *bends])
    # The cumulative hazard of PFS from which the month is found keeps its digits where y is small.
    later = pfs.quantile(-np.expm1(np.log1p(-y) - before))
    ratios = by_month / -np.expm1(-response_time.cumulative(later))
    remaining = math.exp(-float(before))
    return float(1.0 - remaining + remaining * (weights @ ratios))


def _halving(end: float) -> FloatArray:
    """0 and then edges that double up to ``end``."""
    return np.append(0.0, end * 2.0 ** -np.arange(float(_HALVINGS), -1.0, -1.0))


@cache
def _rule() -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights on (-1, 1), the same arrays for every caller."""
    nodes, weights = legendre.leggauss(_NODES)
    for array in (nodes, weights):
        array.flags.writeable = False
    return nodes, weights


def _gauss(edges: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights in the panels between edges, which need not be sorted."""
    ends = np.unique(np.asarray(edges, dtype=np.float64))
    nodes, weights = _rule()
    half = 0.5 * np.diff(ends)[:, None]
    return (ends[:-1, None] + half * (nodes + 1.0)).ravel(), (half * weights).ravel()
