"""A whole trial, patient by patient: the slow twin of the engine.

Written from the definitions, with other algorithms: every look sorts all events, and every row
gathers its data anew from the list of patients.
"""

from __future__ import annotations

import math

from twins.slow_patients import Patient, slow_patients
from twins.slow_rows import SlowRow, slow_row

from simulate.engine.codes import STATUS_LOOK_SKIPPED, STATUS_TARGET_NOT_REACHED
from simulate.scenario.comparisons import planned
from simulate.scenario.looks import (
    CalendarTrigger,
    DelayTrigger,
    EarliestTrigger,
    EventTrigger,
    FollowUpTrigger,
    LatestTrigger,
    Trigger,
)
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import strata_cells


def slow_trial(scenario: Scenario, trial: int) -> dict[tuple[str, str], SlowRow]:
    """Rows of one trial, by analysis and hypothesis or estimate."""
    patients = slow_patients(scenario, trial)
    rows = {}
    previous = 0.0
    for analysis, looked_at in scenario.analyses.items():
        cutoff, missed = cutoff_of(scenario, patients, looked_at.trigger, previous)
        status = STATUS_TARGET_NOT_REACHED if missed else 0
        if cutoff < math.inf:
            previous = cutoff
        for name, chosen in planned(scenario).items():
            if analysis not in chosen.analyses:
                continue
            if cutoff == math.inf:
                rows[analysis, name] = SlowRow(status | STATUS_LOOK_SKIPPED)
            else:
                rows[analysis, name] = slow_row(patients, chosen, cutoff, status)
    return rows


def cutoff_of(
    scenario: Scenario, patients: list[Patient], trigger: Trigger, previous: float
) -> tuple[float, bool]:
    """Calendar month of a look, infinite if there is none, and whether a target was replaced."""
    cutoff = month_of(scenario, patients, trigger, previous, replace=False)
    missed = cutoff == math.inf
    if missed:
        cutoff = month_of(scenario, patients, trigger, previous, replace=True)
    return max(cutoff, previous), missed


def month_of(
    scenario: Scenario,
    patients: list[Patient],
    trigger: Trigger,
    previous: float,
    replace: bool,
) -> float:
    """Calendar month of a trigger; events that never come are infinitely late or replaced."""
    match trigger:
        case CalendarTrigger():
            return trigger.calendar_months
        case FollowUpTrigger():
            number = trigger.after_patients or len(patients)
            return patients[number - 1].entry + trigger.minimum_follow_up_months
        case DelayTrigger():
            return previous + trigger.months_after_previous
        case LatestTrigger():
            members = trigger.latest_of
            return max(month_of(scenario, patients, t, previous, replace) for t in members)
        case EarliestTrigger():
            members = trigger.earliest_of
            return min(month_of(scenario, patients, t, previous, replace) for t in members)
        case EventTrigger():
            return event_month(scenario, patients, trigger, replace)


def event_month(
    scenario: Scenario, patients: list[Patient], trigger: EventTrigger, replace: bool
) -> float:
    """Calendar month of the trigger's last event, by sorting all that count."""
    levels = [cell.levels for cell in strata_cells(scenario)]
    wanted = dict(trigger.stratum or {})
    months = sorted(
        patient.calendar_end(trigger.endpoint)
        for patient in patients
        if patient.has_event(trigger.endpoint)
        and (trigger.arms is None or patient.arm in trigger.arms)
        and wanted.items() <= levels[patient.stratum].items()
    )
    if len(months) >= trigger.events:
        return months[trigger.events - 1]
    if not replace or trigger.if_not_reached == "skip":
        return math.inf
    if trigger.if_not_reached == "last_event":
        return months[-1] if months else math.inf
    return max(patient.calendar_end(name) for patient in patients for name in patient.endpoints)
