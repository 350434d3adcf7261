"""A whole trial, patient by patient: the slow twin of the engine.

Written from the definitions, with other algorithms: every look sorts all events, every event time
gathers its risk set anew from the list of patients, and the Cox estimate is a root found by
`scipy.optimize.brentq`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from scipy.optimize import brentq
from twins.slow_patients import Patient, slow_patients

from simulate.engine.arrays import (
    STATUS_ESTIMATE_INFINITE,
    STATUS_LOOK_SKIPPED,
    STATUS_NO_INFORMATION,
    STATUS_TARGET_NOT_REACHED,
)
from simulate.scenario.looks import (
    CalendarTrigger,
    DelayTrigger,
    EarliestTrigger,
    EventTrigger,
    FollowUpTrigger,
    Hypothesis,
    LatestTrigger,
    Trigger,
)
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import strata_cells
from simulate.scenario.survival_tests import LogrankTest, WeightedLogrankTest

FAR = 40.0


class SlowRow(NamedTuple):
    """What one trial yields for one hypothesis at one analysis; fields as in the engine's rows."""

    status: int
    cutoff: float = math.nan
    patients_experimental: int = 0
    patients_control: int = 0
    events_experimental: int = 0
    events_control: int = 0
    dropouts_experimental: int = 0
    dropouts_control: int = 0
    score: float = math.nan
    information: float = math.nan
    z: float = math.nan
    estimate: float = math.nan
    se: float = math.nan


class Observed(NamedTuple):
    """One patient as seen at a cutoff: follow-up in months, event or not, arm, stratum."""

    time: float
    is_event: bool
    is_experimental: bool
    stratum: int = 0


class RiskSet(NamedTuple):
    """Experimental and control patients at risk at an event time, and how many have the event."""

    at_risk: tuple[int, int]
    events: tuple[int, int]


def slow_trial(scenario: Scenario, trial: int) -> dict[tuple[str, str], SlowRow]:
    """Rows of one trial, by analysis and hypothesis."""
    patients = slow_patients(scenario, trial)
    rows = {}
    previous = 0.0
    for analysis, planned in scenario.analyses.items():
        cutoff, missed = cutoff_of(scenario, patients, planned.trigger, previous)
        status = STATUS_TARGET_NOT_REACHED if missed else 0
        if cutoff < math.inf:
            previous = cutoff
        for name, hypothesis in scenario.hypotheses.items():
            if analysis not in hypothesis.analyses:
                continue
            if cutoff == math.inf:
                rows[analysis, name] = SlowRow(status | STATUS_LOOK_SKIPPED)
            else:
                rows[analysis, name] = slow_row(patients, hypothesis, cutoff, status)
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
        patient.calendar_end
        for patient in patients
        if patient.outcome == "event"
        and (trigger.arms is None or patient.arm in trigger.arms)
        and wanted.items() <= levels[patient.stratum].items()
    )
    if len(months) >= trigger.events:
        return months[trigger.events - 1]
    if not replace or trigger.if_not_reached == "skip":
        return math.inf
    if trigger.if_not_reached == "last_event":
        return months[-1] if months else math.inf
    return max(patient.calendar_end for patient in patients)


def slow_score(
    observed: list[Observed], sets: list[RiskSet], test: LogrankTest | WeightedLogrankTest
) -> tuple[float, float]:
    """Score and information of a test, weighted or not."""
    if isinstance(test, LogrankTest):
        return slow_logrank(sets, test.null_hazard_ratio)
    from twins import slow_weighted

    if test.fleming_harrington is not None:
        rho, gamma = test.fleming_harrington.rho, test.fleming_harrington.gamma
        return slow_weighted.slow_weighted_logrank(
            observed, slow_weighted.fleming_harrington(rho, gamma)
        )
    modest = test.modestly_weighted
    assert modest is not None
    if modest.delay_months is not None:
        weight = slow_weighted.modest_by_month(modest.delay_months)
    else:
        assert modest.survival_floor is not None
        weight = slow_weighted.modest_by_survival(modest.survival_floor)
    return slow_weighted.slow_weighted_logrank(observed, weight)


