"""Median of a Kaplan-Meier curve and its confidence limits."""

from __future__ import annotations

import math

import numpy as np

from simulate.engine.arrays import LINE, Curve, FloatArray
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.elementary import log
from simulate.engine.kaplan_meier import running_sums

# A product of fractions that is exactly one half may come out some units in the last place off.
HALF_TOLERANCE = 1e-12
LOG_LOG_2 = -0.36651292058166435


@inlined_kernel
def whole_vectors(n: int) -> int:
    """The next multiple of the numbers in a vector of 512 bits."""
    return (n + LINE - 1) // LINE * LINE


@kernel
def median(curve: Curve, n_rows: int, last: float) -> float:
    """Median survival in months; infinite if S stays above one half.

    The first event time at which S is at most 1/2. Where S equals 1/2 over an interval, it is the
    middle of it, as in R's survfit: an arm of which an even number had the event and nobody was
    censored before would otherwise be given the smaller of its two middle times. If S is 1/2 to the
    end, the interval ends with the ``last`` follow-up of the arm.
    """
    for j in range(n_rows):
        survival = curve.survival[j]
        if survival < 0.5 - HALF_TOLERANCE:
            return float(curve.months[j])
        if survival <= 0.5 + HALF_TOLERANCE:
            following = curve.months[j + 1] if j + 1 < n_rows else last
            return float(0.5 * (curve.months[j] + following))
    return np.inf


@kernel
def median_limits(
    curve: Curve, n_rows: int, quantile: float, lower: FloatArray, upper: FloatArray
) -> tuple[float, float]:
    """Confidence limits of the median in months (Brookmeyer and Crowley 1982); infinite if none.

    The event times at which the lower and the upper pointwise limit of S first are at most 1/2,
    with limits by the log-log transform: ``log(-log(S))`` plus or minus ``quantile`` (the standard
    normal's, 1.96 for 95 %) times its standard error. The band is undefined at S = 0.
    ``lower`` and ``upper``, as long as there are rows or longer, are scratch.
    """
    # Whole vectors, where there is room: the last numbers alone take long, and whatever stands
    # after the rows is not looked at.
    n_worked = min(whole_vectors(n_rows), len(lower), len(curve.survival))
    for j in range(n_worked):
        lower[j] = curve.greenwood[j]
    running_sums(lower, n_rows)
    for j in range(n_worked):
        survival = curve.survival[j]
        hazard = -log(survival if 0.0 < survival < 1.0 else 0.5)
        centre = log(hazard) - LOG_LOG_2
        half_width = quantile * math.sqrt(lower[j]) / hazard
        lower[j] = centre + half_width if survival > 0.0 else -1.0
        upper[j] = centre - half_width if survival > 0.0 else -1.0
    return _first_reached(lower, curve.months, n_rows), _first_reached(upper, curve.months, n_rows)


@kernel
def _first_reached(margin: FloatArray, months: FloatArray, n_rows: int) -> float:
    """First of ``months`` after which ``margin`` is not negative; infinite if there is none."""
    for j in range(n_rows):
        # Only the last of tied events has a limit.
        if margin[j] >= 0.0 and (j + 1 == n_rows or months[j + 1] > months[j]):
            return float(months[j])
    return np.inf
