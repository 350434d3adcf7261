"""What a scenario resolves to: the cells of its strata, and a hazard for each arm and cell.

The conversions use only ``+ - * /`` and the ``log`` and ``exp`` given, so that a caller with
reproducible ones gets the same bits on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

from simulate.scenario.assessments import Investigator
from simulate.scenario.composite import Composite
from simulate.scenario.distributions import Exponential, PiecewiseExponential, Relative, Weibull
from simulate.scenario.endpoints import (
    BUILT_IN,
    OBSERVED,
    OS,
    PFS,
    READINGS,
    RESPONSE,
    TIMES,
    Binary,
)
from simulate.scenario.figures import composite_of, with_stated
from simulate.scenario.hazards import Hazard, median_of
from simulate.scenario.kinds import (
    EndpointByStratum,
    EndpointDistribution,
    Mixture,
    StratumDistribution,
)
from simulate.scenario.latent import latent_table
from simulate.scenario.models import Arm, Factor, JointPrevalence, Scenario
from simulate.scenario.progression import LatentProgression, latent_progression
from simulate.scenario.states import STABLE_TO_PROGRESSION, STABLE_TO_RESPONSE
from simulate.scenario.tabulation import RealFunction, marginal_hazard
from simulate.scenario.uncertainty import DEFAULT_MEMBERS, Uncertainty, uncertainty_of

# Without factors on time: the figures are the truth.
CERTAIN: Mapping[str, float] = MappingProxyType({})


class Cell(NamedTuple):
    """One combination of the levels of all factors.

    Attributes
    ----------
    name : str
        ``sdhb=mutated, line=first``; empty when there are no strata.
    levels : dict of str to str
        Level by factor.
    prevalence : float
        Share of the patients.
    """

    name: str
    levels: dict[str, str]
    prevalence: float


def cells_of(
    strata: Mapping[str, Factor], joint_prevalence: Mapping[str, JointPrevalence]
) -> tuple[Cell, ...]:
    """Cells of the factors, the first factor slowest.

    Parameters
    ----------
    strata : mapping of str to Factor
        The factors.
    joint_prevalence : mapping of str to JointPrevalence
        The prevalence of every cell; empty for independent factors.

    Returns
    -------
    tuple of Cell
        One cell a combination of levels; one nameless cell when there are no factors.
    """
    joint = {frozenset(e.stratum.items()): e.prevalence for e in joint_prevalence.values()}
    cells = []
    for combination in product(*(factor.prevalences.items() for factor in strata.values())):
        levels = {name: level for name, (level, _) in zip(strata, combination, strict=True)}
        share = 1.0
        for _, prevalence in combination:
            share *= prevalence
        if joint:
            share = joint[frozenset(levels.items())]
        cells.append(Cell(", ".join(f"{f}={level}" for f, level in levels.items()), levels, share))
    return tuple(cells)


def strata_cells(scenario: Scenario) -> tuple[Cell, ...]:
    """Cells of a scenario's strata, the first factor slowest; see `cells_of`."""
    return cells_of(scenario.strata, scenario.joint_prevalence)


def is_in(levels: Mapping[str, str], stratum: Mapping[str, str]) -> bool:
    """Whether a cell of these levels is in a stratum."""
    return all(levels.get(factor) == level for factor, level in stratum.items())


def matching_cells(scenario: Scenario, stratum: Mapping[str, str]) -> tuple[int, ...]:
    """Positions, in `strata_cells`, of the cells in a stratum (factor = level, one or more)."""
    cells = strata_cells(scenario)
    return tuple(i for i, cell in enumerate(cells) if is_in(cell.levels, stratum))


def definition_in(
    table: EndpointDistribution, levels: Mapping[str, str]
) -> EndpointDistribution | StratumDistribution | None:
    """Find the distribution that holds in a cell: an entry by stratum, else the table's own.

    Parameters
    ----------
    table : EndpointDistribution
        An arm's table for an endpoint.
    levels : mapping of str to str
        The cell: level by factor.

    Returns
    -------
    EndpointDistribution or StratumDistribution or None
        None where neither covers the cell.
    """
    for entry in table.by_stratum.values():
        if is_in(levels, entry.stratum):
            return entry
    return None if isinstance(table, EndpointByStratum) else table


