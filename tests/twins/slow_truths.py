"""The truth of one trial where arms are uncertain: the slow twin.

Instead of factors on hazards, a scenario with other figures in its tables; ranks are counted, and
quantiles are scipy's.
"""

from __future__ import annotations

import math
from typing import Any

from scipy.stats import norm
from twins.slow_random import WORD, philox, wide_uniform

from simulate.scenario.models import Scenario

ENDPOINTS = ("pfs", "os")


def stratum_of_member(scenario: Scenario, arm: str, endpoint: str, member: int) -> int:
    """Rank of the member's uniform among those of all members."""
    high, low = divmod(scenario.simulation.seed, WORD)
    number = list(scenario.arms).index(arm) * 256 + ENDPOINTS.index(endpoint)
    uniforms = []
    for other in range(members_of(scenario)):
        words = philox((other, WORD - 1, WORD - 1, number), (low, high))
        uniforms.append(wide_uniform(words[0], words[1]))
    return sum(uniform < uniforms[member] for uniform in uniforms)


def members_of(scenario: Scenario) -> int:
    """How many truths there are: as the first ensemble says, or the scenario itself."""
    for arm in scenario.arms.values():
        if arm.states is not None and arm.states.members:
            return len(next(iter(arm.states.members.values())).shape)
    return scenario.simulation.members or 1


def factor_of_member(scenario: Scenario, arm: str, endpoint: str, member: int) -> float:
    """Factor on the times of an uncertain arm."""
    table: Any = getattr(scenario.arms[arm], endpoint)
    stratum = stratum_of_member(scenario, arm, endpoint, member)
    score = float(norm.ppf((stratum + 0.5) / members_of(scenario)))
    interval = table.uncertainty.median_months_interval
    if interval is None:
        return math.exp(score * table.uncertainty.sd_log_time)
    end = interval[1] if score > 0 else interval[0]
    reached_at = float(norm.ppf(0.5 + (table.uncertainty.level or 0.95) / 2))
    return float((end / table.median_months) ** (abs(score) / reached_at))


def truth_of(scenario: Scenario, trial: int) -> Scenario:
    """The scenario with the figures that hold in a trial, and nothing uncertain."""
    arms = dict(scenario.arms)
    for name, arm in scenario.arms.items():
        for endpoint in ENDPOINTS:
            table: Any = getattr(arm, endpoint)
            if getattr(table, "uncertainty", None) is None:
                continue
            factor = factor_of_member(scenario, name, endpoint, trial % members_of(scenario))
            arms[name] = arms[name].model_copy(update={endpoint: stretched(table, factor)})
    return scenario.model_copy(update={"arms": arms})


def stretched(table: Any, factor: float) -> Any:
    """A table whose times are longer, with those of its strata that have their own."""
    figures: dict[str, Any] = {}
    for key in ("median_months", "scale_months"):
        if getattr(table, key, None) is not None:
            figures[key] = getattr(table, key) * factor
    if getattr(table, "rate_per_month", None) is not None:
        figures["rate_per_month"] = table.rate_per_month / factor
    if getattr(table, "rates_per_month", None) is not None:
        figures["rates_per_month"] = tuple(
            step.model_copy(
                update={"from_month": step.from_month * factor, "rate": step.rate / factor}
            )
            for step in table.rates_per_month
        )
    if hasattr(table, "by_stratum"):
        entries = {key: stretched(entry, factor) for key, entry in table.by_stratum.items()}
        figures |= {"by_stratum": entries, "uncertainty": None}
    return table.model_copy(update=figures)
