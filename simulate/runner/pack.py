"""From a scenario to the engine's arrays: the one module that imports both.

Figures become hazards with the engine's own logarithm and exponential, so that the arrays have the
same bits on every processor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from simulate.engine import arrays as engine
from simulate.engine import elementary
from simulate.engine.arrays import FloatArray, Hazards, IntArray, Plan
from simulate.engine.compile import in_python
from simulate.scenario.comparisons import Comparison, planned_comparisons
from simulate.scenario.hazards import Hazard
from simulate.scenario.looks import (
    CalendarTrigger,
    DelayTrigger,
    EarliestTrigger,
    EventTrigger,
    FollowUpTrigger,
    LatestTrigger,
    Trigger,
)
from simulate.scenario.models import Accrual, Scenario
from simulate.scenario.resolve import (
    dropout_hazards,
    event_hazards,
    matching_cells,
    strata_cells,
)
from simulate.scenario.survival_tests import LogrankTest, Test

ESTIMATES = {
    "none": engine.ESTIMATE_NONE,
    "cox_breslow": engine.ESTIMATE_BRESLOW,
    "cox_efron": engine.ESTIMATE_EFRON,
}
FALL_BACKS = {
    "last_event": engine.FALL_BACK_LAST_EVENT,
    "all_data": engine.FALL_BACK_ALL_DATA,
    "skip": engine.FALL_BACK_SKIP,
}


def _log(x: float) -> float:
    """Natural logarithm with the engine's bits."""
    return float(in_python(elementary.log)(np.float64(x)))


def _exp(x: float) -> float:
    """Exponential with the engine's bits."""
    return float(in_python(elementary.exp)(np.float64(x)))


def pack(scenario: Scenario) -> Plan:
    """Arrays of a scenario for the engine.

    Parameters
    ----------
    scenario : Scenario
        A validated scenario.

    Returns
    -------
    Plan
        Arms, cells, analyses and hypotheses are numbered in the order of the scenario.
    """
    arms = list(scenario.arms)
    cells = strata_cells(scenario)
    comparisons = planned_comparisons(scenario)
    events = event_hazards(scenario, log=_log, exp=_exp)
    dropouts = dropout_hazards(scenario, log=_log, exp=_exp)
    starts, cumulative, rates = _accrual_steps(scenario.accrual)
    nodes = _Nodes(scenario, arms, len(cells))
    hypotheses = list(scenario.hypotheses.values())
    weights = [_weights(hypothesis.test) for hypothesis in hypotheses]
    poisson = scenario.accrual.arrivals == "poisson"
    follow_up = scenario.follow_up
    return Plan(
        n_patients=scenario.accrual.patients,
        n_arms=len(arms),
        n_strata=len(cells),
        arrivals=engine.POISSON if poisson else engine.EVENLY_SPACED,
        fixed_entry=_floats([] if poisson else evenly_spaced_entries(scenario.accrual)),
        accrual_start=_floats(starts),
        accrual_cumulative=_floats(cumulative),
        accrual_inverse_rate=_floats(_inverse(rate) for rate in rates),
        stratum_upper=_upper_limits([cell.prevalence for cell in cells]),
        arrangements=_arrangements(scenario),
        within_strata=int(scenario.randomisation.within_strata),
        events=pack_hazards([events[arm][c] for arm in arms for c in range(len(cells))]),
        dropouts=pack_hazards([dropouts[arm] for arm in arms for _ in cells]),
        maximum_follow_up=math.inf if follow_up is None else follow_up.maximum_months,
        first_node=_integers(nodes.first),
        node_kind=_integers(nodes.kind),
        node_count=_integers(nodes.count),
        node_rule=_integers(nodes.rule),
        node_mask=_integers(nodes.mask),
        node_months=_floats(nodes.months),
        masks=np.array(nodes.masks, dtype=np.int64).reshape(-1, len(arms) * len(cells)),
        row_look=_integers(c.analysis_number for c in comparisons),
        row_hypothesis=_integers(c.hypothesis_number for c in comparisons),
        row_has_own_data=_integers(_has_own_data(scenario, comparisons)),
        experimental_arm=_integers(arms.index(h.arms.experimental) for h in hypotheses),
        control_arm=_integers(arms.index(h.arms.control) for h in hypotheses),
        stratified=_integers(int(h.test.stratified) for h in hypotheses),
        estimate=_integers(ESTIMATES[h.test.estimate] for h in hypotheses),
        null_hazard_ratio=_floats(h.test.null_hazard_ratio for h in hypotheses),
        weight_kind=_integers(kind for kind, _, _ in weights),
        first_parameter=_floats(first for _, first, _ in weights),
        second_parameter=_floats(second for _, _, second in weights),
        needs_months=int(any(kind == engine.WEIGHTS_MODEST_BY_MONTH for kind, _, _ in weights)),
    )


