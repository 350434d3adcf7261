"""What scans make of a latent survival function, and back.

On a grid of scans an event is seen at the first scan at or after it. So the survival function of
the time seen is, at any month, the latent one at the last scan by then: a step function, whose
values and median fix points of the latent curve, or intervals. All events are taken as seen at
scans, as progression is, and scans as on their days: no windows, none missed. Nothing is seen later
than 1200 months.

Steps of a schedule are pairs of days: from which day, and how many days apart; the first from 0,
the others from a scan of the step before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from simulate.scenario.hazards import FloatArray, Hazard

DAYS_PER_MONTH = 30.4375
_LAST_DAY = 36525.0
# Medians are printed in months with one decimal.
_ROUNDING = 0.05

Steps = Sequence[tuple[int, int]]


def last_scan(months: Any, steps: Steps) -> FloatArray:
    """Month of the last scan at or before ``months``; 0 before the first.

    Parameters
    ----------
    months : array_like
        Months from randomisation, at least 0; infinite ones have the last scan of all.
    steps : sequence of (int, int)
        Steps of the schedule, in days.

    Returns
    -------
    array
        Of the shape of ``months``.
    """
    t = np.asarray(months, dtype=np.float64)
    days = np.floor(np.minimum(t * DAYS_PER_MONTH, _LAST_DAY))
    # The product may be off in its last bit: a day's own month decides.
    days = np.where((days < _LAST_DAY) & ((days + 1.0) / DAYS_PER_MONTH <= t), days + 1.0, days)
    days = np.where(days / DAYS_PER_MONTH > t, days - 1.0, days)
    scans = np.zeros(t.shape)
    for from_day, every in steps:
        on_step = from_day + np.floor((days - from_day) / every) * every
        scans = np.where(days >= from_day, on_step, scans)
    return np.asarray(scans / DAYS_PER_MONTH)


def observed_survival(hazard: Hazard, steps: Steps) -> Callable[[Any], FloatArray]:
    """Survival function of the time at which scans show the event.

    Parameters
    ----------
    hazard : Hazard
        Of the latent time.
    steps : sequence of (int, int)
        Steps of the schedule, in days.

    Returns
    -------
    callable
        From months from randomisation (array_like, at least 0) to the probability that no scan by
        then has shown the event, of the same shape: the latent survival at `last_scan`.
    """

    def survival(months: Any) -> FloatArray:
        return hazard.survival(last_scan(months, steps))

    return survival


def latent_landmark(month: float, steps: Steps) -> float:
    """Month at which the latent survival is what scans show at ``month``: the last scan by then.

    Parameters
    ----------
    month : float
        Months from randomisation, finite.
    steps : sequence of (int, int)
        Steps of the schedule, in days.

    Returns
    -------
    float
        Month of the latent curve, at most ``month``.

    Raises
    ------
    ValueError
        If it is before the first scan, where all survive whatever the latent curve, or not finite.
    """
    _check_months("month", month)
    scan = float(last_scan(month, steps))
    if scan == 0.0:
        first = steps[0][1] / DAYS_PER_MONTH
        raise ValueError(
            f"a survival probability at {month:g} months is before the first scan, at {first:.2f} "
            "months: nothing has been seen by then"
        )
    return scan


def latent_median_range(observed_median_months: float, steps: Steps) -> tuple[float, float]:
    """Latent medians that scans show as the given one.

    The median seen is the first scan at which the latent survival is 1/2 or less. So it is the scan
    at ``high`` exactly if the latent median is after the scan before, ``low``, and at most
    ``high``.

    Parameters
    ----------
    observed_median_months : float
        The median seen, finite, within 0.05 months of a scan, as printed with one decimal.
    steps : sequence of (int, int)
        Steps of the schedule, in days.

    Returns
    -------
    (float, float)
        Months ``low``, itself excluded, and ``high``, included.

    Raises
    ------
    ValueError
        If there is no scan at that time; the message names the nearest ones.
    """
    _check_months("observed_median_months", observed_median_months)
    before, after = scans_around(observed_median_months, steps)
    nearest = min(before, after, key=lambda scan: abs(scan - observed_median_months))
    if nearest == 0.0 or abs(nearest - observed_median_months) > _ROUNDING + 1e-9:
        scans = [f"{scan:.2f}" for scan in (before, after) if scan > 0.0]
        raise ValueError(
            f"no scan shows a median of {observed_median_months:g} months; the nearest scans are "
            f"at {' and '.join(scans)} months"
        )
    # A little earlier than the scan is the one before.
    return float(last_scan(math.nextafter(nearest, 0.0), steps)), nearest


def scans_around(month: float, steps: Steps) -> tuple[float, float]:
    """Months of the last scan at or before ``month`` (0: none), and of the one after it.

    Parameters
    ----------
    month : float
        Months from randomisation, finite.
    steps : sequence of (int, int)
        Steps of the schedule, in days.
    """
    before = float(last_scan(month, steps))
    day = round(before * DAYS_PER_MONTH)
    gap = [every for from_day, every in steps if from_day <= day][-1]
    return before, (day + gap) / DAYS_PER_MONTH


def _check_months(name: str, months: float) -> None:
    if not 0.0 < months <= _LAST_DAY / DAYS_PER_MONTH:
        raise ValueError(f"{name} must be above 0 and at most 1200 (given: {months})")