def event_hazards(
    scenario: Scenario,
    endpoint: str = "pfs",
    log: RealFunction = math.log,
    exp: RealFunction = math.exp,
    factors: Mapping[str, float] = CERTAIN,
) -> dict[str, tuple[Hazard, ...]]:
    """Hazards of an endpoint.

    Parameters
    ----------
    scenario : Scenario
        A scenario as loaded.
    endpoint : str
        "pfs" or "os".
    log, exp : callable
        Natural logarithm and exponential of one float.
    factors : mapping of str to float
        Factors on the times of arms whose tables are uncertain; without them, their own figures
        hold, which are the medians.

    Returns
    -------
    dict of str to tuple of Hazard
        By arm, one hazard a cell, in the order of `strata_cells`; arms with states are left out.
    """
    tables = endpoint_tables(scenario, endpoint)
    cells = strata_cells(scenario)
    found = {}
    for arm in tables:
        hazards = (hazard_in(tables, arm, cell.levels, log, exp, factors) for cell in cells)
        found[arm] = tuple(discounted(scenario.arms[arm], hazard) for hazard in hazards)
    return found


def discounted(arm: Arm, hazard: Hazard) -> Hazard:
    """Hazard of an arm's endpoint with the discount that the arm states."""
    return hazard if arm.discount is None else hazard.times(1.0 / arm.discount)


def endpoint_tables(scenario: Scenario, endpoint: str) -> dict[str, EndpointDistribution]:
    """Tables of the arms without states, with latent figures in place of observed ones."""
    found = {}
    for name, arm in scenario.arms.items():
        chosen = arm.assessments or scenario.assessments
        steps = None if chosen is None else chosen.steps_in_days
        if arm.states is None:
            found[name] = latent_table(getattr(arm, endpoint), steps)
    return found


def is_assessed(scenario: Scenario) -> bool:
    """Whether progression and response are seen through scans."""
    return any(arm.assessments or scenario.assessments for arm in scenario.arms.values())


def investigators(scenario: Scenario) -> dict[str, Investigator]:
    """How the investigator reads the scans beside central review, by arm; empty if not at all."""
    found = {}
    for name, arm in scenario.arms.items():
        chosen = arm.assessments or scenario.assessments
        if chosen is not None and chosen.investigator is not None:
            found[name] = chosen.investigator
    return found


def readings_of(scenario: Scenario) -> tuple[str, ...]:
    """Names of the endpoints by the investigator."""
    if not investigators(scenario):
        return ()
    endpoints = endpoints_of(scenario)
    return tuple(name for name, read in READINGS.items() if read in endpoints)


def hazard_in(
    tables: Mapping[str, EndpointDistribution],
    arm: str,
    levels: Mapping[str, str],
    log: RealFunction = math.log,
    exp: RealFunction = math.exp,
    factors: Mapping[str, float] = CERTAIN,
) -> Hazard:
    """Hazard of an arm in a cell, following the arms it is relative to.

    Parameters
    ----------
    tables : mapping of str to EndpointDistribution
        Every arm's table for the endpoint, checked to cover the cell without going in a circle.
    arm : str
        The arm.
    levels : mapping of str to str
        The cell: level by factor.
    log, exp : callable
        Natural logarithm and exponential of one float.
    factors : mapping of str to float
        Factors on the times of some arms, and so on those of the arms that are relative to them.
    """
    return marginal_hazard(composite_in(tables, arm, levels, log, exp, factors), log, exp)


def composite_in(
    tables: Mapping[str, EndpointDistribution],
    arm: str,
    levels: Mapping[str, str],
    log: RealFunction = math.log,
    exp: RealFunction = math.exp,
    factors: Mapping[str, float] = CERTAIN,
) -> Composite:
    """Conditional hazards, frailty and cured fraction of an arm in a cell, as in `hazard_in`.

    A ratio multiplies the conditional hazards of the other arm; its frailty and cured fraction
    stay, unless the relative table states others.
    """
    definition = definition_in(tables[arm], levels)
    if not isinstance(definition, Relative):
        assert isinstance(definition, Exponential | Weibull | PiecewiseExponential | Mixture)
        return composite_of(definition, log, exp).stretched(factors.get(arm, 1.0))
    base = composite_in(tables, definition.relative_to, levels, log, exp, factors)
    if definition.hazard_ratio is not None:
        return with_stated(definition, base.times(definition.hazard_ratio))
    steps = definition.hazard_ratios or ()
    starts = tuple(step.from_month for step in steps)
    return with_stated(definition, base.times_from(starts, tuple(s.hazard_ratio for s in steps)))


