"""What must hold of whatever is seen: order, whole days, windows, and nothing before it happens.

And of what an investigator calls beside central review: it is at scans, or at death.
"""

from __future__ import annotations

import math
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.slow_assessments import (
    DAYS_PER_MONTH,
    LAST_DAY,
    Called,
    Place,
    Seen,
    attended_days,
    is_evaluable,
    slow_observe,
    slow_reading,
)

from simulate.engine.assessments import leave_unassessed, observe
from simulate.engine.investigator import (
    ArmReading,
    call_progression,
    call_response,
    new_investigator,
)
from simulate.engine.philox import PURPOSE_INVESTIGATOR, SHIFT_8, draw_pair
from simulate.engine.visits import ArmSchedule, draw_patients, new_schedule


class Patient(NamedTuple):
    """Latent months."""

    progression: float
    death: float
    response: float


@st.composite
def arm_schedules(draw: st.DrawFn) -> ArmSchedule:
    day, every = 0, draw(st.integers(7, 120))
    steps = [(day, every)]
    for _ in range(draw(st.integers(0, 3))):
        day += every * draw(st.integers(1, 9))
        every = draw(st.integers(7, 120))
        steps.append((day, every))
    shortest = min(gap for _, gap in steps)
    window = draw(st.one_of(st.just(0), st.integers(0, (shortest - 1) // 2)))
    missed = draw(st.sampled_from([0.0, 0.0, 0.05, 0.5, 0.9]))
    shift = draw(st.one_of(st.just(0), st.integers(0, steps[0][1] - window - 1)))
    not_evaluable = draw(st.sampled_from([0.0, 0.0, 0.3]))
    return ArmSchedule(tuple(steps), window, missed, draw(st.booleans()), shift, not_evaluable)


WHOLE_DAYS = st.integers(0, 2000).map(lambda day: day / DAYS_PER_MONTH)
SOON = st.one_of(st.floats(0.0, 70.0), WHOLE_DAYS)
MONTHS = st.one_of(SOON, st.just(math.inf), st.floats(0.0, 1e9))


@st.composite
def patients(draw: st.DrawFn, deaths: st.SearchStrategy[float] = MONTHS) -> Patient:
    progression, death, response = draw(MONTHS), draw(deaths), draw(MONTHS)
    return Patient(progression, death, response if response < min(progression, death) else math.inf)


@st.composite
def places(draw: st.DrawFn) -> Place:
    return Place(draw(st.integers(0, 2**63 - 1)), draw(st.integers(0, 2**40)), 0)


def seen_of(arm: ArmSchedule, group: list[Patient], place: Place) -> list[Seen]:
    n = len(group)
    latent = [np.array(times, dtype=np.float64) for times in zip(*group, strict=True)]
    outs = [*latent, np.full(n, np.nan)]
    seed, trial, arms = np.uint64(place.seed), np.uint64(place.trial), np.zeros(n, dtype=np.int64)
    schedule, shift, assessable = new_schedule([arm]), np.zeros(n), np.zeros(n)
    draw_patients(schedule, seed, trial, 1, n, arms, shift, assessable)
    observe(schedule, seed, trial, arms, shift, n, *outs)
    for out in (outs[0], outs[2], outs[3]):
        leave_unassessed(assessable, n, out)
    return [Seen(*row) for row in np.array(outs).T.tolist()]


GROUPS = st.lists(patients(), min_size=1, max_size=6)
# The twin is slow where nobody dies.
MORTALS = st.lists(patients(SOON), min_size=1, max_size=4)


@settings(deadline=None)
@given(arm_schedules(), MORTALS, places())
def test_it_is_what_the_twin_sees(arm: ArmSchedule, group: list[Patient], place: Place) -> None:
    for i, (patient, seen) in enumerate(zip(group, seen_of(arm, group, place), strict=True)):
        assert seen == slow_observe(arm, place._replace(patient=i), *patient)


@given(arm_schedules(), GROUPS, places())
def test_everything_is_in_order_and_on_whole_days(
    arm: ArmSchedule, group: list[Patient], place: Place
) -> None:
    for i, (patient, seen) in enumerate(zip(group, seen_of(arm, group, place), strict=True)):
        for month in seen:
            day = month * DAYS_PER_MONTH
            assert month == math.inf or month == round(day) / DAYS_PER_MONTH
            assert month == math.inf or 1 <= round(day) <= LAST_DAY
        # Nothing is seen before it happens, and death within a day (or the first).
        if is_evaluable(arm, place._replace(patient=i)):
            assert min(patient.progression, patient.death) <= seen.pfs <= seen.os
        else:
            assert seen.pfs == seen.confirmed == math.inf
        assert patient.response <= seen.response <= seen.confirmed
        if seen.os < math.inf:
            assert patient.death <= seen.os
            assert (seen.os * DAYS_PER_MONTH) - 1.0 < max(patient.death * DAYS_PER_MONTH, 1e-6)
        for month in (seen.response, seen.confirmed):
            assert month == math.inf or month < seen.pfs
        if not arm.confirm_response:
            assert seen.confirmed == seen.response


@settings(deadline=None)
@given(arm_schedules(), MORTALS, places())
def test_progression_is_seen_at_the_next_attended_scan(
    arm: ArmSchedule, group: list[Patient], place: Place
) -> None:
    for i, (patient, seen) in enumerate(zip(group, seen_of(arm, group, place), strict=True)):
        if not is_evaluable(arm, place._replace(patient=i)):
            continue
        scans = (day / DAYS_PER_MONTH for day in attended_days(arm, place._replace(patient=i)))
        end = min(patient.progression, seen.os)
        assert seen.pfs == min(next(scan for scan in scans if scan >= end), seen.os)


@given(arm_schedules(), GROUPS, places())
def test_a_later_death_is_no_earlier_end(
    arm: ArmSchedule, group: list[Patient], place: Place
) -> None:
    alive = [patient._replace(death=math.inf) for patient in group]
    pairs = zip(seen_of(arm, group, place), seen_of(arm, alive, place), strict=True)
    for i, (seen, longer) in enumerate(pairs):
        if not is_evaluable(arm, place._replace(patient=i)):
            continue
        assert seen.pfs == min(longer.pfs, seen.os)
        assert seen.response == (longer.response if longer.response < seen.pfs else math.inf)


SHARES = st.sampled_from([0.0, 0.3, 0.5, 1.0])


@st.composite
def readings(draw: st.DrawFn) -> ArmReading:
    early, late = draw(SHARES), draw(SHARES)
    return ArmReading(early, min(late, 1.0 - early), draw(SHARES), draw(SHARES))


def called_of(
    arm: ArmSchedule, reading: ArmReading, seen: list[Seen], place: Place
) -> list[Called]:
    n = len(seen)
    seed, trial, arms = np.uint64(place.seed), np.uint64(place.trial), np.zeros(n, dtype=np.int64)
    schedule, shift, assessable = new_schedule([arm]), np.zeros(n), np.zeros(n)
    draw_patients(schedule, seed, trial, 1, n, arms, shift, assessable)
    first, second, pfs, response = (np.full(n, np.nan) for _ in range(4))
    draw_pair(seed, trial, 1, np.uint64(PURPOSE_INVESTIGATOR) << SHIFT_8, n, first, second)
    central, death, _, confirmed = (np.array(months) for months in zip(*seen, strict=True))
    common = schedule, new_investigator([reading]), seed, trial, arms, shift
    call_progression(*common, first, central, death, n, pfs)
    call_response(*common, second, pfs, confirmed, n, response)
    for out in (pfs, response):
        leave_unassessed(assessable, n, out)
    return [Called(*row) for row in np.array([pfs, response]).T.tolist()]


@settings(deadline=None)
@given(arm_schedules(), readings(), MORTALS, places())
def test_the_investigator_calls_what_the_twin_calls(
    arm: ArmSchedule, reading: ArmReading, group: list[Patient], place: Place
) -> None:
    seen = seen_of(arm, group, place)
    for i, called in enumerate(called_of(arm, reading, seen, place)):
        assert called == slow_reading(arm, reading, place._replace(patient=i), seen[i])


def scans_until(last: float, arm: ArmSchedule, place: Place) -> set[float]:
    """Months of the scans attended up to the month ``last``."""
    months = (day / DAYS_PER_MONTH for day in attended_days(arm, place))
    return set(takewhile(lambda month: month <= last, months))


@settings(deadline=None)
@given(arm_schedules(), readings(), MORTALS, places())
def test_the_investigator_calls_at_scans_or_at_death(
    arm: ArmSchedule, reading: ArmReading, group: list[Patient], place: Place
) -> None:
    seen = seen_of(arm, group, place)
    for i, called in enumerate(called_of(arm, reading, seen, place)):
        if not is_evaluable(arm, place._replace(patient=i)):
            assert called == Called(math.inf, math.inf)
            continue
        scans = scans_until(seen[i].os, arm, place._replace(patient=i))
        assert called.pfs <= seen[i].os
        assert called.pfs in scans | {seen[i].os}
        assert called.response in scans | {math.inf}
        assert called.response == math.inf or called.response < called.pfs
        # Where both see progression, there is no attended scan between the two.
        if seen[i].pfs < seen[i].os:
            low, high = sorted((called.pfs, seen[i].pfs))
            assert not [month for month in scans if low < month < high]
        else:
            assert called.pfs == seen[i].pfs


@given(arm_schedules(), GROUPS, places())
def test_an_investigator_without_errors_is_central_review(
    arm: ArmSchedule, group: list[Patient], place: Place
) -> None:
    seen = seen_of(arm, group, place)
    called = called_of(arm, ArmReading(), seen, place)
    assert called == [Called(central.pfs, central.confirmed) for central in seen]


@given(arm_schedules(), readings(), GROUPS, places(), SHARES)
def test_more_of_one_error_leaves_who_has_another(
    arm: ArmSchedule, reading: ArmReading, group: list[Patient], place: Place, more: float
) -> None:
    seen = seen_of(arm, group, place)
    worse = reading._replace(early=max(more, reading.early), late=0.0)
    both = reading._replace(late=0.0)
    pairs = zip(called_of(arm, both, seen, place), called_of(arm, worse, seen, place), strict=True)
    assert all(further.pfs <= called.pfs for called, further in pairs)
    later = called_of(arm, reading._replace(early=0.0), seen, place)
    fewer = called_of(arm, reading, seen, place)
    for central, alone, mixed in zip(seen, later, fewer, strict=True):
        assert (mixed.pfs > central.pfs) == (alone.pfs > central.pfs)
