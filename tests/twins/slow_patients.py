"""The patients of one trial, made one by one.

The slow twin of the engine's strata, randomisation, entry, event and dropout: searches and
bisection where the engine has closed forms, and a list of patients where it has arrays.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import accumulate, permutations
from typing import Literal, NamedTuple

from twins.slow_random import whole_number, wide_uniform, word_uniform, words_at

from simulate.scenario.hazards import Hazard
from simulate.scenario.models import Accrual, Scenario
from simulate.scenario.resolve import dropout_hazards, event_hazards, strata_cells

Outcome = Literal["event", "dropout", "end"]


class Patient(NamedTuple):
    """One patient: entry and calendar end in calendar months, the other times from randomisation.

    ``follow_up`` ends by ``outcome`` unless a cutoff comes first: an event, dropout or the end of
    the planned follow-up.
    """

    stratum: int
    arm: str
    entry: float
    event: float
    dropout: float
    follow_up: float
    outcome: Outcome

    @property
    def calendar_end(self) -> float:
        return self.entry + self.follow_up


def slow_patients(scenario: Scenario, trial: int) -> list[Patient]:
    """All planned patients of one trial, in order of entry."""
    numbers = range(scenario.accrual.patients)
    strata = [stratum_of(scenario, trial, number) for number in numbers]
    arms = arms_of(scenario, trial, strata)
    entries = entries_of(scenario, trial)
    events = event_hazards(scenario)
    dropouts = dropout_hazards(scenario)
    limit = scenario.follow_up.maximum_months if scenario.follow_up else math.inf
    patients = []
    for number in numbers:
        words = words_at(scenario.simulation.seed, number, trial, "core")
        stratum, arm = strata[number], arms[number]
        event = time_at(events[arm][stratum], -math.log(wide_uniform(words[0], words[1])))
        dropout = time_at(dropouts[arm], -math.log(word_uniform(words[3])))
        order: dict[Outcome, float] = {"event": event, "dropout": dropout, "end": limit}
        # The first key with the smallest time: events before dropouts before the end.
        outcome = min(order, key=lambda name: order[name])
        if order[outcome] == math.inf:
            outcome = "end"
        time = order[outcome]
        patients.append(Patient(stratum, arm, entries[number], event, dropout, time, outcome))
    return patients


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


def cumulative_hazard(hazard: Hazard, months: float) -> float:
    """Cumulative hazard by ``months``, summed over the pieces."""
    ends = [*hazard.starts_months[1:], math.inf]
    total = []
    for first, last, slope in zip(hazard.starts_months, ends, hazard.slopes, strict=True):
        if months > first:
            stop = min(months, last) / hazard.scale_months
            start = first / hazard.scale_months
            total.append(slope * (stop**hazard.shape - start**hazard.shape))
    return math.fsum(total)


def time_at(hazard: Hazard | None, target: float) -> float:
    """Month at which a cumulative hazard reaches ``target``, by bisection; infinite if never.

    The bisection goes on until no double lies between the ends; a jump that happens between
    neighbouring doubles (an atom) is shared out in proportion.
    """
    if hazard is None or (hazard.slopes[-1] == 0.0 and cumulative_hazard(hazard, 1e300) < target):
        return math.inf
    low, high = 0.0, 1.0
    while cumulative_hazard(hazard, high) < target:
        low, high = high, 2.0 * high
    while True:
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if cumulative_hazard(hazard, middle) < target:
            low = middle
        else:
            high = middle
    below, above = cumulative_hazard(hazard, low), cumulative_hazard(hazard, high)
    return low + (high - low) * ((target - below) / (above - below))