def _weights(test: Test) -> tuple[int, float, float]:
    """Kind of weights of a test, and their two parameters."""
    if isinstance(test, LogrankTest):
        return engine.WEIGHTS_NONE, 0.0, 0.0
    if test.fleming_harrington is not None:
        return engine.WEIGHTS_FLEMING_HARRINGTON, *test.fleming_harrington.exponents
    modest = test.modestly_weighted
    if modest is not None and modest.delay_months is not None:
        return engine.WEIGHTS_MODEST_BY_MONTH, modest.delay_months, 0.0
    assert modest is not None
    assert modest.survival_floor is not None
    return engine.WEIGHTS_MODEST_BY_SURVIVAL, modest.survival_floor, 0.0


def _has_own_data(scenario: Scenario, comparisons: Sequence[Comparison]) -> Iterator[int]:
    """0 where a row's patients are in the order in which the row before has put them."""
    before: object = None
    for row in comparisons:
        hypothesis = scenario.hypotheses[row.hypothesis]
        arms = hypothesis.arms
        data = (row.analysis, arms.experimental, arms.control, hypothesis.test.stratified)
        yield int(data != before)
        before = data


def pack_hazards(hazards: Sequence[Hazard | None]) -> Hazards:
    """Arrays of one hazard a cell; None where nobody ever has the event."""
    first = [0]
    clock: list[float] = []
    cumulative: list[float] = []
    inverse_slope: list[float] = []
    for hazard in hazards:
        pieces = list(_pieces(hazard)) if hazard else [(0.0, 0.0, 0.0)]
        clock += [y for y, _, _ in pieces]
        cumulative += [at_start for _, at_start, _ in pieces]
        inverse_slope += [_inverse(slope) for _, _, slope in pieces]
        first.append(len(clock))
    linear = [hazard is None or hazard.shape == 1.0 for hazard in hazards]
    return Hazards(
        first_piece=_integers(first),
        clock=_floats(clock),
        cumulative=_floats(cumulative),
        inverse_slope=_floats(inverse_slope),
        scale=_floats(h.scale_months if h else 1.0 for h in hazards),
        inverse_shape=_floats(1.0 / h.shape if h else 1.0 for h in hazards),
        single_rates=int(len(clock) == len(hazards)),
        all_linear=int(all(linear)),
        never=int(all(hazard is None for hazard in hazards)),
    )


def _pieces(hazard: Hazard) -> Iterator[tuple[float, float, float]]:
    """Clock and cumulative hazard at the start of each piece, and its slope on the clock.

    With shape 1 the clock is months, whatever the scale: the engine then leaves it as it is.
    """
    linear = hazard.shape == 1.0
    slopes = [slope / hazard.scale_months if linear else slope for slope in hazard.slopes]
    clock = [start if linear else _clock(hazard, start) for start in hazard.starts_months]
    at_start = 0.0
    for j, slope in enumerate(slopes):
        yield clock[j], at_start, slope
        if j + 1 < len(slopes):
            at_start += slope * (clock[j + 1] - clock[j])


def _clock(hazard: Hazard, months: float) -> float:
    """Weibull clock ``(months / scale) ** shape`` with the engine's bits."""
    return _exp(hazard.shape * _log(months / hazard.scale_months)) if months > 0.0 else 0.0