def endpoints_of(scenario: Scenario) -> tuple[str, ...]:
    """Names of the endpoints of a scenario: PFS, OS, response, then the binary ones."""
    arms = scenario.arms.values()
    built_in = (name for name in BUILT_IN if all(name in arm.endpoints for arm in arms))
    return (*built_in, *scenario.binary_endpoints)


def has_states(scenario: Scenario) -> bool:
    """Whether patients go through the states of a multi-state model."""
    return any(arm.states is not None for arm in scenario.arms.values())


def n_members(scenario: Scenario) -> int:
    """Number of truths that the trials take in turn.

    As many as the members of the ensembles; without one, but with uncertain tables, as many as
    ``simulation.members``; else 1.
    """
    arms = scenario.arms.values()
    of_ensembles = max(1 if arm.states is None else arm.states.n_members for arm in arms)
    if of_ensembles == 1 and uncertain_tables(scenario):
        return scenario.simulation.members or DEFAULT_MEMBERS
    return of_ensembles


def uncertain_tables(scenario: Scenario) -> dict[tuple[str, str], Uncertainty]:
    """How uncertain the tables of arms are, by arm and endpoint, where they say so."""
    return {
        (name, endpoint): found
        for name, arm in scenario.arms.items()
        for endpoint in TIMES
        if (found := uncertainty_of(arm, endpoint)) is not None
    }


def is_uncertain(scenario: Scenario, endpoint: str) -> bool:
    """Whether some arm is uncertain of an endpoint."""
    return any(of == endpoint for _, of in uncertain_tables(scenario))


def chain_in(
    tables: Mapping[str, EndpointDistribution], arm: str, levels: Mapping[str, str]
) -> list[str]:
    """Arm, the arm that it is relative to in a cell, and so on to the one that stands alone."""
    chain = [arm]
    while isinstance(definition := definition_in(tables[chain[-1]], levels), Relative):
        chain.append(definition.relative_to)
    return chain


def transition_hazards(
    scenario: Scenario,
    transition: str,
    log: RealFunction = math.log,
    exp: RealFunction = math.exp,
) -> dict[str, tuple[Hazard | None, ...]]:
    """Hazards of a transition of the multi-state model, discounted, where no ensemble has it.

    Parameters
    ----------
    scenario : Scenario
        A scenario with arms that have states.
    transition : str
        One of `simulate.scenario.states.TRANSITIONS`.
    log, exp : callable
        Natural logarithm and exponential of one float.

    Returns
    -------
    dict of str to tuple of Hazard or None
        By arm, one a cell, in the order of `strata_cells`; None where it never happens. An arm
        with nothing but PFS progresses with that hazard, and does not respond or die.
    """
    cells = strata_cells(scenario)
    plain = {name: arm for name, arm in scenario.arms.items() if arm.states is None}
    tables = {
        name: table
        for name, arm in scenario.arms.items()
        if arm.states is not None and (table := getattr(arm.states, transition)) is not None
    }
    never: tuple[Hazard | None, ...] = (None,) * len(cells)
    found = dict.fromkeys(scenario.arms, never)
    for name in tables:
        states = scenario.arms[name].states
        assert states is not None
        discount = 1.0 if transition == STABLE_TO_RESPONSE else states.discount
        found[name] = tuple(
            hazard_in(tables, name, cell.levels, log, exp).times(1.0 / discount) for cell in cells
        )
    if transition == STABLE_TO_PROGRESSION and plain:
        own = event_hazards(scenario, PFS, log, exp)
        found.update({name: own[name] for name in plain})
    return found


def observed_endpoints(scenario: Scenario) -> tuple[str, ...]:
    """Names of the observed endpoints that hypotheses and estimates of a scenario are about."""
    named = {hypothesis.endpoint for hypothesis in scenario.hypotheses.values()}
    named |= {estimate.endpoint for estimate in scenario.estimates.values()}
    return tuple(name for name in OBSERVED if name in named)


