"""When patients are scanned: schedules by arm, and visits early, late or missed.

Visits are numbered from 1. Each takes place on its planned day or some days from it, or is missed,
by a draw that is a pure function of patient and visit: only those near an event are made. A shift
of all of a patient's visits moves the clock on which they are planned: it is taken from the day
before, and added to it after. Days run from randomisation and are whole numbers held as floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.compile import kernel
from simulate.engine.philox import (
    MASK,
    PURPOSE_VISIT,
    SHIFT_8,
    SHIFT_32,
    TWO_TO_MINUS_32,
    draw_assessed,
    philox4x32,
    uniform_32,
)
from simulate.engine.plan import Schedule

LOW_BITS = np.uint64(255)
SHIFT_16 = np.uint64(16)


class ArmSchedule(NamedTuple):
    """Assessments of one arm.

    Attributes
    ----------
    steps : sequence of (int, int)
        From which day, and how many days apart. The first starts at 0, the others on a scan of the
        step before.
    window_days : int
        Most days that a visit is early or late; below half the least distance of two visits.
    missed_probability : float
        Of each visit, below 1.
    confirm_response : bool
        Whether the next scan must show the response again.
    shift_days : int
        Most days that all visits of a patient are early or late; with ``window_days`` fewer than
        the days to the first visit.
    not_evaluable_probability : float
        Of each patient: no visit shows anything.
    at_last_scan : bool
        Whether PFS without an event is censored at the last visit attended.
    """

    steps: Sequence[tuple[int, int]]
    window_days: int = 0
    missed_probability: float = 0.0
    confirm_response: bool = False
    shift_days: int = 0
    not_evaluable_probability: float = 0.0
    at_last_scan: bool = False


def new_schedule(arms: Sequence[ArmSchedule]) -> Schedule:
    """Put the arms' schedules, which keep the rules of `ArmSchedule`, into arrays."""
    first_step, visits_before = [0], []
    for arm in arms:
        visits, day, gap = 0, 0, 1
        for next_day, next_gap in arm.steps:
            visits += (next_day - day) // gap
            visits_before.append(visits)
            day, gap = next_day, next_gap
        first_step.append(len(visits_before))
    steps = [step for arm in arms for step in arm.steps]
    plans = {(tuple(arm.steps), arm.confirm_response) for arm in arms}
    is_plan = all(arm.window_days == 0 and arm.missed_probability == 0.0 for arm in arms)
    shifts = [arm.shift_days for arm in arms]
    not_evaluable = [arm.not_evaluable_probability for arm in arms]
    at_last_scan = [int(arm.at_last_scan) for arm in arms]
    return Schedule(
        first_step=np.array(first_step, dtype=np.int64),
        from_day=np.array([day for day, _ in steps], dtype=np.float64),
        gap=np.array([gap for _, gap in steps], dtype=np.float64),
        visits_before=np.array(visits_before, dtype=np.int64),
        window=np.array([arm.window_days for arm in arms], dtype=np.float64),
        missed=np.array([arm.missed_probability for arm in arms], dtype=np.float64),
        confirm=np.array([arm.confirm_response for arm in arms], dtype=np.int64),
        shift=np.array(shifts, dtype=np.float64),
        not_evaluable=np.array(not_evaluable, dtype=np.float64),
        at_last_scan=np.array(at_last_scan, dtype=np.int64),
        is_common_plan=int(is_plan and len(plans) == 1),
        is_shifted=int(any(shifts)),
        has_unevaluable=int(any(not_evaluable)),
        ends_at_scans=int(any(at_last_scan)),
    )


@kernel
def draw_patients(
    schedule: Schedule,
    seed: np.uint64,
    trial: np.uint64,
    n_trials: int,
    n_each: int,
    arm: IntArray,
    shift: FloatArray,
    assessable: FloatArray,
) -> None:
    """Days by which all visits of each patient are late, and who can be assessed.

    Of ``n_trials`` trials from number ``trial`` on, arrays of (n_trials * n_each,).

    A shift is a whole number of days from minus the arm's to the arm's, all equally likely.
    ``assessable`` is 0 for who is not evaluable, else infinite.
    """
    draw_assessed(seed, trial, n_trials, n_each, shift, assessable)
    # An arm after the other: what is looked up by patient keeps a loop from vectorising.
    for group in range(len(schedule.shift)):
        shift_and_assess(
            schedule.shift[group],
            schedule.not_evaluable[group],
            group,
            arm,
            n_trials * n_each,
            shift,
            assessable,
        )


