"""Approximate power of the log-rank test under proportional hazards."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from simulate.design.crossing import crossing_probabilities
from simulate.scenario.hazards import FloatArray


def logrank_drift(
    hazard_ratio: float, null_hazard_ratio: float = 1.0, share_experimental: float = 0.5
) -> float:
    """Mean of the log-rank statistic for each square root of the number of events.

    ``(log(null_hazard_ratio) - log(hazard_ratio)) * sqrt(p * (1 - p))`` with ``p`` the share of the
    experimental arm (Schoenfeld, Biometrika 68, 1981, 316-319): Z is about normal with variance 1
    and mean this drift times the square root of the events, at hazard ratios near the null.

    Parameters
    ----------
    hazard_ratio : float
        Assumed hazard ratio, experimental over control, greater than 0.
    null_hazard_ratio : float
        Hazard ratio under the null hypothesis, greater than 0.
    share_experimental : float
        Experimental patients among those of both arms, strictly between 0 and 1.

    Returns
    -------
    float
        Drift; positive favours the experimental arm.

    Raises
    ------
    ValueError
        If one of these conditions does not hold.
    """
    for name, ratio in (("hazard_ratio", hazard_ratio), ("null_hazard_ratio", null_hazard_ratio)):
        if not (ratio > 0.0 and math.isfinite(ratio)):
            raise ValueError(f"{name} must be finite and greater than 0 (given: {ratio})")
    if not 0.0 < share_experimental < 1.0:
        raise ValueError(
            f"share_experimental must be strictly between 0 and 1 (given: {share_experimental})"
        )
    spread = math.sqrt(share_experimental * (1.0 - share_experimental))
    return (math.log(null_hazard_ratio) - math.log(hazard_ratio)) * spread


def schoenfeld_power(
    events: ArrayLike,
    hazard_ratio: float,
    critical_values: ArrayLike,
    null_hazard_ratio: float = 1.0,
    share_experimental: float = 0.5,
) -> FloatArray:
    """Probability that the log-rank test has rejected by each look, by Schoenfeld's approximation.

    Parameters
    ----------
    events : array_like, shape (n_looks,)
        Events of both arms at each look, increasing; a single number for one look.
    hazard_ratio : float
        Assumed hazard ratio, experimental over control, the same at all times.
    critical_values : array_like, shape (n_looks,)
        Critical value of Z at each look.
    null_hazard_ratio : float
        Hazard ratio under the null hypothesis.
    share_experimental : float
        Experimental patients among those of both arms.

    Returns
    -------
    array, shape (n_looks,)
        Cumulative rejection probability; the last is the power.

    Raises
    ------
    ValueError
        If the lengths differ, the events do not increase, or a parameter is out of its range.
    """
    drift = logrank_drift(hazard_ratio, null_hazard_ratio, share_experimental)
    return np.cumsum(crossing_probabilities(critical_values, events, drift).upper)
