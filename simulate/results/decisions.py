"""Critical values applied to statistics: what is rejected where, and when a trial stops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.engine.codes import STATUS_LOOK_SKIPPED
from simulate.engine.statistics import Statistics
from simulate.scenario.comparisons import Comparison, planned_comparisons, rows_of
from simulate.scenario.models import Scenario

BoolArray = NDArray[np.bool_]
NO_LOOK = -1


class Decisions(NamedTuple):
    """What the design makes of the statistics; columns are the planned comparisons.

    Attributes
    ----------
    exists : ndarray of bool, shape (n_trials, n_rows)
        The look took place.
    crosses : ndarray of bool, shape (n_trials, n_rows)
        z is at or above the critical value, whatever happened before.
    reached : ndarray of bool, shape (n_trials, n_rows)
        The look took place and the trial had not stopped.
    rejects : ndarray of bool, shape (n_trials, n_rows)
        The hypothesis is rejected here for the first time, in a trial that had not stopped.
    last_look : ndarray of int, shape (n_trials,)
        Number of the analysis at which the trial ended: where it stopped, or its last look;
        `NO_LOOK` if it had none.
    """

    exists: BoolArray
    crosses: BoolArray
    reached: BoolArray
    rejects: BoolArray
    last_look: NDArray[np.int64]


def decide(scenario: Scenario, statistics: Statistics) -> Decisions:
    """Apply the critical values and the stopping rule of a scenario.

    Parameters
    ----------
    scenario : Scenario
        The design.
    statistics : Statistics
        Arrays of shape (n_trials, n_rows), rows as in `planned_comparisons`.

    Returns
    -------
    Decisions
    """
    comparisons = planned_comparisons(scenario)
    # In Fortran's order, because everything goes column by column.
    exists = np.asfortranarray((statistics.status & STATUS_LOOK_SKIPPED) == 0)
    limits = np.array([comparison.critical_value for comparison in comparisons])
    crosses = exists & np.asfortranarray(statistics.z >= limits)
    n_trials = len(exists)
    running = np.ones(n_trials, dtype=np.bool_)
    rejected = np.zeros((n_trials, len(scenario.hypotheses)), dtype=np.bool_, order="F")
    reached = np.zeros_like(exists)
    rejects = np.zeros_like(exists)
    last_look = np.full(n_trials, NO_LOOK, dtype=np.int64)
    for look in range(len(scenario.analyses)):
        rows = [row for row, c in enumerate(comparisons) if c.analysis_number == look]
        if not rows:
            continue  # nothing is tested or estimated at this look
        here = running & exists[:, rows[0]]
        last_look[here] = look
        for row in rows:
            reached[:, row] = here
            h = comparisons[row].hypothesis_number
            if h < len(scenario.hypotheses):  # estimates reject nothing
                rejects[:, row] = here & crosses[:, row] & ~rejected[:, h]
                rejected[:, h] |= rejects[:, row]
        running &= ~(here & _stops(scenario, rejected))
    return Decisions(exists, crosses, reached, rejects, last_look)


def _stops(scenario: Scenario, rejected: BoolArray) -> BoolArray:
    """Which trials stop, given what they have rejected so far, (n_trials,)."""
    stopping = scenario.stopping
    if stopping.rejected == "never" or not stopping.hypotheses:
        return np.zeros(len(rejected), dtype=np.bool_)
    names = list(scenario.hypotheses)
    counted = rejected[:, [names.index(name) for name in stopping.hypotheses]]
    return np.asarray(counted.all(axis=1) if stopping.rejected == "all" else counted.any(axis=1))


def rejected_by_end(
    decisions: Decisions, comparisons: tuple[Comparison, ...], hypothesis: str
) -> BoolArray:
    """Trials that rejected a hypothesis at some look before they ended, (n_trials,)."""
    return np.asarray(decisions.rejects[:, rows_of(comparisons, hypothesis)].any(axis=1))


def last_row_reached(
    decisions: Decisions, comparisons: tuple[Comparison, ...], hypothesis: str
) -> NDArray[np.int64]:
    """Row of each trial's last look at a hypothesis, (n_trials,); `NO_LOOK` if it had none."""
    last = np.full(len(decisions.reached), NO_LOOK, dtype=np.int64)
    for row in rows_of(comparisons, hypothesis):
        last[decisions.reached[:, row]] = row
    return last