def times_of(scenario: Scenario) -> tuple[str, ...]:
    """Names of the endpoints that are times."""
    return tuple(name for name in endpoints_of(scenario) if name in TIMES)


def endpoint_rates(scenario: Scenario, endpoint: str) -> dict[str, tuple[float, ...]]:
    """Rates of a binary endpoint by arm, one a cell, in the order of `strata_cells`."""
    tables: dict[str, Binary] = {}
    for name, arm in scenario.arms.items():
        table = arm.response if endpoint == RESPONSE else arm.binary[endpoint]
        assert table is not None
        tables[name] = table
    cells = strata_cells(scenario)
    return {
        name: tuple(_rate_in(table, cell.levels) for cell in cells)
        for name, table in tables.items()
    }


def _rate_in(table: Binary, levels: Mapping[str, str]) -> float:
    """Rate in a cell: that of an entry by stratum, else the table's own."""
    entries = table.by_stratum.values()
    return next((entry.rate for entry in entries if is_in(levels, entry.stratum)), table.rate)


def progression_hazards(
    scenario: Scenario, log: RealFunction = math.log, exp: RealFunction = math.exp
) -> dict[str, tuple[Hazard, ...]]:
    """Hazards of the latent time to progression by arm, one a cell.

    Of a scenario with both PFS and OS; see `simulate.scenario.progression`. Each is tabulated, with
    hundreds of pieces.
    """
    pfs = event_hazards(scenario, PFS, log, exp)
    os = event_hazards(scenario, OS, log, exp)
    rho = scenario.correlations.progression_os
    solved: dict[tuple[Hazard, Hazard], Hazard] = {}
    for pair in dict.fromkeys(
        pair for arm in scenario.arms for pair in zip(pfs[arm], os[arm], strict=True)
    ):
        found = latent_progression(*pair, rho, joint_horizon(scenario))
        # The checks of a scenario have found it feasible.
        assert isinstance(found, LatentProgression)
        solved[pair] = found.hazard()
    return {
        arm: tuple(solved[pair] for pair in zip(pfs[arm], os[arm], strict=True))
        for arm in scenario.arms
    }


def response_time_hazards(
    scenario: Scenario, log: RealFunction = math.log, exp: RealFunction = math.exp
) -> dict[str, tuple[Hazard, ...]]:
    """Hazards of the time to response by arm, one a cell, not yet conditioned on coming first."""
    n_cells = len(strata_cells(scenario))
    found = {}
    for name, arm in scenario.arms.items():
        assert arm.response is not None
        found[name] = (hazard_of(arm.response.time_to_response, log, exp),) * n_cells
    return found


def joint_horizon(scenario: Scenario) -> float:
    """Months up to which PFS and OS have their marginals: nobody is followed longer."""
    limit = math.inf if scenario.follow_up is None else scenario.follow_up.maximum_months
    return min(scenario.correlations.horizon_months, limit)


def dropout_hazards(
    scenario: Scenario, log: RealFunction = math.log, exp: RealFunction = math.exp
) -> dict[str, Hazard | None]:
    """Hazard of dropout by arm; None where nobody drops out.

    Parameters
    ----------
    scenario : Scenario
        A scenario as loaded.
    log, exp : callable
        Natural logarithm and exponential of one float.
    """
    return {
        name: None if arm.dropout is None else hazard_of(arm.dropout, log, exp)
        for name, arm in scenario.arms.items()
    }


def hazard_of(
    distribution: Exponential | Weibull | PiecewiseExponential | Mixture,
    log: RealFunction = math.log,
    exp: RealFunction = math.exp,
) -> Hazard:
    """Hazard of a distribution given by figures of its own.

    Parameters
    ----------
    distribution : Exponential or Weibull or PiecewiseExponential or Mixture
        The figures.
    log, exp : callable
        Natural logarithm and exponential of one float.
    """
    return marginal_hazard(composite_of(distribution, log, exp), log, exp)


def own_median(table: EndpointDistribution, log: RealFunction, exp: RealFunction) -> float:
    """Median of a table's own figures, not of those by stratum, in months."""
    assert isinstance(table, Exponential | Weibull | PiecewiseExponential)
    return median_of(hazard_of(table, log, exp), log, exp)
