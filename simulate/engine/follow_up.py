"""Follow-up for PFS where it ends at the last scan unless with an event.

A scan counts if it is attended by the end of follow-up: by dropout or the end of planned follow-up
(a scan on the day of either counts), or else by the cutoff, by the very sum that makes the calendar
month of an event seen at that scan. Who has not been scanned is censored on day 0.
"""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray, Patients
from simulate.engine.assessments import DAYS_PER_MONTH, MOST_MONTHS, month_of
from simulate.engine.codes import EVENT
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.elementary import ROUND
from simulate.engine.ordering import CENSORED_BIT, PAYLOAD_BITS, ticks_per_month
from simulate.engine.patients import own_row
from simulate.engine.plan import Plan, Schedule
from simulate.engine.visits import last_attended
from simulate.engine.workspace import Workspace


@inlined_kernel
def follow_pfs(
    plan: Plan,
    seed: np.uint64,
    trial: np.uint64,
    patients: Patients,
    workspace: Workspace,
    endpoint: int,
    n_entered: int,
    cutoff: float,
) -> None:
    """Follow-up for PFS at ``cutoff`` in months from randomisation, in ``workspace.follow_up``.

    ``endpoint`` is 0, or that of PFS by the investigator.
    """
    out = workspace.follow_up
    end = own_row(patients.end, endpoint, patients)
    calendar_end = own_row(patients.calendar_end, endpoint, patients)
    follow_up_times(patients.entry, end, calendar_end, n_entered, cutoff, out)
    if plan.course.schedule.ends_at_scans:
        back_to_scans(
            plan.course.schedule,
            seed,
            trial,
            patients.arm,
            patients.shift,
            patients.entry,
            calendar_end,
            own_row(patients.outcome, endpoint, patients),
            n_entered,
            cutoff,
            workspace.float_scratch,
            workspace.float_scratch_2,
            out,
        )


@kernel
def follow_up_times(
    entry: FloatArray,
    end: FloatArray,
    calendar_end: FloatArray,
    n_entered: int,
    cutoff: float,
    out: FloatArray,
) -> None:
    """Follow-up at ``cutoff`` in months from randomisation, by the rule of sort keys, (n,)."""
    for i in range(n_entered):
        out[i] = end[i] if calendar_end[i] <= cutoff else cutoff - entry[i]


@kernel
def follow_up_keys(
    follow_up: FloatArray,
    calendar_end: FloatArray,
    outcome: IntArray,
    arm: IntArray,
    experimental_arm: int,
    n_entered: int,
    cutoff: float,
    stratum_bits: int,
    keys: IntArray,
) -> None:
    """Keys as of `build_keys`, of a follow-up that has been worked out, (n_entered,)."""
    scale = ticks_per_month(cutoff, stratum_bits)
    for i in range(n_entered):
        is_event = (calendar_end[i] <= cutoff) & (outcome[i] == EVENT)
        censored = 0 if is_event else CENSORED_BIT
        time = int(follow_up[i] * scale)
        keys[i] = (time << PAYLOAD_BITS) | censored | int(arm[i] == experimental_arm)


@kernel
def back_to_scans(
    schedule: Schedule,
    seed: np.uint64,
    trial: np.uint64,
    arm: IntArray,
    shift: FloatArray,
    entry: FloatArray,
    calendar_end: FloatArray,
    outcome: IntArray,
    n_entered: int,
    cutoff: float,
    days: FloatArray,
    scans: FloatArray,
    follow_up: FloatArray,
) -> None:
    """Take a ``follow_up`` without an event back to the last scan, in place, (n_entered,).

    In arms whose patients are censored there. ``days`` and ``scans`` (n_entered,) are scratch.
    """
    last_days(entry, calendar_end, follow_up, n_entered, cutoff, days)
    if schedule.is_shifted:
        for i in range(n_entered):
            days[i] -= shift[i]
    if schedule.is_common_plan:
        last_planned(schedule, n_entered, days, scans)
    else:
        for i in range(n_entered):
            scans[i] = last_attended(schedule, seed, trial, i, arm[i], days[i])
    if schedule.is_shifted:
        for i in range(n_entered):
            scans[i] += shift[i] if scans[i] > 0.0 else 0.0
    # An arm after the other: what is looked up by patient keeps a loop from vectorising.
    for group in range(len(schedule.at_last_scan)):
        if schedule.at_last_scan[group]:
            censor_at(scans, calendar_end, outcome, arm, group, n_entered, cutoff, follow_up)


@kernel
def censor_at(
    scans: FloatArray,
    calendar_end: FloatArray,
    outcome: IntArray,
    arm: IntArray,
    group: int,
    n_entered: int,
    cutoff: float,
    follow_up: FloatArray,
) -> None:
    """End the follow-up of the patients of an arm without an event at ``scans``, (n_entered,)."""
    for i in range(n_entered):
        is_event = (calendar_end[i] <= cutoff) & (outcome[i] == EVENT)
        # Both are worked out first, so that the loop can vectorise.
        planned = follow_up[i]
        scanned = month_of(scans[i])
        follow_up[i] = planned if is_event | (arm[i] != group) else scanned


@kernel
def last_days(
    entry: FloatArray,
    calendar_end: FloatArray,
    follow_up: FloatArray,
    n_entered: int,
    cutoff: float,
    out: FloatArray,
) -> None:
    """Last whole day by the end of follow-up, by its own month, (n_entered,)."""
    for i in range(n_entered):
        near = (min(follow_up[i], MOST_MONTHS) * DAYS_PER_MONTH + ROUND) - ROUND
        month = month_of(near)
        is_over = calendar_end[i] <= cutoff
        # The nearest day or the one before.
        by_end = month <= follow_up[i]
        by_cutoff = entry[i] + month <= cutoff
        out[i] = near if (is_over & by_end) | (by_cutoff & (not is_over)) else near - 1.0


@kernel
def last_planned(schedule: Schedule, n: int, days: FloatArray, out: FloatArray) -> None:
    """Last scans on the day or earlier, on the one plan of all arms; 0 if there is none, (n,)."""
    for i in range(n):
        out[i] = 0.0
    for step in range(schedule.first_step[1]):
        from_day = schedule.from_day[step]
        gap = schedule.gap[step]
        gaps_per_day = 1.0 / gap
        for i in range(n):
            since = days[i] - from_day
            near = (since * gaps_per_day + ROUND) - ROUND
            scan = from_day + (near if near * gap <= since else near - 1.0) * gap
            out[i] = scan if since >= 0.0 else out[i]
