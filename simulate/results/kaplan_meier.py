"""The Kaplan-Meier estimate of one group: curve, median, numbers at risk."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# A product of fractions that is exactly one half may come out a few units in the last place above.
HALF = 0.5 + 1e-12


class KaplanMeier(NamedTuple):
    """A survival curve: a step down at each distinct time of an event.

    Attributes
    ----------
    months : ndarray of float, shape (n_steps,)
        Distinct times of events, in order, in months from randomisation.
    survival : ndarray of float, shape (n_steps,)
        The estimate from that time on, until the next; before the first it is 1.
    at_risk, events : ndarray of int, shape (n_steps,)
        Patients at risk just before that time, and those who have the event at it.
    """

    months: FloatArray
    survival: FloatArray
    at_risk: IntArray
    events: IntArray

    @property
    def median_months(self) -> float:
        """The first month at which the estimate is at most 0.5; infinite if it never is.

        Where the estimate equals 0.5 over an interval, this is the start of the interval. R's
        ``survfit`` takes the middle of it there, and agrees everywhere else.
        """
        reached = np.flatnonzero(self.survival <= HALF)
        return float(self.months[reached[0]]) if len(reached) else math.inf

    def survival_at(self, months: FloatArray) -> FloatArray:
        """Estimate at given months: events at a month have happened by it, (n_months,)."""
        steps = np.searchsorted(self.months, months, side="right")
        return np.concatenate(([1.0], self.survival))[steps]


def kaplan_meier(months: FloatArray, is_event: BoolArray) -> KaplanMeier:
    """Kaplan-Meier (product-limit) estimate of a survival curve.

    S(t) is the product, over the distinct event times u <= t, of (n_u - d_u) / n_u, where d_u
    patients have the event at u and n_u are at risk: those whose follow-up lasts until u or longer.
    Who is censored at u is thus still at risk at it: events precede censorings.

    Parameters
    ----------
    months : ndarray of float, shape (n,)
        Follow-up of each patient, from randomisation to the event or to censoring.
    is_event : ndarray of bool, shape (n,)
        Whether it ended with the event.

    Returns
    -------
    KaplanMeier
        Without steps where nobody has the event.

    References
    ----------
    Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. J Am Stat Assoc 1958;
    53: 457-481.
    """
    times, events = np.unique(months[is_event], return_counts=True)
    at_risk = n_at_risk(months, times)
    survival = np.cumprod((at_risk - events) / at_risk, dtype=np.float64)
    return KaplanMeier(times, survival, at_risk, events)


def n_at_risk(months: FloatArray, at_months: FloatArray) -> IntArray:
    """Numbers at risk just before given months: patients followed until then or longer.

    Parameters
    ----------
    months : ndarray of float, shape (n,)
        Follow-up of each patient.
    at_months : ndarray of float, shape (n_months,)
        When to count.

    Returns
    -------
    ndarray of int, shape (n_months,)
    """
    return len(months) - np.searchsorted(np.sort(months), at_months, side="left")
