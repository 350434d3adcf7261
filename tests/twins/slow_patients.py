"""The patients of one trial, made one by one.

The slow twin of the engine's strata, randomisation, entry, dropout and ends of follow-up: searches
where the engine has closed forms, and a list of patients where it has arrays. What happens to a
patient is in `slow_course`.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import accumulate, permutations
from typing import Literal, NamedTuple

from twins.slow_assessments import Place, is_evaluable
from twins.slow_course import course_in_states, course_of, model_of, schedule_of, time_at
from twins.slow_random import whole_number, wide_uniform, word_uniform, words_at
from twins.slow_transitions import walk_of
from twins.slow_truths import truth_of

from simulate.engine.visits import ArmSchedule
from simulate.scenario.endpoints import (
    DISEASE_CONTROL,
    OS,
    PFS,
    PFS_INVESTIGATOR,
    READINGS,
    RESPONSE,
    RESPONSE_INVESTIGATOR,
)
from simulate.scenario.models import Accrual, Scenario
from simulate.scenario.resolve import dropout_hazards, has_states, strata_cells

SHOWN = (PFS, RESPONSE, DISEASE_CONTROL, *READINGS)
Outcome = Literal["event", "dropout", "end"]


class Followed(NamedTuple):
    """One patient and one endpoint; months from randomisation.

    Follow-up ends after ``months`` by ``outcome`` unless a cutoff comes first: the event, dropout
    or the end of the planned follow-up. ``event`` is infinite if it never happens.
    """

    event: float
    months: float
    outcome: Outcome


class Patient(NamedTuple):
    """One patient: entry in calendar months, the other times from randomisation.

    ``response`` is that of the first sign of one; ``visits`` are None without scans.
    """

    stratum: int
    arm: str
    entry: float
    dropout: float
    progression: float
    endpoints: dict[str, Followed]
    response: float
    visits: tuple[ArmSchedule, Place] | None

    def calendar_end(self, endpoint: str) -> float:
        return self.entry + self.endpoints[endpoint].months

    def has_event(self, endpoint: str) -> bool:
        return self.endpoints[endpoint].outcome == "event"


def slow_patients(scenario: Scenario, trial: int) -> list[Patient]:
    """All planned patients of one trial, in order of entry."""
    scenario = truth_of(scenario, trial)
    numbers = range(scenario.accrual.patients)
    strata = [stratum_of(scenario, trial, number) for number in numbers]
    arms = arms_of(scenario, trial, strata)
    entries = entries_of(scenario, trial)
    dropouts = dropout_hazards(scenario)
    model = model_of(scenario)
    patients = []
    for number in numbers:
        words = words_at(scenario.simulation.seed, number, trial, "core")
        stratum, arm = strata[number], arms[number]
        dropout = time_at(dropouts[arm], -math.log(word_uniform(words[3])))
        place = Place(scenario.simulation.seed, trial, number)
        leaving = math.inf
        if has_states(scenario):
            walk = walk_of(scenario, trial, number, arm, stratum)
            course = course_in_states(scenario, model, walk, trial, number, arm, stratum)
            leaving = walk.discontinuation
        else:
            course = course_of(scenario, model, trial, number, arm, stratum)
        endpoints = {}
        for name, event in course.events.items():
            last = last_months(scenario, name, course.events, arm, place)
            last = min(last, leaving) if name in SHOWN else last
            endpoints[name] = followed(event, dropout, last)
        scans = scenario.arms[arm].assessments or scenario.assessments
        visits = (schedule_of(scans), place) if scans else None
        times = entries[number], dropout, course.progression
        patients.append(Patient(stratum, arm, *times, endpoints, course.response, visits))
    return patients


def last_months(
    scenario: Scenario, endpoint: str, events: dict[str, float], arm: str, place: Place
) -> float:
    """Month up to which an endpoint is followed, dropout apart.

    Response until progression or death, a binary endpoint until it is assessed; what scans show,
    not at all in who is not evaluable.
    """
    limit = scenario.follow_up.maximum_months if scenario.follow_up else math.inf
    scans = scenario.arms[arm].assessments or scenario.assessments
    if scans and endpoint in SHOWN and not is_evaluable(schedule_of(scans), place):
        return 0.0
    if endpoint in (RESPONSE, DISEASE_CONTROL):
        return min(limit, events.get(PFS, events.get(OS, math.inf)))
    if endpoint == RESPONSE_INVESTIGATOR:
        return min(limit, events.get(PFS_INVESTIGATOR, math.inf))
    if endpoint in scenario.binary_endpoints:
        return min(limit, scenario.binary_endpoints[endpoint].assessed_months)
    return limit


def followed(event: float, dropout: float, limit: float) -> Followed:
    """Find how an endpoint's follow-up ends."""
    order: dict[Outcome, float] = {"event": event, "dropout": dropout, "end": limit}
    # The first key with the smallest time: events before dropouts before the end.
    outcome = min(order, key=lambda name: order[name])
    if order[outcome] == math.inf:
        outcome = "end"
    return Followed(event, order[outcome], outcome)


def stratum_of(scenario: Scenario, trial: int, number: int) -> int:
    """Cell of a patient: the first whose cumulative prevalence exceeds the uniform."""
    words = words_at(scenario.simulation.seed, number, trial, "stratum")
    uniform = wide_uniform(words[0], words[1])
    upper = list(accumulate(cell.prevalence for cell in strata_cells(scenario)))
    return next(s for s in range(len(upper)) if uniform < upper[s] or s == len(upper) - 1)


def arms_of(scenario: Scenario, trial: int, strata: list[int]) -> list[str]:
    """Arm of each patient: its place among those before it picks a block and a place therein."""
    ratio = scenario.randomisation.ratio
    size = scenario.randomisation.block_size
    names = list(scenario.arms)
    block = [a for a, name in enumerate(names) for _ in range(ratio[name])]
    orders = sorted(set(permutations(block * (size // len(block)))))
    arms = []
    for number, stratum in enumerate(strata):
        group = stratum if scenario.randomisation.within_strata else 0
        before = strata[:number]
        place = before.count(stratum) if scenario.randomisation.within_strata else number
        seed = scenario.simulation.seed
        words = words_at(seed, place // size, trial, "randomisation", group)
        order = orders[whole_number(words[0], words[1], len(orders))]
        arms.append(names[order[place % size]])
    return arms


def entries_of(scenario: Scenario, trial: int) -> list[float]:
    """Calendar month of each patient's entry, walking through the accrual from patient to patient.

    The gap between two patients is one patient's worth of accrual if evenly spaced, and an
    exponential amount of mean 1 if Poisson.
    """
    now: float | Fraction = Fraction(0)
    entries = []
    for number in range(scenario.accrual.patients):
        gap: float | Fraction = Fraction(1)
        if scenario.accrual.arrivals == "poisson":
            words = words_at(scenario.simulation.seed, number, trial, "core")
            gap = -math.log(word_uniform(words[2]))
        now = _walk(scenario.accrual, now, gap)
        entries.append(float(now))
    return entries


def _walk(accrual: Accrual, now: float | Fraction, gap: float | Fraction) -> float | Fraction:
    """Calendar month at which the expected accrual since ``now`` reaches ``gap``."""
    while True:
        rate = Fraction([rate for start, rate in accrual.steps if start <= now][-1])
        later = [Fraction(start) for start, _ in accrual.steps if start > now]
        room = (min(later) - now) * rate if later else math.inf
        if gap <= room and rate > 0:
            return now + gap / rate
        gap -= room
        now = min(later)
