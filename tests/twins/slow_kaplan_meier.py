"""The Kaplan-Meier estimate in exact fractions, patient by patient: the slow twin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction


def slow_survival(patients: Sequence[tuple[float, bool]], month: float) -> Fraction:
    """Estimate at a month, by walking through the patients in the order of their follow-up.

    Each event takes its share of those still there; of equal times events come first, one by one:
    (n - 1) / n times (n - 2) / (n - 1) is (n - 2) / n.
    """
    survival = Fraction(1)
    left = len(patients)
    for time, is_event in sorted(patients, key=lambda p: (p[0], not p[1])):
        if time > month:
            break
        if is_event:
            survival *= Fraction(left - 1, left)
        left -= 1
    return survival


def slow_median(patients: Sequence[tuple[float, bool]]) -> float:
    """First follow-up time at which the estimate is at most one half; infinite if never."""
    reached = [time for time, _ in patients if slow_survival(patients, time) <= Fraction(1, 2)]
    return min(reached, default=math.inf)


def slow_at_risk(patients: Sequence[tuple[float, bool]], month: float) -> int:
    """How many are followed until a month or longer."""
    return sum(time >= month for time, _ in patients)
