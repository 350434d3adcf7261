"""The truths of uncertain arms: stratified quantiles, in an order of each arm's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.course import normal_scores
from simulate.engine.philox import draw_uniform
from simulate.runner.pack.values import exp, floats, log, quantile
from simulate.scenario.distributions import Relative
from simulate.scenario.endpoints import TIMES
from simulate.scenario.hazards import Hazard
from simulate.scenario.kinds import EndpointDistribution
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import (
    Cell,
    chain_in,
    definition_in,
    discounted,
    endpoint_tables,
    hazard_in,
    n_members,
    own_median,
    strata_cells,
    uncertain_tables,
)

# No trial has this number, so that no draw of a patient has such an address.
NO_TRIAL = np.uint64(2**64 - 1)
ARM_SHIFT = 8
Tables = Mapping[str, EndpointDistribution]


def member_strata(scenario: Scenario) -> dict[tuple[str, str], IntArray]:
    """Which of as many equally likely strata of its distribution each member of an arm is from.

    A member's place is the rank of a 52-bit uniform among those of all members. It is addressed by
    the seed, the member, and the numbers of the arm and the endpoint: distributions are independent
    of each other and of ensembles, and scenarios with one seed have one order.

    Returns
    -------
    dict of (str, str) to IntArray, each (n_members,)
        By arm and endpoint of each uncertain table: every stratum once.
    """
    n = n_members(scenario)
    arms = list(scenario.arms)
    seed = np.uint64(scenario.simulation.seed)
    found = {}
    for arm, endpoint in uncertain_tables(scenario):
        address = np.uint64((arms.index(arm) << ARM_SHIFT) | TIMES.index(endpoint))
        uniforms = np.empty(n)
        draw_uniform(seed, NO_TRIAL, 1, address, n, uniforms)
        strata = np.empty(n, dtype=np.int64)
        strata[np.argsort(uniforms, kind="stable")] = np.arange(n)
        found[arm, endpoint] = strata
    return found


def time_factors(scenario: Scenario, endpoint: str) -> dict[str, FloatArray]:
    """Factor on the times of each uncertain arm in each member, (n_members,).

    A member's normal score is the quantile of the middle of its stratum.
    """
    n = n_members(scenario)
    scores = np.empty(n)
    normal_scores((np.arange(n) + 0.5) / n, n, scores)
    tables = endpoint_tables(scenario, endpoint)
    strata = member_strata(scenario)
    found = {}
    for (arm, of), uncertainty in uncertain_tables(scenario).items():
        if of != endpoint:
            continue
        median = own_median(tables[arm], log, exp)
        longer = uncertainty.sd_on("longer", median, log, quantile)
        shorter = uncertainty.sd_on("shorter", median, log, quantile)
        by_stratum = floats(exp((longer if z > 0.0 else shorter) * z) for z in scores.tolist())
        found[arm] = by_stratum[strata[arm, endpoint]]
    return found


def hazards_by_member(scenario: Scenario, endpoint: str) -> dict[int, Sequence[Hazard]]:
    """Hazards of an endpoint in each member, by the number of the cell, where they differ."""
    factors = time_factors(scenario, endpoint)
    if not factors:
        return {}
    tables = endpoint_tables(scenario, endpoint)
    cells = strata_cells(scenario)
    found: dict[int, Sequence[Hazard]] = {}
    for number, arm in enumerate(scenario.arms):
        for c, cell in enumerate(cells if arm in tables else ()):
            chain = chain_in(tables, arm, cell.levels)
            if chain[-1] in factors:
                truths = factors[chain[-1]].tolist()
                found[number * len(cells) + c] = _under(scenario, tables, chain, cell, truths)
    return found


def _under(
    scenario: Scenario, tables: Tables, chain: Sequence[str], cell: Cell, factors: Sequence[float]
) -> list[Hazard]:
    """Hazards of the first arm of a chain under factors on the times of its last one."""

    def hazard(factor: float) -> Hazard:
        own = hazard_in(tables, chain[0], cell.levels, log, exp, {chain[-1]: factor})
        return discounted(scenario.arms[chain[0]], own)

    effects = (definition_in(tables[arm], cell.levels) for arm in chain[:-1])
    if all(isinstance(e, Relative) and e.hazard_ratios is None for e in effects):
        # Constant ratios commute with a factor on time.
        certain = hazard(1.0)
        return [certain.stretched(factor) for factor in factors]
    return [hazard(factor) for factor in factors]
