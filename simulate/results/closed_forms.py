"""What closed forms say about a scenario before anything is simulated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulate.design.accrual import Accrual
from simulate.design.expected import Group, entry_month, expected_counts, time_to_events
from simulate.design.schoenfeld import schoenfeld_power
from simulate.scenario.comparisons import constant_log_hazard_ratio, critical_values
from simulate.scenario.endpoints import TIMES
from simulate.scenario.hazards import Hazard
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
from simulate.scenario.resolve import (
    dropout_hazards,
    event_hazards,
    matching_cells,
    strata_cells,
    times_of,
)
from simulate.scenario.survival_tests import LogrankTest

# The 99% quantile of the normal distribution.
Z_99 = 2.3263478740408408
# A look by this share of the month of the next one is well before it: the months at which a number
# of events comes have a standard deviation of some 10% at most.
CLEAR = 0.75
NEVER = Hazard(1.0, 1.0, (0.0,), (0.0,))


class ExpectedLook(NamedTuple):
    """A look as closed forms expect it.

    Attributes
    ----------
    analysis : str
        Its name.
    month : float
        Calendar month; infinite if its events are never expected, or nobody knows when.
    known : bool
        False if it, or the look before that it waits for, waits for events of which there is no
        closed form: responses, say, or those that an investigator calls.
    fixed : bool
        True if every trial has the look at this very month; then the counts are exact.
    typical : bool
        True if trials have the look near this month: its events are all but sure to come, and the
        look before, which it cannot precede, is well before it or of the same kind.
    patients, events, dropouts : dict of str to float
        Expected numbers by arm at that month.
    """

    analysis: str
    month: float
    known: bool
    fixed: bool
    typical: bool
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


def trial_groups(
    scenario: Scenario, trigger: EventTrigger | None = None, endpoint: str | None = None
) -> list[Group]:
    """Patients by arm and stratum cell; only those whose events count, if a trigger is given.

    Permuted blocks are exchangeable, so a patient is in an arm with the arm's share of the ratio.
    Events are those of the trigger, else of the ``endpoint`` ("pfs" or "os"), else of the first of
    these that there is; without one, nobody has events.
    """
    cells = strata_cells(scenario)
    counted: tuple[int, ...] = tuple(range(len(cells)))
    arms = tuple(scenario.arms)
    if trigger is not None and trigger.stratum is not None:
        counted = matching_cells(scenario, trigger.stratum)
    if trigger is not None and trigger.arms is not None:
        arms = trigger.arms
    ratio = scenario.randomisation.ratio
    times = times_of(scenario)
    counts = trigger.endpoint if trigger else endpoint or (times[0] if times else "")
    if counts in times:
        events = event_hazards(scenario, counts)
    else:
        events = {arm: (NEVER,) * len(cells) for arm in scenario.arms}
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


def expected_looks(scenario: Scenario, endpoint: str | None = None) -> list[ExpectedLook]:
    """Every analysis of a scenario as closed forms expect it, in order.

    Parameters
    ----------
    scenario : Scenario
        The design.
    endpoint : str, optional
        Whose events and dropouts are expected, "pfs" or "os"; the first of these if not given.

    Returns
    -------
    list of ExpectedLook
        A month that follows from expected numbers of events is approximate: the mean of the month
        at which a number of events is reached is not quite the month at which the mean reaches it.
    """
    groups = trial_groups(scenario, endpoint=endpoint)
    accrual = trial_accrual(scenario)
    looks: list[ExpectedLook] = []
    previous, all_fixed, all_come, all_known, last_trigger = 0.0, True, True, True, None
    for name, analysis in scenario.analyses.items():
        own = _expected_month(scenario, accrual, analysis.trigger, previous)
        month = max(own.month, previous)
        all_fixed = all_fixed and own.fixed
        in_order = _in_order(last_trigger, analysis.trigger) or previous <= CLEAR * own.month
        counts = expected_counts(groups, accrual, [month], maximum_follow_up(scenario))
        looks.append(
            ExpectedLook(
                analysis=name,
                month=month,
                known=all_known and own.known,
                fixed=all_fixed,
                typical=all_fixed or (own.sure and in_order and all_come and math.isfinite(month)),
                patients=_by_arm(scenario, groups, counts.patients[:, 0]),
                events=_by_arm(scenario, groups, counts.events[:, 0]),
                dropouts=_by_arm(scenario, groups, counts.dropouts[:, 0]),
            )
        )
        last_trigger = analysis.trigger
        if math.isfinite(month) or not _may_be_skipped(analysis.trigger):
            previous = month
            all_known = all_known and own.known
        else:
            # Later looks do not wait for it, but the trials that have it make them vary.
            all_come = False
    return looks


def _may_be_skipped(trigger: Trigger) -> bool:
    """Whether trials without the events do without the look."""
    return isinstance(trigger, EventTrigger) and trigger.if_not_reached == "skip"


def _in_order(first: Trigger | None, second: Trigger) -> bool:
    """Two triggers come in their order in every trial."""
    match first, second:
        case _, DelayTrigger():
            return True
        case FollowUpTrigger(after_patients=one), FollowUpTrigger(after_patients=other):
            return one == other
        case EventTrigger(), EventTrigger():
            kinds = [(t.endpoint, t.stratum, t.arms) for t in (first, second)]
            return kinds[0] == kinds[1]
    return False


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


class _Month(NamedTuple):
    """When a trigger is expected.

    The calendar month, whether it is that of every trial, whether it is all but sure to come, and
    whether there is a closed form of it; without one it is infinite.
    """

    month: float
    fixed: bool
    sure: bool
    known: bool = True


def _expected_month(
    scenario: Scenario, accrual: Accrual, trigger: Trigger, previous: float
) -> _Month:
    """When a trigger is expected; what the looks before do to it is the caller's business."""
    match trigger:
        case CalendarTrigger():
            return _Month(trigger.calendar_months, fixed=True, sure=True)
        case FollowUpTrigger():
            patient = trigger.after_patients or accrual.n_patients
            month = entry_month(accrual, patient) + trigger.minimum_follow_up_months
            return _Month(month, fixed=accrual.arrivals == "evenly_spaced", sure=True)
        case DelayTrigger():
            return _Month(previous + trigger.months_after_previous, fixed=True, sure=True)
        case EventTrigger():
            if trigger.endpoint not in TIMES:
                # Nobody has worked out when a number of responses is expected.
                return _Month(math.inf, fixed=False, sure=False, known=False)
            groups = trial_groups(scenario, trigger)
            limit = maximum_follow_up(scenario)
            month = time_to_events(groups, accrual, trigger.events, limit)
            return _Month(month, fixed=False, sure=_surely_reached(groups, accrual, trigger, limit))
        case LatestTrigger():
            members = [_expected_month(scenario, accrual, t, previous) for t in trigger.latest_of]
            month, sure = max(m.month for m in members), all(m.sure for m in members)
        case EarliestTrigger():
            members = [_expected_month(scenario, accrual, t, previous) for t in trigger.earliest_of]
            month, sure = min(m.month for m in members), any(m.sure for m in members)
    known = all(m.known for m in members)
    month = month if known else math.inf
    return _Month(month, all(m.fixed for m in members), sure and known, known)


