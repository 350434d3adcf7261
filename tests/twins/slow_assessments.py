"""What the scans see, patient by patient and visit by visit.

Each patient's visits are walked through in order from randomisation; at each one that is attended
it is asked what the scan shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

from twins.slow_random import PURPOSES, WORD, Words, philox, wide_uniform, word_uniform, words_at

from simulate.engine.investigator import ArmReading
from simulate.engine.visits import ArmSchedule

DAYS_PER_MONTH = 30.4375
LAST_DAY = 36525


class Place(NamedTuple):
    """Where a patient's draws are."""

    seed: int
    trial: int
    patient: int


class Seen(NamedTuple):
    """Months recorded of a patient; infinite for never."""

    pfs: float
    os: float
    response: float
    confirmed: float


def visit_address(place: Place, visit: int) -> Words:
    """Counter of a visit's draw: the number's low byte below the purpose, the rest above it."""
    high, low = divmod(visit, 256)
    trial_high, trial_low = divmod(place.trial, WORD)
    word = high * 2**16 + PURPOSES["visit"] * 2**8 + low
    return (place.patient, trial_low, trial_high, word)


def drawn_visit(place: Place, visit: int, window: int) -> tuple[int, float]:
    """Days late, and the uniform that says whether the visit is missed."""
    seed_high, seed_low = divmod(place.seed, WORD)
    words = philox(visit_address(place, visit), (seed_low, seed_high))
    return int(Fraction(words[0], WORD) * (2 * window + 1)) - window, word_uniform(words[1])


def drawn_shift(place: Place, most: int) -> int:
    """Days by which all of a patient's visits are late."""
    words = words_at(place.seed, place.patient, place.trial, "assessed")
    return int(Fraction(words[0], WORD) * (2 * most + 1)) - most


def is_evaluable(arm: ArmSchedule, place: Place) -> bool:
    """Whether scans show anything of a patient."""
    words = words_at(place.seed, place.patient, place.trial, "assessed")
    return word_uniform(words[1]) >= arm.not_evaluable_probability


def planned_visits(arm: ArmSchedule) -> Iterator[tuple[int, int]]:
    """Number and planned day of each visit, for ever."""
    day, visit = 0, 0
    while True:
        day += next(every for from_day, every in reversed(arm.steps) if from_day <= day)
        visit += 1
        yield visit, day


def attended_days(arm: ArmSchedule, place: Place) -> Iterator[int]:
    """Days of the attended visits, in order, up to the last on which anything is seen."""
    shift = drawn_shift(place, arm.shift_days)
    for visit, planned in planned_visits(arm):
        day = planned + shift
        if day - arm.window_days > LAST_DAY:
            return
        late, uniform = 0, 1.0
        if arm.window_days > 0 or arm.missed_probability > 0.0:
            late, uniform = drawn_visit(place, visit, arm.window_days)
        if uniform >= arm.missed_probability and day + late <= LAST_DAY:
            yield day + late


def day_of_death(months: float) -> float:
    """First day from 1 on whose month is not before ``months``; infinite if too late."""
    if months > LAST_DAY / DAYS_PER_MONTH:
        return math.inf
    day = 1
    while day / DAYS_PER_MONTH < months:
        day += 1
    return day


def slow_control(arm: ArmSchedule, place: Place, pfs: float) -> float:
    """Month of the first scan attended, infinite if it does not come before the end of PFS."""
    first = next(attended_days(arm, place), math.inf) / DAYS_PER_MONTH
    return first if is_evaluable(arm, place) and first < pfs else math.inf


def slow_observe(
    arm: ArmSchedule, place: Place, progression: float, death: float, response: float
) -> Seen:
    """What is recorded of one patient."""
    os_day = day_of_death(death)
    if not is_evaluable(arm, place):
        return Seen(math.inf, os_day / DAYS_PER_MONTH, math.inf, math.inf)
    pfs_day, first, confirmed = os_day, math.inf, math.inf
    for day in attended_days(arm, place):
        if day >= os_day:
            break
        if day / DAYS_PER_MONTH >= progression:
            pfs_day = day
            break
        if first < math.inf:
            confirmed = min(confirmed, day)
        elif day / DAYS_PER_MONTH >= response:
            first = day
            confirmed = math.inf if arm.confirm_response else day
    return Seen(*(day / DAYS_PER_MONTH for day in (pfs_day, os_day, first, confirmed)))


class Called(NamedTuple):
    """Months of PFS and response as the investigator calls them; infinite for never."""

    pfs: float
    response: float


def slow_reading(arm: ArmSchedule, reading: ArmReading, place: Place, seen: Seen) -> Called:
    """What the investigator calls of one patient of whom central review has ``seen`` so much."""
    if not is_evaluable(arm, place):
        return Called(math.inf, math.inf)
    words = words_at(place.seed, place.patient, place.trial, "investigator")
    first, second = wide_uniform(words[0], words[1]), wide_uniform(words[2], words[3])
    pfs = seen.pfs
    if seen.pfs < seen.os:
        before, after = neighbours(arm, place, seen.pfs)
        if first < reading.early:
            pfs = before
        elif first > 1.0 - reading.late:
            pfs = min(after, seen.os)
    response = seen.confirmed
    if response < math.inf:
        response = math.inf if second < reading.missed else response
    elif second < reading.added:
        scans = islice(attended_days(arm, place), 2 if arm.confirm_response else 1)
        months = [day / DAYS_PER_MONTH for day in scans]
        response = months[-1]
    return Called(pfs, response if response < pfs else math.inf)


def neighbours(arm: ArmSchedule, place: Place, month: float) -> tuple[float, float]:
    """Scans attended before and after one; that itself and infinity where there are none."""
    before, after = month, math.inf
    for day in attended_days(arm, place):
        if day / DAYS_PER_MONTH < month:
            before = day / DAYS_PER_MONTH
        if day / DAYS_PER_MONTH > month:
            after = day / DAYS_PER_MONTH
            break
    return before, after