def slow_row(
    patients: list[Patient], hypothesis: Hypothesis, cutoff: float, status: int
) -> SlowRow:
    """Counts, test and estimate of one hypothesis at a cutoff."""
    experimental, control = hypothesis.arms.experimental, hypothesis.arms.control
    entered = [p for p in patients if p.arm in {experimental, control} and p.entry <= cutoff]
    ended = [p for p in entered if p.calendar_end <= cutoff]

    def count(group: list[Patient], arm: str, outcome: str = "") -> int:
        return sum(p.arm == arm and outcome in {"", p.outcome} for p in group)

    observed = [
        Observed(
            p.follow_up if p.calendar_end <= cutoff else cutoff - p.entry,
            p.calendar_end <= cutoff and p.outcome == "event",
            p.arm == experimental,
            p.stratum if hypothesis.test.stratified else 0,
        )
        for p in entered
    ]
    sets = risk_sets(observed)
    score, information = slow_score(observed, sets, hypothesis.test)
    z = score / math.sqrt(information) if information > 0.0 else math.nan
    status |= 0 if information > 0.0 else STATUS_NO_INFORMATION
    estimate = se = math.nan
    if hypothesis.test.estimate != "none":
        found = slow_cox(sets, efron=hypothesis.test.estimate == "cox_efron")
        status |= 0 if found else STATUS_ESTIMATE_INFINITE
        estimate, se = found or (math.nan, math.nan)
    return SlowRow(
        status,
        cutoff,
        count(entered, experimental),
        count(entered, control),
        count(ended, experimental, "event"),
        count(ended, control, "event"),
        count(ended, experimental, "dropout"),
        count(ended, control, "dropout"),
        score,
        information,
        z,
        estimate,
        se,
    )


def risk_sets(observed: Sequence[Observed]) -> list[RiskSet]:
    """Risk set at every distinct event time of every stratum, each gathered from scratch."""
    sets = []
    for _, group in groupby(sorted(observed, key=lambda o: o.stratum), key=lambda o: o.stratum):
        members = list(group)
        for time in {o.time for o in members if o.is_event}:
            # Whoever is censored at the time is still at risk: events precede censorings.
            at_risk = [o.is_experimental for o in members if o.time >= time]
            events = [o.is_experimental for o in members if o.time == time and o.is_event]
            sets.append(
                RiskSet(
                    (sum(at_risk), len(at_risk) - sum(at_risk)),
                    (sum(events), len(events) - sum(events)),
                )
            )
    return sets


def slow_logrank(sets: list[RiskSet], null_hazard_ratio: float = 1.0) -> tuple[float, float]:
    """Expected less observed experimental events, and the variance, under the null."""
    differences, variances = [], []
    for (n1, n0), (d1, d0) in sets:
        n, d = n1 + n0, d1 + d0
        p = null_hazard_ratio * n1 / (n0 + null_hazard_ratio * n1)
        differences.append(d * p - d1)
        variances.append(d * p * (1.0 - p) * (n - d) / (n - 1) if n > 1 else 0.0)
    return math.fsum(differences), math.fsum(variances)


def cox_terms(sets: list[RiskSet], beta: float, efron: bool) -> tuple[float, float]:
    """Score and information of the Cox partial likelihood at log hazard ratio ``beta``."""
    theta = math.exp(beta)
    scores, variances = [], []
    for (n1, n0), (d1, d0) in sets:
        scores.append(float(d1))
        for k in range(d1 + d0):
            # Efron: the k-th of d tied events finds the tied patients present by (d - k) / d.
            gone = k / (d1 + d0) if efron else 0.0
            s1 = theta * (n1 - gone * d1)
            s0 = n0 - gone * d0
            scores.append(-s1 / (s1 + s0))
            variances.append(s1 * s0 / (s1 + s0) ** 2)
    return math.fsum(scores), math.fsum(variances)


def slow_cox(sets: list[RiskSet], efron: bool) -> tuple[float, float] | None:
    """Log hazard ratio and its standard error; None where the estimate is infinite.

    The score falls from one whole number to another as beta runs from minus to plus infinity; far
    out it is within 1/2 of them, and a limit of 0 means that there is no root.
    """
    if not cox_terms(sets, -FAR, efron)[0] > 0.5 or not cox_terms(sets, FAR, efron)[0] < -0.5:
        return None
    beta = brentq(lambda b: cox_terms(sets, b, efron)[0], -FAR, FAR, xtol=1e-15, rtol=1e-15)
    return float(beta), 1.0 / math.sqrt(cox_terms(sets, beta, efron)[1])
