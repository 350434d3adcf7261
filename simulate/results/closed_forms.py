"""What closed forms say about a scenario before anything is simulated."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simulate.design.accrual import Accrual
from simulate.design.expected import Group, entry_month, expected_counts, time_to_events
from simulate.design.schoenfeld import schoenfeld_power
from simulate.scenario.comparisons import constant_log_hazard_ratio, critical_values
from simulate.scenario.looks import (
    CalendarTrigger,
    DelayTrigger,
    EventTrigger,
    FollowUpTrigger,
    LatestTrigger,
    Trigger,
)
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import (
    dropout_hazards,
    event_hazards,
    matching_cells,
    strata_cells,
)


class ExpectedLook(NamedTuple):
    """A look as closed forms expect it.

    Attributes
    ----------
    analysis : str
        Its name.
    month : float
        Calendar month; infinite if its events are never expected.
    fixed : bool
        True if every trial has the look at this very month; then the counts are exact.
    single_trigger : bool
        False for the latest or earliest of several, whose mean month is not that of the means.
    patients, events, dropouts : dict of str to float
        Expected numbers by arm at that month.
    """

    analysis: str
    month: float
    fixed: bool
    single_trigger: bool
    patients: dict[str, float]
    events: dict[str, float]
    dropouts: dict[str, float]


def trial_accrual(scenario: Scenario) -> Accrual:
    """Accrual of a scenario for the closed forms."""
    return Accrual(
        n_patients=scenario.accrual.patients,
        arrivals=scenario.accrual.arrivals,
        starts_months=tuple(start for start, _ in scenario.accrual.steps),
        rates_per_month=tuple(rate for _, rate in scenario.accrual.steps),
    )


def trial_groups(scenario: Scenario, trigger: EventTrigger | None = None) -> list[Group]:
    """Patients by arm and stratum cell; only those whose events count, if a trigger is given.

    Permuted blocks are exchangeable, so a patient is in an arm with the arm's share of the ratio.
    """
    cells = strata_cells(scenario)
    counted: tuple[int, ...] = tuple(range(len(cells)))
    arms = tuple(scenario.arms)
    if trigger is not None and trigger.stratum is not None:
        counted = matching_cells(scenario, trigger.stratum)
    if trigger is not None and trigger.arms is not None:
        arms = trigger.arms
    ratio = scenario.randomisation.ratio
    events = event_hazards(scenario)
    dropouts = dropout_hazards(scenario)
    return [
        Group(
            arm=arm,
            share=ratio[arm] / sum(ratio.values()) * cells[cell].prevalence,
            event=events[arm][cell],
            dropout=dropouts[arm],
        )
        for arm in arms
        for cell in counted
    ]


def maximum_follow_up(scenario: Scenario) -> float:
    """Months for which a patient is followed at most; infinite if there is no limit."""
    return math.inf if scenario.follow_up is None else scenario.follow_up.maximum_months


def expected_looks(scenario: Scenario) -> list[ExpectedLook]:
    """Every analysis of a scenario as closed forms expect it, in order.

    Returns
    -------
    list of ExpectedLook
        A month that follows from expected numbers of events is approximate: the mean of the month
        at which a number of events is reached is not quite the month at which the mean reaches it.
    """
    groups = trial_groups(scenario)
    accrual = trial_accrual(scenario)
    looks: list[ExpectedLook] = []
    previous, all_fixed = 0.0, True
    for name, analysis in scenario.analyses.items():
        month, fixed = _expected_month(scenario, accrual, analysis.trigger, previous)
        month = max(month, previous)
        all_fixed = all_fixed and fixed
        counts = expected_counts(groups, accrual, [month], maximum_follow_up(scenario))
        looks.append(
            ExpectedLook(
                analysis=name,
                month=month,
                fixed=all_fixed,
                single_trigger=isinstance(
                    analysis.trigger, EventTrigger | CalendarTrigger | FollowUpTrigger
                ),
                patients=_by_arm(scenario, groups, counts.patients[:, 0]),
                events=_by_arm(scenario, groups, counts.events[:, 0]),
                dropouts=_by_arm(scenario, groups, counts.dropouts[:, 0]),
            )
        )
        previous = month
    return looks


def _by_arm(
    scenario: Scenario, groups: list[Group], counts: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> dict[str, float]:
    """Sum over strata."""
    return {
        arm: float(
            sum(count for group, count in zip(groups, counts, strict=True) if group.arm == arm)
        )
        for arm in scenario.arms
    }


def _expected_month(
    scenario: Scenario, accrual: Accrual, trigger: Trigger, previous: float
) -> tuple[float, bool]:
    """Calendar month of a trigger, and whether it is the same in every trial."""
    match trigger:
        case CalendarTrigger():
            return trigger.calendar_months, True
        case FollowUpTrigger():
            patient = trigger.after_patients or accrual.n_patients
            month = entry_month(accrual, patient) + trigger.minimum_follow_up_months
            return month, accrual.arrivals == "evenly_spaced"
        case DelayTrigger():
            # Fixed if the look before is, which the caller keeps account of.
            return previous + trigger.months_after_previous, True
        case EventTrigger():
            counted = trial_groups(scenario, trigger)
            limit = maximum_follow_up(scenario)
            return time_to_events(counted, accrual, trigger.events, limit), False
    latest = isinstance(trigger, LatestTrigger)
    members = trigger.latest_of if isinstance(trigger, LatestTrigger) else trigger.earliest_of
    found = [_expected_month(scenario, accrual, member, previous) for member in members]
    months = [month for month, _ in found]
    return (max(months) if latest else min(months)), all(fixed for _, fixed in found)


def closed_form_power(scenario: Scenario, hypothesis: str) -> list[float] | None:
    """Cumulative rejection probability at each look of a hypothesis, by Schoenfeld's approximation.

    Returns
    -------
    list of float or None
        None where there is no single hazard ratio, where a look's events are never expected, where
        a look adds no events to the one before, or where another hypothesis can stop the trial.
    """
    log_hr = constant_log_hazard_ratio(scenario, hypothesis)
    stopping = scenario.stopping
    others = [name for name in stopping.hypotheses if name != hypothesis]
    if log_hr is None or (stopping.rejected == "any" and others):
        return None
    if stopping.rejected == "all" and hypothesis not in stopping.hypotheses:
        return None
    chosen = scenario.hypotheses[hypothesis]
    limits = critical_values(scenario, hypothesis)
    looks = [look for look in expected_looks(scenario) if look.analysis in limits]
    if any(math.isinf(look.month) for look in looks):
        return None
    arms = (chosen.arms.experimental, chosen.arms.control)
    events = [sum(look.events[arm] for arm in arms) for look in looks]
    if min(np.diff(events, prepend=0.0)) <= 1e-9:
        return None
    ratio = scenario.randomisation.ratio
    cumulative = schoenfeld_power(
        events,
        math.exp(log_hr),
        [limits[look.analysis] for look in looks],
        chosen.test.null_hazard_ratio,
        ratio[arms[0]] / (ratio[arms[0]] + ratio[arms[1]]),
    )
    return [float(value) for value in cumulative]
