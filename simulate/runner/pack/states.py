"""The multi-state model of a scenario as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulate.engine.plan import Hazards, States
from simulate.runner.pack.hazards import WeibullMembers, pack_hazards, pack_members
from simulate.runner.pack.members import hazards_by_member
from simulate.runner.pack.values import exp, integers, log
from simulate.scenario.endpoints import PFS
from simulate.scenario.hazards import Hazard
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import (
    has_states,
    hazard_of,
    n_members,
    strata_cells,
    transition_hazards,
)
from simulate.scenario.states import (
    CLOCKED,
    PROGRESSION_TO_DEATH,
    RESPONSE_TO_DEATH,
    RESPONSE_TO_PROGRESSION,
    STABLE_TO_DEATH,
    STABLE_TO_PROGRESSION,
    STABLE_TO_RESPONSE,
)


def pack_states(scenario: Scenario) -> States:
    """Transitions of all arms' multi-state models; none ever happens where there are none."""
    if not has_states(scenario):
        never = pack_hazards([None])
        return States(never, never, never, never, never, integers([0, 0, 0]), never)
    return States(
        to_response=pack_transition(scenario, STABLE_TO_RESPONSE),
        to_death=pack_transition(scenario, STABLE_TO_DEATH),
        response_to_progression=pack_transition(scenario, RESPONSE_TO_PROGRESSION),
        response_to_death=pack_transition(scenario, RESPONSE_TO_DEATH),
        progression_to_death=pack_transition(scenario, PROGRESSION_TO_DEATH),
        is_forward=integers(_is_forward(scenario, name) for name in CLOCKED),
        discontinuation=_discontinuation(scenario),
    )


def pack_transition(scenario: Scenario, transition: str) -> Hazards:
    """Hazards of a transition, for each member of the ensembles in turn those of the cells."""
    cells = strata_cells(scenario)
    by_arm = transition_hazards(scenario, transition, log=log, exp=exp)
    members: dict[int, WeibullMembers | Sequence[Hazard]] = {}
    if transition == STABLE_TO_PROGRESSION:
        members.update(hazards_by_member(scenario, PFS))
    for number, arm in enumerate(scenario.arms.values()):
        if arm.states is None or transition not in arm.states.members:
            continue
        hazards = arm.states.members[transition]
        discount = 1.0 if transition == STABLE_TO_RESPONSE else arm.states.discount
        weibull = WeibullMembers(
            np.asarray(hazards.shape), np.asarray(hazards.cumulative_12) / discount
        )
        for cell in range(len(cells)):
            members[number * len(cells) + cell] = weibull
    hazards_of_cells = [by_arm[arm][c] for arm in scenario.arms for c in range(len(cells))]
    return pack_members(hazards_of_cells, members, n_members(scenario))


def _is_forward(scenario: Scenario, transition: str) -> int:
    """Whether a transition's clock runs from randomisation: the same in all arms with states."""
    arms = scenario.arms.values()
    clocks = {
        arm.states.clock(transition)
        for arm in arms
        if arm.states is not None and transition in arm.states.given
    }
    return int(clocks == {"forward"})


def _discontinuation(scenario: Scenario) -> Hazards:
    """Hazards of discontinuation, the same for all members."""
    cells = strata_cells(scenario)
    found = []
    for arm in scenario.arms.values():
        table = None if arm.states is None else arm.states.discontinuation
        hazard = None if table is None else hazard_of(table, log, exp)
        found += [hazard] * len(cells)
    return pack_members(found, {}, n_members(scenario))