def _surely_reached(
    groups: list[Group], accrual: Accrual, trigger: EventTrigger, maximum_months: float
) -> bool:
    """Some 99% of the trials have so many events in the end, by a normal approximation.

    Each of ``n`` patients has an event that counts with probability ``p`` in the end; with
    independent patients their number has variance ``n p (1 - p)``, which blocks only make smaller.
    """
    n = accrual.n_patients
    in_the_end = float(expected_counts(groups, accrual, [math.inf], maximum_months).events.sum())
    sd = math.sqrt(max(in_the_end * (1.0 - in_the_end / n), 0.0))
    # Half an event for the step from a whole number to a normal variable.
    return trigger.events - 0.5 <= in_the_end - Z_99 * sd


def closed_form_power(
    scenario: Scenario, hypothesis: str, expected: Sequence[ExpectedLook] | None = None
) -> list[float] | None:
    """Cumulative rejection probability at each look of a hypothesis, by Schoenfeld's approximation.

    Parameters
    ----------
    scenario : Scenario
        The design.
    hypothesis : str
        Its name.
    expected : sequence of ExpectedLook, optional
        The `expected_looks` of the scenario and the hypothesis's endpoint, if they are there
        already.

    Returns
    -------
    list of float or None
        None where it is not a plain log-rank test, where there is no single hazard ratio, where
        trials may well lack a look's events or have it at another time (`ExpectedLook.typical`),
        where a look adds no events to the one before, or where another hypothesis can stop the
        trial.
    """
    log_hr = constant_log_hazard_ratio(scenario, hypothesis)
    stopping = scenario.stopping
    others = [name for name in stopping.hypotheses if name != hypothesis]
    if log_hr is None or (stopping.rejected == "any" and others):
        return None
    if stopping.rejected == "all" and hypothesis not in stopping.hypotheses:
        return None
    chosen = scenario.hypotheses[hypothesis]
    if not isinstance(chosen.test, LogrankTest):
        return None
    limits = critical_values(scenario, hypothesis)
    expected = expected_looks(scenario, chosen.endpoint) if expected is None else expected
    looks = [look for look in expected if look.analysis in limits]
    if not all(look.typical for look in looks):
        return None
    arms = chosen.arms.names
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
