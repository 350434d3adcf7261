"""What is tested or estimated at which analysis: the rows that each trial yields."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from simulate.scenario.endpoints import TIMES
from simulate.scenario.hazards import constant_hazard_ratio
from simulate.scenario.hypotheses import ArmEstimate, Hypothesis
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import (
    chain_in,
    endpoint_tables,
    event_hazards,
    has_states,
    is_uncertain,
    strata_cells,
    uncertain_tables,
)


class Comparison(NamedTuple):
    """One planned test or estimate.

    Attributes
    ----------
    analysis, hypothesis : str
        Names in the scenario; ``hypothesis`` may be that of an estimate.
    analysis_number, hypothesis_number : int
        Their places in the scenario, from 0; the estimates follow the hypotheses.
    critical_value : float
        The z at or above which the hypothesis is rejected here; NaN for an estimate.
    """

    analysis: str
    hypothesis: str
    analysis_number: int
    hypothesis_number: int
    critical_value: float


def planned_comparisons(scenario: Scenario) -> tuple[Comparison, ...]:
    """All planned tests and estimates of a scenario, by analysis and then by hypothesis."""
    limits = {name: critical_values(scenario, name) for name in scenario.hypotheses}
    chosen = planned(scenario)
    return tuple(
        Comparison(analysis, name, k, h, limits.get(name, {}).get(analysis, math.nan))
        for k, analysis in enumerate(scenario.analyses)
        for h, name in enumerate(chosen)
        if analysis in chosen[name].analyses
    )


def planned(scenario: Scenario) -> dict[str, Hypothesis | ArmEstimate]:
    """Hypotheses and estimates of a scenario by name, the hypotheses first."""
    return {**scenario.hypotheses, **scenario.estimates}


def arms_of(chosen: Hypothesis | ArmEstimate) -> tuple[str, ...]:
    """Arms that a hypothesis or an estimate is about, the experimental one first."""
    return chosen.arms.names if isinstance(chosen, Hypothesis) else (chosen.arm,)


def rows_of(comparisons: tuple[Comparison, ...], hypothesis: str) -> list[int]:
    """Rows of a hypothesis's looks among the planned tests, in order."""
    return [row for row, c in enumerate(comparisons) if c.hypothesis == hypothesis]


def critical_values(scenario: Scenario, hypothesis: str) -> dict[str, float]:
    """Critical z of a hypothesis at each of its analyses, by the name of the analysis."""
    chosen = scenario.hypotheses[hypothesis]
    if chosen.alpha is not None:
        return dict.fromkeys(chosen.analyses, -NormalDist().inv_cdf(chosen.alpha))
    return dict(zip(chosen.analyses, chosen.critical_values or (), strict=True))


def constant_log_hazard_ratio(scenario: Scenario, hypothesis: str) -> float | None:
    """Log hazard ratio that a hypothesis's test and estimate are about, if there is one.

    There is one if two arms are compared in a time to an event of which they are not uncertain, the
    hazard ratio is the same at all times and in all strata, and besides it is 1, or the test is
    stratified, or all strata have one control hazard: otherwise the hazard ratio over all patients
    changes with time.
    """
    if is_uncertain(scenario, scenario.hypotheses[hypothesis].endpoint):
        return None
    return log_hazard_ratio_in_all_truths(scenario, hypothesis)


def log_hazard_ratio_in_all_truths(scenario: Scenario, hypothesis: str) -> float | None:
    """The same where arms are uncertain, if every truth has the same log hazard ratio.

    So it is if both arms are relative to one that is uncertain.
    """
    chosen = scenario.hypotheses[hypothesis]
    if chosen.arms.control is None or chosen.endpoint not in TIMES or has_states(scenario):
        return None
    if not _share_truths(scenario, chosen):
        return None
    hazards = event_hazards(scenario, chosen.endpoint)
    experimental = hazards[chosen.arms.experimental]
    control = hazards[chosen.arms.control]
    ratios = [constant_hazard_ratio(e, c) for e, c in zip(experimental, control, strict=True)]
    known = [ratio for ratio in ratios if ratio is not None]
    if len(known) < len(ratios) or max(known) - min(known) > 1e-9 * max(known):
        return None
    log_hr = math.log(known[0])
    if not chosen.test.stratified and len(set(control)) > 1 and abs(log_hr) > 1e-12:
        return None
    return log_hr


def _share_truths(scenario: Scenario, chosen: Hypothesis) -> bool:
    """Whether what is uncertain of one arm is so of both, in every cell."""
    uncertain = {arm for arm, endpoint in uncertain_tables(scenario) if endpoint == chosen.endpoint}
    if not uncertain:
        return True
    tables = endpoint_tables(scenario, chosen.endpoint)
    bases = (
        {chain_in(tables, arm, cell.levels)[-1] for arm in chosen.arms.names}
        for cell in strata_cells(scenario)
    )
    return all(len(of_cell) == 1 or not of_cell & uncertain for of_cell in bases)
