"""From a scenario to the engine's plan.

Figures become hazards with the engine's own logarithm and exponential, so that the arrays have the
same bits on every processor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.engine import codes
from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.plan import Hypotheses, Plan, Schedule
from simulate.runner.pack.accrual import accrual_steps, evenly_spaced_entries
from simulate.runner.pack.course import Progression, pack_course
from simulate.runner.pack.hazards import pack_hazards
from simulate.runner.pack.hypotheses import pack_hypotheses
from simulate.runner.pack.looks import Nodes
from simulate.runner.pack.states import pack_states
from simulate.runner.pack.values import exp, floats, integers, inverse, log
from simulate.scenario.comparisons import Comparison, arms_of, planned, planned_comparisons
from simulate.scenario.endpoints import (
    DURATION_OF_RESPONSE,
    OF_PATIENTS,
    OF_RESPONDERS,
    PFS,
    PFS_INVESTIGATOR,
)
from simulate.scenario.hypotheses import Hypothesis
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import dropout_hazards, has_states, n_members, strata_cells
from simulate.scenario.survival_tests import MaxComboTest, OfCurves, WeightedLogrankTest


def pack(scenario: Scenario, progression: Progression | None = None) -> Plan:
    """Arrays of a scenario for the engine.

    Parameters
    ----------
    scenario : Scenario
        A validated scenario.
    progression : mapping of str to sequence of Hazard, optional
        Hazards of the latent time to progression by arm, one a cell, of a scenario with both PFS
        and OS; tabulated anew if not given.

    Returns
    -------
    Plan
        Arms, cells, analyses and hypotheses are numbered in the order of the scenario.
    """
    arms = list(scenario.arms)
    cells = strata_cells(scenario)
    comparisons = planned_comparisons(scenario)
    dropouts = dropout_hazards(scenario, log=log, exp=exp)
    starts, cumulative, rates = accrual_steps(scenario.accrual)
    nodes = Nodes(scenario, arms, len(cells))
    course = pack_course(scenario, progression)
    needs = [_needs(scenario, row, course.schedule) for row in comparisons]
    scans = _first_of(row.scans for row in needs)
    curves = _first_of(row.draws_curves for row in needs)
    orders = _row_orders(needs, scans, curves)
    sorts = [int(_patients(order) != _patients(before)) for order, before in orders]
    hypotheses = pack_hypotheses(scenario)
    poisson = scenario.accrual.arrivals == "poisson"
    follow_up = scenario.follow_up
    return Plan(
        n_patients=scenario.accrual.patients,
        n_arms=len(arms),
        n_strata=len(cells),
        stratum_bits=(len(cells) - 1).bit_length(),
        arrivals=codes.POISSON if poisson else codes.EVENLY_SPACED,
        fixed_entry=floats([] if poisson else evenly_spaced_entries(scenario.accrual)),
        accrual_start=floats(starts),
        accrual_cumulative=floats(cumulative),
        accrual_inverse_rate=floats(inverse(rate) for rate in rates),
        stratum_upper=_upper_limits([cell.prevalence for cell in cells]),
        arrangements=_arrangements(scenario),
        within_strata=int(scenario.randomisation.within_strata),
        n_members=n_members(scenario),
        course=course,
        has_states=int(has_states(scenario)),
        states=pack_states(scenario),
        dropouts=pack_hazards([dropouts[arm] for arm in arms for _ in cells]),
        maximum_follow_up=math.inf if follow_up is None else follow_up.maximum_months,
        first_node=integers(nodes.first),
        node_kind=integers(nodes.kind),
        node_endpoint=integers(nodes.endpoint),
        node_count=integers(nodes.count),
        node_rule=integers(nodes.rule),
        node_mask=integers(nodes.mask),
        node_months=floats(nodes.months),
        masks=np.array(nodes.masks, dtype=np.int64).reshape(-1, len(arms) * len(cells)),
        row_look=integers(c.analysis_number for c in comparisons),
        row_hypothesis=integers(c.hypothesis_number for c in comparisons),
        row_counts=_first_of(row.counts for row in needs),
        # Only where patients are sorted: elsewhere nothing is followed.
        row_follows=_first_of(
            row.follows if s else None for row, s in zip(needs, sorts, strict=True)
        ),
        row_sorts=integers(sorts),
        row_arranges=integers(int(order != before) for order, before in orders),
        row_scans=scans,
        row_weighs=_first_of(row.weighs for row in needs),
        row_draws_curves=curves,
        hypotheses=hypotheses,
        needs_months=int(bool((hypotheses.weight_kind == codes.WEIGHTS_MODEST_BY_MONTH).any())),
        curves_until=_curves_until(hypotheses),
    )


def _curves_until(hypotheses: Hypotheses) -> float:
    """Last month at which any test or estimate needs a Kaplan-Meier curve.

    Infinite for a median, and for what is read off the end of a curve.

    Months of other tests may make it later than that.
    """
    if np.isin(hypotheses.kind, codes.ESTIMATES_OF_WHOLE_CURVES).any():
        return math.inf
    return float(max(hypotheses.months, default=0.0))


class Order(NamedTuple):
    """Whose follow-up for what is put in order, and whether stratum by stratum."""

    analysis: str
    endpoint: str
    arms: tuple[str, ...]
    stratified: bool


class _Needs(NamedTuple):
    """What a row needs, each a key that is equal where rows can share it; None: not needed."""

    counts: object
    follows: object
    scans: Order | None
    weighs: Order | None
    draws_curves: Order | None


def _needs(scenario: Scenario, row: Comparison, schedule: Schedule) -> _Needs:
    """What a row is made from."""
    chosen = planned(scenario)[row.hypothesis]
    test = chosen.test if isinstance(chosen, Hypothesis) else None
    months = chosen if test is None else test
    arms, endpoint = arms_of(chosen), chosen.endpoint
    counts = (row.analysis, endpoint, arms, getattr(months, "minimum_follow_up_months", None))
    of_times = endpoint in (*OF_PATIENTS, *OF_RESPONDERS)
    of_curves = of_times and (test is None or isinstance(test, OfCurves))
    order = Order(row.analysis, endpoint, arms, test is not None and test.stratified)
    read = PFS if endpoint == DURATION_OF_RESPONSE else endpoint
    ends_at_scans = endpoint in {PFS, PFS_INVESTIGATOR} and schedule.ends_at_scans == 1
    is_followed = ends_at_scans or endpoint == DURATION_OF_RESPONSE
    is_weighted = isinstance(test, WeightedLogrankTest | MaxComboTest)
    return _Needs(
        counts=counts,
        follows=(row.analysis, read) if is_followed else None,
        scans=order if of_times and not of_curves else None,
        weighs=order if is_weighted else None,
        draws_curves=order if of_curves else None,
    )


def _first_of(keys: Iterable[object]) -> IntArray:
    """1 where a key is other than the last one before it that was not None."""
    found = []
    last: object = None
    for key in keys:
        found.append(int(key is not None and key != last))
        last = last if key is None else key
    return integers(found)


def _row_orders(
    needs: Sequence[_Needs], scans: IntArray, curves: IntArray
) -> list[tuple[Order | None, Order | None]]:
    """Order that each row leaves its patients in, and the one in which it found them."""
    found = []
    before: Order | None = None
    for row, scan, curve in zip(needs, scans, curves, strict=True):
        order = row.scans if scan else row.draws_curves if curve else before
        found.append((order, before))
        before = order
    return found


def _patients(order: Order | None) -> Order | None:
    """An order but for the strata: these are picked out of one order of all."""
    return order and order._replace(stratified=False)


def _upper_limits(prevalences: Sequence[float]) -> FloatArray:
    """Cumulative prevalences; the last is 1, whatever rounding made of the sum."""
    total = 0.0
    upper = []
    for prevalence in prevalences:
        total += prevalence
        upper.append(total)
    upper[-1] = 1.0
    return floats(upper)


def _arrangements(scenario: Scenario) -> NDArray[np.int8]:
    """Every order of the arms in a permuted block, in dictionary order of the arms' numbers."""
    ratio = scenario.randomisation.ratio
    size = scenario.randomisation.block_size
    copies = size // sum(ratio.values())
    remaining = [ratio[arm] * copies for arm in scenario.arms]
    return np.array(list(_orders(remaining, size)), dtype=np.int8)


def _orders(remaining: list[int], size: int) -> Iterator[tuple[int, ...]]:
    """Distinct orders of a multiset, given how many of each arm remain."""
    if size == 0:
        yield ()
        return
    for arm, count in enumerate(remaining):
        if count > 0:
            rest = [*remaining[:arm], count - 1, *remaining[arm + 1 :]]
            for tail in _orders(rest, size - 1):
                yield (arm, *tail)
