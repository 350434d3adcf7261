"""What is read off the Kaplan-Meier curve of one arm, from the list of its patients: the slow twin.

A patient is a follow-up in months and whether it ended with the event. Survival is in exact
fractions; every area is integrated anew, from one patient's follow-up to the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from twins.slow_kaplan_meier import slow_at_risk, slow_survival

Patients = Sequence[tuple[float, bool]]
HALF = Fraction(1, 2)


@lru_cache(maxsize=4096)
def kept_survival(patients: tuple[tuple[float, bool], ...], month: float) -> Fraction:
    """The estimate, remembered: an area asks for the same months over and over."""
    return slow_survival(patients, month)


def slow_event_months(patients: Patients) -> list[float]:
    return sorted({time for time, is_event in patients if is_event})


def slow_term(patients: Patients, month: float) -> float:
    """Greenwood's term of an event time; 0 where all at risk have the event."""
    n = slow_at_risk(patients, month)
    d = sum(is_event for time, is_event in patients if time == month)
    return d / (n * (n - d)) if n > d else 0.0


def slow_greenwood_sum(patients: Patients, month: float) -> float:
    return math.fsum(slow_term(patients, t) for t in slow_event_months(patients) if t <= month)


def slow_survival_variance(patients: Patients, month: float) -> float:
    """Greenwood's variance of the survival at a month."""
    return float(slow_survival(patients, month)) ** 2 * slow_greenwood_sum(patients, month)


def slow_area(patients: Patients, start: float, stop: float) -> float:
    """Area below the curve between two months."""
    inside = {time for time, _ in patients if start < time < stop}
    members = tuple(patients)
    return math.fsum(
        float(kept_survival(members, left)) * (right - left)
        for left, right in pairwise(sorted({start, stop} | inside))
    )


def slow_rmst(patients: Patients, tau: float) -> tuple[float, float]:
    """Restricted mean up to ``tau``, and its variance."""
    variance = math.fsum(
        slow_area(patients, time, tau) ** 2 * slow_term(patients, time)
        for time in slow_event_months(patients)
        if time <= tau
    )
    return slow_area(patients, 0.0, tau), variance


def is_estimable(patients: Patients, month: float) -> bool:
    """Whether somebody was followed as long, or nobody is left."""
    reached = slow_at_risk(patients, month) > 0
    return reached or (bool(patients) and slow_survival(patients, month) == 0)


def slow_midpoint_median(patients: Patients) -> float:
    """First month of survival 1/2 or less; where it is 1/2, the middle of that interval."""
    for month in slow_event_months(patients):
        if slow_survival(patients, month) < HALF:
            return month
        if slow_survival(patients, month) == HALF:
            later = [t for t in slow_event_months(patients) if t > month]
            last = max(time for time, _ in patients)
            return (month + min(later, default=last)) / 2.0
    return math.inf


def slow_median_limits(patients: Patients, quantile: float) -> tuple[float, float]:
    """First months at which the lower and the upper limit of survival are at most 1/2."""

    def first(sign: float) -> float:
        for month in slow_event_months(patients):
            survival = float(slow_survival(patients, month))
            if survival > 0.0:
                shift = sign * quantile * math.sqrt(slow_greenwood_sum(patients, month))
                limit = math.exp(
                    -math.exp(math.log(-math.log(survival)) + shift / -math.log(survival))
                )
                if limit <= 0.5:
                    return month
        return math.inf

    return first(1.0), first(-1.0)
