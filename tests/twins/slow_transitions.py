"""One patient's way through the states of a scenario: the slow twin.

A walk from state to state with times found by bisection; ensembles are hazards made one by one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from twins.slow_course import hazard_by, time_at
from twins.slow_random import wide_uniform, words_at

from simulate.scenario.hazards import Hazard
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import event_hazards, hazard_in, hazard_of, strata_cells

EXITS = {
    "stable": ("response", "progression", "death"),
    "response": ("progression", "death"),
    "progression": ("death",),
}
# Purpose of the draw, its number, and the place of its two words.
WORDS = {
    "stable_to_progression": ("core", 0, 0),
    "stable_to_response": ("states", 0, 0),
    "stable_to_death": ("states", 0, 2),
    "response_to_progression": ("states", 1, 0),
    "response_to_death": ("states", 1, 2),
    "progression_to_death": ("states", 2, 0),
    "discontinuation": ("states", 2, 2),
}


class Walk(NamedTuple):
    """Months from randomisation; infinite for never. No progression after death."""

    response: float
    progression: float
    death: float
    discontinuation: float


def walk_of(scenario: Scenario, trial: int, number: int, arm: str, stratum: int) -> Walk:
    """Draw one patient's way."""

    def exponential(name: str) -> float:
        purpose, draw, place = WORDS[name]
        words = words_at(scenario.simulation.seed, number, trial, purpose, draw)
        return -math.log(wide_uniform(words[place], words[place + 1]))

    states = scenario.arms[arm].states
    leaving = math.inf
    if states is not None and states.discontinuation is not None:
        leaving = time_at(hazard_of(states.discontinuation), exponential("discontinuation"))
    entered = {"stable": 0.0}
    state = "stable"
    while state != "death":
        exits = {}
        for following in EXITS[state]:
            transition = f"{state}_to_{following}"
            hazard = transition_of(scenario, trial, transition, arm, stratum)
            if hazard is None:
                continue
            start = entered[state]
            if states is not None and states.clocks.get(transition) == "forward":  # type: ignore[call-overload]
                target = hazard_by(hazard, start) + exponential(transition)
                exits[following] = max(start, time_at(hazard, target))
            else:
                exits[following] = start + time_at(hazard, exponential(transition))
        if not exits or min(exits.values()) == math.inf:
            break
        state = min(exits, key=lambda name: exits[name])
        entered[state] = exits[state]
    response, progression, death = (
        entered.get(name, math.inf) for name in ("response", "progression", "death")
    )
    return Walk(response, progression, death, leaving)


def transition_of(
    scenario: Scenario, trial: int, transition: str, arm: str, stratum: int
) -> Hazard | None:
    """Hazard of a transition for the member whose turn the trial is; None if it never happens."""
    states = scenario.arms[arm].states
    if states is None:
        own = transition == "stable_to_progression"
        return event_hazards(scenario)[arm][stratum] if own else None
    discount = 1.0 if transition == "stable_to_response" else states.discount
    if transition in states.members:
        members = states.members[transition]
        member = trial % len(members.shape)
        shape, cumulative = members.shape[member], members.cumulative_12[member] / discount
        return Hazard(shape, 12.0, (0.0,), (cumulative,))
    tables = {
        name: table
        for name, other in scenario.arms.items()
        if other.states is not None and (table := getattr(other.states, transition)) is not None
    }
    if arm not in tables:
        return None
    levels = strata_cells(scenario)[stratum].levels
    return hazard_in(tables, arm, levels).times(1.0 / discount)
