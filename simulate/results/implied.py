"""What a joint model of endpoints implies beyond the marginals that it is given by."""

from __future__ import annotations

from typing import NamedTuple

from simulate.design.joint_implied import implied, responders_times
from simulate.scenario.endpoints import OS, PFS, RESPONSE
from simulate.scenario.hazards import Hazard
from simulate.scenario.models import Scenario
from simulate.scenario.progression import LatentProgression, latent_progression
from simulate.scenario.resolve import (
    endpoint_rates,
    endpoints_of,
    event_hazards,
    has_states,
    joint_horizon,
    progression_hazards,
    response_time_hazards,
    strata_cells,
)

QUARTILES = (0.25, 0.5, 0.75)


class ImpliedByModel(NamedTuple):
    """What the joint model implies for one arm in one cell.

    Attributes
    ----------
    arm, cell : str
        Names; the cell's is empty without strata, or where all cells are alike.
    probability_equal, correlation : float or None
        P(PFS = OS), which is death without progression, and the correlation of the two (NaN where
        some never die); None without both endpoints.
    response_quartiles : tuple of float
        Months by which a quarter, half and three quarters of the responders have responded; empty
        without response.
    """

    arm: str
    cell: str
    probability_equal: float | None
    correlation: float | None
    response_quartiles: tuple[float, ...]


def implied_by_model(scenario: Scenario) -> list[ImpliedByModel]:
    """What the joint model of a scenario implies, by arm, and by cell where cells differ."""
    endpoints = endpoints_of(scenario)
    both = {PFS, OS} <= set(endpoints)
    has_response = RESPONSE in endpoints and (PFS in endpoints or OS in endpoints)
    if has_states(scenario) or (not both and not has_response):
        return []
    first = event_hazards(scenario, PFS if PFS in endpoints else OS)
    deaths = event_hazards(scenario, OS) if both else first
    latent = progression_hazards(scenario) if both else first
    times = response_time_hazards(scenario) if has_response else first
    no_rates = {arm: (0.0,) * len(hazards) for arm, hazards in first.items()}
    rates = endpoint_rates(scenario, RESPONSE) if has_response else no_rates
    found: list[ImpliedByModel] = []
    for arm in scenario.arms:
        parts: dict[tuple[Hazard, Hazard, Hazard, Hazard, float], str] = {}
        of_cells = zip(first[arm], deaths[arm], latent[arm], times[arm], rates[arm], strict=True)
        for cell, key in zip(strata_cells(scenario), of_cells, strict=True):
            parts.setdefault(key, cell.name)
        for (pfs, os, progression, time, rate), name in parts.items():
            where = name if len(parts) > 1 else ""
            equal, correlation = _of_both(scenario, pfs, os) if both else (None, None)
            later = os if both else None
            quartiles = _response_quartiles(scenario, time, progression, later, rate)
            found.append(ImpliedByModel(arm, where, equal, correlation, quartiles))
    return found


def _of_both(scenario: Scenario, pfs: Hazard, os: Hazard) -> tuple[float, float]:
    """P(PFS = OS), and the correlation of the two."""
    rho = scenario.correlations.progression_os
    progression = latent_progression(pfs, os, rho, joint_horizon(scenario))
    # The checks of a scenario have found it feasible.
    assert isinstance(progression, LatentProgression)
    of_model = implied(pfs, os, progression)
    return of_model.probability_equal, of_model.correlation


def _response_quartiles(
    scenario: Scenario, time: Hazard, first: Hazard, deaths: Hazard | None, rate: float
) -> tuple[float, ...]:
    """Quartiles of the time to response of the responders; none without responders."""
    if rate == 0.0:
        return ()
    chosen = scenario.correlations
    a, b, c = chosen.progression_os, chosen.progression_response, chosen.os_response
    if PFS not in endpoints_of(scenario):
        # OS is the first event.
        a, b, c = 0.0, c, 0.0
    found = responders_times(QUARTILES, time, rate, first, deaths, (a, b, c))
    return tuple(float(month) for month in found)
