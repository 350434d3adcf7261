"""Expected patients, events and dropouts over calendar time, and the time to a number of events.

A patient who enters at s is followed at calendar month t for min(t - s, maximum). Expected events
are the sum over entries of the probability that the event is observed within that follow-up
(Lachin and Foulkes, Biometrics 42, 1986, 507-519, for uniform entry and exponential times), here
over the exact entries of each kind of accrual and any hazards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simulate.design.accrual import Accrual, entry_month
from simulate.design.follow_up import FollowUpTable, follow_up_table, probability_by
from simulate.scenario.hazards import FloatArray, Hazard

__all__ = [
    "Accrual",
    "ExpectedCounts",
    "Group",
    "entry_month",
    "expected_counts",
    "probability_by",
    "time_to_events",
]

# One table for so many groups, and so many follow-up times at once: bounds on memory.
_GROUPS_AT_ONCE = 8
_TIMES_AT_ONCE = 500_000
_NODES_AT_MOST = 5_000


@dataclass(frozen=True)
class Group:
    """Patients of one arm and stratum cell.

    Parameters
    ----------
    arm : str
        Name of the arm.
    share : float
        Probability that a patient of the trial is in this group, 0 to 1.
    event : Hazard
        Hazard of the event.
    dropout : Hazard or None
        Hazard of dropping out; None: nobody drops out.

    Raises
    ------
    ValueError
        If the share is not a probability.
    """

    arm: str
    share: float
    event: Hazard
    dropout: Hazard | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share of {self.arm} must be from 0 to 1 (given: {self.share})")


@dataclass(frozen=True)
class ExpectedCounts:
    """Expected counts by group and calendar time, each an array of shape (n_groups, n_times).

    Parameters
    ----------
    patients, events, dropouts : array, shape (n_groups, n_times)
        Patients who have entered; events and dropouts that have been observed.
    """

    patients: FloatArray
    events: FloatArray
    dropouts: FloatArray


def expected_counts(
    groups: Sequence[Group],
    accrual: Accrual,
    calendar_months: ArrayLike,
    maximum_months: float = math.inf,
) -> ExpectedCounts:
    """Patients, observed events and observed dropouts expected at calendar times.

    Parameters
    ----------
    groups : sequence of Group
        Groups to count; their shares need not sum to 1 (some of the arms or strata).
    accrual : Accrual
        How the patients of the whole trial enter.
    calendar_months : array_like, shape (n_times,)
        Months from the start of accrual, not negative; infinite is allowed.
    maximum_months : float
        Each patient is followed for at most this long.

    Returns
    -------
    ExpectedCounts
        A patient who enters exactly at a calendar time counts. The sum over evenly spaced entries
        is exact; the other kinds of accrual are integrated, accurate to about 1e-10.

    Raises
    ------
    ValueError
        If there is no group or a time is negative or not a number.
    """
    times = np.atleast_1d(np.asarray(calendar_months, dtype=np.float64))
    if times.ndim != 1 or not np.all(times >= 0.0):
        raise ValueError(f"calendar_months must be a list without negatives (given: {times})")
    shares = np.array([group.share for group in groups])
    sums = _Expectation(groups, accrual, maximum_months).sums(times)
    return ExpectedCounts(
        patients=np.outer(shares, accrual.expected_patients(times)),
        events=shares[:, None] * sums[:, 0].T,
        dropouts=shares[:, None] * sums[:, 1].T,
    )


def time_to_events(
    groups: Sequence[Group],
    accrual: Accrual,
    n_events: float,
    maximum_months: float = math.inf,
) -> float:
    """Calendar time at which the expected events of the groups reach a number.

    Parameters
    ----------
    groups : sequence of Group
        Groups whose events count; their shares need not sum to 1.
    accrual : Accrual
        How the patients of the whole trial enter.
    n_events : float
        Number of events, greater than 0.
    maximum_months : float
        Each patient is followed for at most this long.

    Returns
    -------
    float
        Months from the start of accrual; infinite if the expected events never reach the number.

    Raises
    ------
    ValueError
        If there is no group or ``n_events`` is not greater than 0.
    """
    from scipy.optimize import brentq  # noqa: PLC0415 - slow to import

    if not n_events > 0.0:
        raise ValueError(f"n_events must be greater than 0 (given: {n_events})")
    shares = np.array([group.share for group in groups])
    expectation = _Expectation(groups, accrual, maximum_months)

    def surplus(month: float) -> float:
        sums = expectation.sums(np.array([month]))
        return float(shares @ sums[0, 0]) - n_events

    if surplus(expectation.end_month) < 0.0:
        return math.inf
    return float(brentq(surplus, 0.0, expectation.end_month, xtol=1e-10))


class _Expectation:
    """Sums over a trial's patients, with everything that does not depend on the calendar time.

    Attributes
    ----------
    end_month : float
        Calendar month after which no count changes any more.
    """

    def __init__(self, groups: Sequence[Group], accrual: Accrual, maximum_months: float) -> None:
        if not groups:
            raise ValueError("groups must hold at least one group (given: none)")
        if not maximum_months > 0.0:
            raise ValueError(f"maximum_months must be greater than 0 (given: {maximum_months})")
        self._accrual = accrual
        self._maximum = maximum_months
        risks = [(group.event, group.dropout) for group in groups]
        self._tables = [
            follow_up_table(risks[first : first + _GROUPS_AT_ONCE])
            for first in range(0, len(risks), _GROUPS_AT_ONCE)
        ]
        last = max(float(table.edges_months[-1]) for table in self._tables)
        self.end_month = accrual.last_entry_month() + min(maximum_months, last)

    def sums(self, times: FloatArray) -> FloatArray:
        """Add up both probabilities as if all were in the group; (n_times, 2, n_groups)."""
        reached = np.minimum(times, self.end_month)
        step = max(1, _TIMES_AT_ONCE // max(self._accrual.n_patients, _NODES_AT_MOST))
        parts = [reached[first : first + step] for first in range(0, len(times), step)]
        return np.concatenate(
            [
                np.concatenate([table.sums(*self._follow_up(table, part)) for part in parts])
                for table in self._tables
            ],
            axis=2,
        )

    def _follow_up(self, table: FollowUpTable, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Follow-up at each time and how many patients have it; (n_times, n_patients) or nodes."""
        t = times[:, None]
        if self._accrual.arrivals == "evenly_spaced":
            entries = self._accrual.month_reaching(np.arange(1, self._accrual.n_patients + 1))
            weights = np.ones((len(times), len(entries)))
        else:
            lags = np.append(table.lags_months, min(self._maximum, self.end_month))
            entries, weights = self._accrual.quadrature(times, lags)
        return np.minimum(t - entries, self._maximum), weights
