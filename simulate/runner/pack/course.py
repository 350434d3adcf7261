"""The endpoints of a scenario, and how they go together, as arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from simulate.engine.investigator import ArmReading, new_investigator
from simulate.engine.plan import Course, Hazards, Investigator, Schedule
from simulate.engine.visits import ArmSchedule, new_schedule
from simulate.runner.pack.hazards import pack_members
from simulate.runner.pack.members import hazards_by_member
from simulate.runner.pack.states import pack_transition
from simulate.runner.pack.values import exp, floats, log
from simulate.scenario.endpoints import (
    DISEASE_CONTROL,
    OS,
    PFS,
    PFS_INVESTIGATOR,
    RESPONSE,
    RESPONSE_INVESTIGATOR,
    TIMES,
)
from simulate.scenario.hazards import Hazard
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import (
    endpoint_rates,
    endpoints_of,
    event_hazards,
    has_states,
    investigators,
    is_assessed,
    n_members,
    observed_endpoints,
    progression_hazards,
    readings_of,
    response_time_hazards,
    strata_cells,
)
from simulate.scenario.states import STABLE_TO_PROGRESSION

Progression = Mapping[str, Sequence[Hazard]]
"""Hazards of the latent time to progression by arm, one a cell."""

# All three are there, whether the scenario's endpoints or not.
ROWS_OF_STATES = {PFS: 0, OS: 1, RESPONSE: 2}


def pack_course(scenario: Scenario, progression: Progression | None = None) -> Course:
    """Endpoints of a scenario, and how they go together; see `pack`."""
    arms = list(scenario.arms)
    cells = strata_cells(scenario)
    endpoints = endpoints_of(scenario)
    numbers = endpoint_numbers(scenario)
    in_states = has_states(scenario)
    has_both = {PFS, OS} <= set(endpoints) and not in_states

    by_member: Mapping[int, Sequence[Hazard]] = {}

    def packed(
        by_arm: Mapping[str, Sequence[Hazard | None]], members: Mapping[int, Sequence[Hazard]]
    ) -> Hazards:
        in_cells = [by_arm[arm][c] for arm in arms for c in range(len(cells))]
        return pack_members(in_cells, members, n_members(scenario) if members else 1)

    def rates(endpoint: str) -> list[float]:
        by_arm = endpoint_rates(scenario, endpoint)
        return [by_arm[arm][c] for arm in arms for c in range(len(cells))]

    nobody = {arm: [None] * len(cells) for arm in arms}
    first: Mapping[str, Sequence[Hazard | None]] = nobody
    if has_both:
        first = progression_of(scenario) if progression is None else progression
    elif first_endpoints := [name for name in TIMES if name in endpoints and not in_states]:
        first = event_hazards(scenario, first_endpoints[0], log=log, exp=exp)
        by_member = hazards_by_member(scenario, first_endpoints[0])
    deaths = event_hazards(scenario, OS, log=log, exp=exp) if has_both else nobody
    has_response = RESPONSE in endpoints and not in_states
    times = response_time_hazards(scenario, log=log, exp=exp) if has_response else nobody
    binary = list(scenario.binary_endpoints.values())
    loadings = _loadings(scenario)
    with_response = [endpoint.response_correlation for endpoint in binary]
    built_in = 3 if in_states else 1 + int(has_both) + int(has_response)
    return Course(
        n_endpoints=built_in + len(_observed_rows(scenario)) + len(binary),
        first_event=pack_transition(scenario, STABLE_TO_PROGRESSION)
        if in_states
        else packed(first, by_member),
        first_endpoint=min(numbers.values()),
        has_deaths=int(has_both or in_states),
        deaths=packed(deaths, {}),
        response=ROWS_OF_STATES[RESPONSE] if in_states else numbers.get(RESPONSE, -1),
        response_rate=floats(rates(RESPONSE) if has_response else [0.0] * (len(arms) * len(cells))),
        response_times=packed(times, {}),
        needs_scores=int(any([loadings[0], loadings[2], loadings[3], *with_response])),
        loadings=floats(loadings),
        is_assessed=int(is_assessed(scenario)),
        schedule=pack_schedule(scenario),
        disease_control=numbers.get(DISEASE_CONTROL, -1),
        has_investigator=int(bool(investigators(scenario))),
        investigator=_pack_investigator(scenario),
        pfs_investigator=numbers.get(PFS_INVESTIGATOR, -1),
        response_investigator=numbers.get(RESPONSE_INVESTIGATOR, -1),
        n_binary=len(binary),
        binary_rate=np.array(
            [rates(name) for name in scenario.binary_endpoints], dtype=np.float64
        ).reshape(len(binary), len(arms) * len(cells)),
        binary_month=floats(b.assessed_months for b in binary),
        binary_correlation=floats(with_response),
    )


def progression_of(scenario: Scenario) -> dict[str, tuple[Hazard, ...]]:
    """Hazards of the latent time to progression, from hazards with the engine's bits."""
    return progression_hazards(scenario, log=log, exp=exp)


def pack_schedule(scenario: Scenario) -> Schedule:
    """When the arms are scanned."""
    arms = []
    for arm in scenario.arms.values():
        chosen = arm.assessments or scenario.assessments
        if chosen is None:
            arms.append(ArmSchedule([(0, 1)]))  # not used
            continue
        arms.append(
            ArmSchedule(
                chosen.steps_in_days,
                chosen.window_days,
                chosen.missed_probability,
                chosen.confirm_response,
                chosen.shift_days,
                chosen.not_evaluable_probability,
                chosen.censor_at == "last_scan",
            )
        )
    return new_schedule(arms)


def _pack_investigator(scenario: Scenario) -> Investigator:
    """How the investigator's reading differs from central review; not used without one."""
    found = investigators(scenario)
    arms = [
        ArmReading(
            table.progression_early_probability,
            table.progression_late_probability,
            table.response_missed_probability,
            table.response_added_probability,
        )
        for table in found.values()
    ]
    return new_investigator(arms or [ArmReading()] * len(scenario.arms))


def endpoint_numbers(scenario: Scenario) -> dict[str, int]:
    """Row of each endpoint in the engine's arrays; row 0 is the first event, if there is one."""
    binary = list(scenario.binary_endpoints)
    endpoints = [name for name in endpoints_of(scenario) if name not in binary]
    others = [*_observed_rows(scenario), *binary]
    if has_states(scenario):
        rows = {name: n for name, n in ROWS_OF_STATES.items() if name in endpoints}
        return rows | {name: len(ROWS_OF_STATES) + i for i, name in enumerate(others)}
    # Without PFS and OS, row 0 is that of an event that never happens.
    first = 0 if set(TIMES) & set(endpoints) else 1
    return {name: first + i for i, name in enumerate([*endpoints, *others])}


def _observed_rows(scenario: Scenario) -> list[str]:
    """Observed endpoints that have rows, in their order."""
    has_control = DISEASE_CONTROL in observed_endpoints(scenario)
    return [*([DISEASE_CONTROL] if has_control else []), *readings_of(scenario)]


def _loadings(scenario: Scenario) -> tuple[float, float, float, float, float]:
    """Rows 2 and 3 of the Cholesky factor of the correlations of first event, OS and response."""
    chosen = scenario.correlations
    endpoints = endpoints_of(scenario)
    a, b, c = chosen.progression_os, chosen.progression_response, chosen.os_response
    if PFS not in endpoints:
        # OS is the first event.
        a, b, c = 0.0, c, 0.0
    second = math.sqrt(1.0 - a * a)
    on_second = (c - a * b) / second
    return a, second, b, on_second, math.sqrt(1.0 - b * b - on_second * on_second)