@kernel
def shift_and_assess(
    most: float,
    not_evaluable: float,
    group: int,
    arm: IntArray,
    n: int,
    shift: FloatArray,
    assessable: FloatArray,
) -> None:
    """As `draw_patients`, for the patients of one arm, from the words drawn, in place, (n,)."""
    for i in range(n):
        word = shift[i]
        # Exact: a product of 32 bits and a few, cut to its integer part.
        days = float(int(word * (2.0 * most + 1.0) * TWO_TO_MINUS_32)) - most
        shift[i] = days if arm[i] == group else word
    for i in range(n):
        uniform = assessable[i]
        own = 0.0 if uniform < not_evaluable else np.inf
        assessable[i] = own if arm[i] == group else uniform


@kernel
def first_visit(schedule: Schedule, arm: int, day: float) -> int:
    """Number of the first visit that can be on ``day`` or later."""
    planned = max(day - schedule.window[arm], 1.0)
    step = schedule.first_step[arm]
    last = schedule.first_step[arm + 1] - 1
    while step < last and planned > schedule.from_day[step + 1]:
        step += 1
    gap = schedule.gap[step]
    # Exact: a quotient of such small numbers is whole or further from whole than its rounding.
    gaps = int((planned - schedule.from_day[step] + (gap - 1.0)) / gap)
    return int(schedule.visits_before[step] + gaps)


@kernel
def planned_day(schedule: Schedule, arm: int, visit: int) -> float:
    """Day on which a visit is planned."""
    step = schedule.first_step[arm]
    last = schedule.first_step[arm + 1] - 1
    while step < last and visit > schedule.visits_before[step + 1]:
        step += 1
    gaps = visit - schedule.visits_before[step]
    return float(schedule.from_day[step] + gaps * schedule.gap[step])


@kernel
def attended(
    schedule: Schedule,
    seed: np.uint64,
    trial: np.uint64,
    patient: int,
    arm: int,
    visit: int,
    day: float,
    end: float,
) -> tuple[int, float]:
    """First attended visit, numbered ``visit`` or higher, on ``day`` or later: number and day.

    If there is none before ``end``, which is finite, the day is ``end``.
    """
    window = schedule.window[arm]
    missed = schedule.missed[arm]
    is_drawn = window > 0.0 or missed > 0.0
    while True:
        scan = planned_day(schedule, arm, visit)
        # Visits keep their order, so that all later ones are at the end or after it, too.
        if scan - window >= end:
            return visit, end
        is_attended = True
        if is_drawn:
            late, uniform = draw_visit(seed, trial, patient, visit, window)
            scan += late
            is_attended = uniform >= missed
        if is_attended and scan >= day:
            return visit, min(scan, end)
        visit += 1


@kernel
def last_attended(
    schedule: Schedule, seed: np.uint64, trial: np.uint64, patient: int, arm: int, day: float
) -> float:
    """Day of the last attended visit on ``day`` or earlier; 0 if there is none."""
    window = schedule.window[arm]
    missed = schedule.missed[arm]
    is_drawn = window > 0.0 or missed > 0.0
    # The last that can be on the day is before the first that cannot.
    visit = first_visit(schedule, arm, day + 2.0 * window + 1.0) - 1
    while visit > 0:
        scan = planned_day(schedule, arm, visit)
        is_attended = True
        if is_drawn:
            late, uniform = draw_visit(seed, trial, patient, visit, window)
            scan += late
            is_attended = uniform >= missed
        if is_attended and scan <= day:
            return float(scan)
        visit -= 1
    return 0.0


@kernel
def draw_visit(
    seed: np.uint64, trial: np.uint64, patient: int, visit: int, window: float
) -> tuple[float, float]:
    """Days that a visit is late, from ``-window`` to ``window``, and its uniform for missing it."""
    number = np.uint64(visit)
    purpose = (np.uint64(PURPOSE_VISIT) << SHIFT_8) | (number & LOW_BITS)
    w0, w1, _, _ = philox4x32(
        np.uint64(patient) & MASK,
        trial & MASK,
        trial >> SHIFT_32,
        ((number >> SHIFT_8) << SHIFT_16) | purpose,
        seed & MASK,
        seed >> SHIFT_32,
    )
    choices = np.uint64(2.0 * window + 1.0)
    return float((w0 * choices) >> SHIFT_32) - window, uniform_32(w1)