def evenly_spaced_entries(accrual: Accrual) -> list[float]:
    """Calendar months of entry: patient k, from 1, when the cumulative accrual reaches k."""
    starts, cumulative, rates = _accrual_steps(accrual)
    entries = []
    step = 0
    for patient in range(1, accrual.patients + 1):
        while step + 1 < len(starts) and patient > cumulative[step + 1]:
            step += 1
        entries.append(starts[step] + (patient - cumulative[step]) / rates[step])
    return entries


def _accrual_steps(accrual: Accrual) -> tuple[list[float], list[float], list[float]]:
    """Start (calendar months), cumulative accrual at the start, and rate of each step."""
    starts = [start for start, _ in accrual.steps]
    rates = [rate for _, rate in accrual.steps]
    cumulative = [0.0]
    for j in range(len(starts) - 1):
        cumulative.append(cumulative[j] + rates[j] * (starts[j + 1] - starts[j]))
    return starts, cumulative, rates


def _upper_limits(prevalences: Sequence[float]) -> FloatArray:
    """Cumulative prevalences; the last is 1, whatever rounding made of the sum."""
    total = 0.0
    upper = []
    for prevalence in prevalences:
        total += prevalence
        upper.append(total)
    upper[-1] = 1.0
    return _floats(upper)


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


class _Nodes:
    """The looks' triggers as a program in postfix order."""

    def __init__(self, scenario: Scenario, arms: list[str], n_cells: int) -> None:
        self.scenario = scenario
        self.arms = arms
        self.n_cells = n_cells
        self.first = [0]
        self.kind: list[int] = []
        self.count: list[int] = []
        self.rule: list[int] = []
        self.mask: list[int] = []
        self.months: list[float] = []
        self.masks: list[list[int]] = []
        for analysis in scenario.analyses.values():
            self._add_trigger(analysis.trigger)
            self.first.append(len(self.kind))

    def _add(
        self, kind: int, count: int = 0, rule: int = 0, mask: int = -1, months: float = 0.0
    ) -> None:
        """Append one node."""
        self.kind.append(kind)
        self.count.append(count)
        self.rule.append(rule)
        self.mask.append(mask)
        self.months.append(months)

    def _add_trigger(self, trigger: Trigger) -> None:
        """Append a trigger's nodes, members first."""
        match trigger:
            case EventTrigger():
                rule = FALL_BACKS[trigger.if_not_reached]
                self._add(engine.NODE_EVENTS, trigger.events, rule, self._mask(trigger))
            case CalendarTrigger():
                self._add(engine.NODE_CALENDAR, months=trigger.calendar_months)
            case FollowUpTrigger():
                patient = trigger.after_patients or self.scenario.accrual.patients
                months = trigger.minimum_follow_up_months
                self._add(engine.NODE_MINIMUM_FOLLOW_UP, patient, months=months)
            case DelayTrigger():
                self._add(engine.NODE_AFTER_PREVIOUS, months=trigger.months_after_previous)
            case LatestTrigger():
                self._add_members(engine.NODE_LATEST, trigger.latest_of)
            case EarliestTrigger():
                self._add_members(engine.NODE_EARLIEST, trigger.earliest_of)

    def _add_members(self, kind: int, members: Sequence[Trigger]) -> None:
        """Append the members and then the node that combines them."""
        for member in members:
            self._add_trigger(member)
        self._add(kind, len(members))

    def _mask(self, trigger: EventTrigger) -> int:
        """Row of the mask of cells whose events count; -1 if all do."""
        if trigger.stratum is None and trigger.arms is None:
            return -1
        cells = range(self.n_cells)
        if trigger.stratum is not None:
            counted = set(matching_cells(self.scenario, trigger.stratum))
        else:
            counted = set(cells)
        arms = trigger.arms or self.arms
        mask = [int(arm in arms and cell in counted) for arm in self.arms for cell in cells]
        if mask not in self.masks:
            self.masks.append(mask)
        return self.masks.index(mask)


def _inverse(rate: float) -> float:
    """One over a rate; infinite for 0."""
    return 1.0 / rate if rate > 0.0 else math.inf


def _floats(values: Iterable[float]) -> FloatArray:
    return np.array(list(values), dtype=np.float64)


def _integers(values: Iterable[int]) -> IntArray:
    return np.array(list(values), dtype=np.int64)
