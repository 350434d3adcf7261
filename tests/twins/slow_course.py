"""The course of one patient's disease: the slow twin.

Everything goes through normal scores and a matrix product, correlated or not; times are found by
bisection, and cumulative hazards of tables in exact fractions.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr, ndtri
from twins.slow_assessments import Place, slow_control, slow_observe, slow_reading
from twins.slow_random import wide_uniform, word_uniform, words_at

from simulate.engine.investigator import ArmReading
from simulate.engine.visits import ArmSchedule
from simulate.runner.pack.values import exp, log
from simulate.scenario.assessments import Assessments
from simulate.scenario.endpoints import DISEASE_CONTROL, OS, PFS, READINGS, RESPONSE
from simulate.scenario.hazards import Hazard
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import (
    endpoint_rates,
    endpoints_of,
    event_hazards,
    has_states,
    observed_endpoints,
    progression_hazards,
    response_time_hazards,
)

MANY_PIECES = 30
ByArm = Mapping[str, tuple[Hazard, ...]]


class Model(NamedTuple):
    """What patients of a scenario are drawn from; hazards and rates by arm and cell.

    ``first`` is that of the first event, or of the latent progression where there are PFS and OS.
    ``factor`` is the Cholesky factor of the correlations of the first event, OS and response.
    """

    endpoints: tuple[str, ...]
    first: ByArm
    deaths: ByArm
    responses: ByArm
    rates: dict[str, dict[str, tuple[float, ...]]]
    factor: NDArray[np.float64]


class Way(Protocol):
    """Months of what happens in a multi-state model; infinite for never."""

    @property
    def response(self) -> float: ...

    @property
    def progression(self) -> float: ...

    @property
    def death(self) -> float: ...


class Course(NamedTuple):
    """One patient's latent progression, and when each endpoint happens; infinite for never.

    Where patients are scanned, it is when the scans show it, and a response is confirmed. The month
    of ``response`` is that of the scan that first shows one, confirmed or not.
    """

    progression: float
    events: dict[str, float]
    response: float


def model_of(scenario: Scenario) -> Model:
    endpoints = endpoints_of(scenario)
    if has_states(scenario):
        binary = {name: endpoint_rates(scenario, name) for name in scenario.binary_endpoints}
        return Model(endpoints, {}, {}, {}, binary, np.eye(3))
    has_both = PFS in endpoints and OS in endpoints
    first: ByArm = {}
    if has_both:
        # The table is rounded: with the bits that the engine's has.
        first = progression_hazards(scenario, log=log, exp=exp)
    elif PFS in endpoints or OS in endpoints:
        first = event_hazards(scenario, PFS if PFS in endpoints else OS)
    rho = scenario.correlations
    with_response = rho.progression_response if PFS in endpoints else rho.os_response
    correlations = np.eye(3)
    correlations[0, 1] = correlations[1, 0] = rho.progression_os if has_both else 0.0
    correlations[0, 2] = correlations[2, 0] = with_response
    correlations[1, 2] = correlations[2, 1] = rho.os_response if has_both else 0.0
    return Model(
        endpoints=endpoints,
        first=first,
        deaths=event_hazards(scenario, OS) if has_both else {},
        responses=response_time_hazards(scenario) if RESPONSE in endpoints else {},
        rates={name: endpoint_rates(scenario, name) for name in endpoints if name not in (PFS, OS)},
        factor=np.asarray(np.linalg.cholesky(correlations), dtype=np.float64),
    )


def course_of(
    scenario: Scenario, model: Model, trial: int, number: int, arm: str, stratum: int
) -> Course:
    """Draw what happens to one patient."""

    def uniform(purpose: str, draw: int = 0) -> float:
        words = words_at(scenario.simulation.seed, number, trial, purpose, draw)
        return wide_uniform(words[0], words[1])

    own = [float(ndtri(uniform(purpose))) for purpose in ("core", "death", "response")]
    _, death_score, response_score = (float(score) for score in model.factor @ own)
    events = {}
    first = progression = death = math.inf
    if model.first:
        first = time_at(model.first[arm][stratum], -math.log(uniform("core")))
    if model.deaths:
        # The logarithm of the normal distribution function, rather than of what it is rounded to.
        death = time_at(model.deaths[arm][stratum], -float(log_ndtr(death_score)))
        progression, first = first, min(first, death)
        events[OS] = death
    events.update(dict.fromkeys([name for name in (PFS, OS) if name in model.endpoints][:1], first))
    if RESPONSE in model.endpoints:
        responds = ndtr(response_score) < model.rates[RESPONSE][arm][stratum]
        words = words_at(scenario.simulation.seed, number, trial, "response")
        hazard = model.responses[arm][stratum]
        time = time_before(hazard, word_uniform(words[2]), first)
        events[RESPONSE] = time if responds else math.inf
    for draw, (name, endpoint) in enumerate(scenario.binary_endpoints.items()):
        correlation = endpoint.response_correlation
        score = ndtri(uniform("binary", draw)) * math.sqrt(1.0 - correlation**2)
        has_it = ndtr(score + correlation * response_score) < model.rates[name][arm][stratum]
        events[name] = endpoint.assessed_months if has_it else math.inf
    return as_seen(scenario, trial, number, arm, Course(progression, events, math.inf))


def course_in_states(
    scenario: Scenario,
    model: Model,
    way: Way,
    trial: int,
    number: int,
    arm: str,
    stratum: int,
) -> Course:
    """What a way through the states comes to, and the binary endpoints beside it."""
    events = {
        PFS: min(way.progression, way.death),
        OS: way.death,
        RESPONSE: way.response,
    }
    for draw, (name, endpoint) in enumerate(scenario.binary_endpoints.items()):
        words = words_at(scenario.simulation.seed, number, trial, "binary", draw)
        has_it = wide_uniform(words[0], words[1]) < model.rates[name][arm][stratum]
        events[name] = endpoint.assessed_months if has_it else math.inf
    return as_seen(scenario, trial, number, arm, Course(way.progression, events, math.inf))


def as_seen(scenario: Scenario, trial: int, number: int, arm: str, course: Course) -> Course:
    """Put in place of what happens what the scans show of it, where patients are scanned."""
    chosen = scenario.arms[arm].assessments or scenario.assessments
    progression, events, _ = course
    if chosen is None:
        return Course(progression, events, events.get(RESPONSE, math.inf))
    place = Place(scenario.simulation.seed, trial, number)
    seen = slow_observe(
        schedule_of(chosen),
        place,
        progression if OS in events else events.get(PFS, math.inf),
        events.get(OS, math.inf),
        events.get(RESPONSE, math.inf),
    )
    shown = {PFS: seen.pfs, OS: seen.os, RESPONSE: seen.confirmed}
    found = {name: shown.get(name, month) for name, month in events.items()}
    if DISEASE_CONTROL in observed_endpoints(scenario):
        found[DISEASE_CONTROL] = slow_control(schedule_of(chosen), place, seen.pfs)
    investigator = chosen.investigator
    if investigator is not None:
        reading = ArmReading(
            early=investigator.progression_early_probability,
            late=investigator.progression_late_probability,
            missed=investigator.response_missed_probability,
            added=investigator.response_added_probability,
        )
        called = slow_reading(schedule_of(chosen), reading, place, seen)
        by_reader = zip(READINGS.items(), called, strict=True)
        found |= {name: month for (name, read), month in by_reader if read in events}
    return Course(progression, found, seen.response)


def schedule_of(chosen: Assessments) -> ArmSchedule:
    """Visits of an arm."""
    return ArmSchedule(
        chosen.steps_in_days,
        chosen.window_days,
        chosen.missed_probability,
        chosen.confirm_response,
        chosen.shift_days,
        chosen.not_evaluable_probability,
        chosen.censor_at == "last_scan",
    )


def time_before(hazard: Hazard, uniform: float, limit: float) -> float:
    """Time on condition that it comes before ``limit``; that itself where it cannot.

    If F is the distribution, the time at which it is ``uniform`` times F at the limit.
    """
    before = -math.expm1(-hazard_by(hazard, limit))
    if before == 0.0:
        return limit
    return min(time_at(hazard, -math.log1p(-uniform * before)), limit)


def hazard_by(hazard: Hazard, months: float) -> float:
    """Cumulative hazard by ``months``, which may be infinite."""
    if months < math.inf:
        return cumulative_hazard(hazard, months)
    if hazard.slopes[-1] > 0.0:
        return math.inf
    return cumulative_hazard(hazard, hazard.starts_months[-1])


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
    if hazard is None or hazard_by(hazard, math.inf) < target:
        return math.inf
    if hazard.shape == 1.0 and len(hazard.starts_months) > MANY_PIECES:
        return time_in_table(hazard, target)
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


def time_in_table(hazard: Hazard, target: float) -> float:
    """Month at which a cumulative hazard of many straight pieces reaches ``target``."""
    at_starts = table_of(hazard)
    # The first piece at whose end the target is reached.
    piece = bisect_left(at_starts, Fraction(target)) - 1
    rest = (Fraction(target) - at_starts[piece]) * Fraction(hazard.scale_months)
    return float(Fraction(hazard.starts_months[piece]) + rest / Fraction(hazard.slopes[piece]))


@lru_cache(maxsize=64)
def table_of(hazard: Hazard) -> list[Fraction]:
    """Cumulative hazard at the start of each piece."""
    total, found = Fraction(0), [Fraction(0)]
    starts = [Fraction(start) for start in hazard.starts_months]
    for first, last, slope in zip(starts[:-1], starts[1:], hazard.slopes[:-1], strict=True):
        total += Fraction(slope) * (last - first) / Fraction(hazard.scale_months)
        found.append(total)
    return found
