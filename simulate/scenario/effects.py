"""What tests and estimates are about: the true values under a scenario's assumptions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from simulate.scenario.binary_tests import ExactBinomialTest, ProportionsTest
from simulate.scenario.comparisons import (
    constant_log_hazard_ratio,
    log_hazard_ratio_in_all_truths,
)
from simulate.scenario.endpoints import OBSERVED, PFS, READINGS, RESPONSE, TIMES
from simulate.scenario.hazards import FloatArray, Hazard
from simulate.scenario.hypotheses import DESCRIPTIVE, ArmEstimate, Hypothesis
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import (
    endpoint_rates,
    event_hazards,
    has_states,
    is_assessed,
    is_uncertain,
    strata_cells,
)
from simulate.scenario.survival_tests import (
    LandmarkTest,
    LogrankTest,
    MilestoneTest,
    RestrictedMeanTest,
)

_ROUNDING = 1e-12
_NODES = 40
_HALVINGS = 60
_PANELS = 24


def true_value(scenario: Scenario, name: str) -> float | None:
    """Value that the estimate of a hypothesis, or an estimate without a test, is of.

    Parameters
    ----------
    scenario : Scenario
        The assumptions.
    name : str
        Of a hypothesis or an estimate.

    Returns
    -------
    float or None
        On the scale of the estimate, over all strata; of a rate, the eventual one. None where there
        is no single value, it is one seen through scans or depends on the follow-up, patients go
        through states, or arms are uncertain of the endpoint. An infinite median is infinite.
    """
    chosen = scenario.estimates.get(name) or scenario.hypotheses[name]
    if _has_no_truth(scenario, chosen.endpoint):
        return None
    if isinstance(chosen, ArmEstimate):
        is_open = chosen.kind in DESCRIPTIVE or _is_seen(scenario, chosen.endpoint)
        return None if is_open else _of_estimate(scenario, chosen)
    hypothesis, test = chosen, chosen.test
    if _is_seen(scenario, hypothesis.endpoint) and test.effect != "log_hazard_ratio":
        return None
    if test.effect == "log_hazard_ratio":
        return constant_log_hazard_ratio(scenario, name)
    if isinstance(test, ProportionsTest | ExactBinomialTest):
        return _of_rates(scenario, hypothesis)
    return _of_curves(scenario, hypothesis)


def _has_no_truth(scenario: Scenario, endpoint: str) -> bool:
    """Whether an endpoint follows from states, or has many truths."""
    in_states = has_states(scenario) and endpoint not in scenario.binary_endpoints
    return in_states or is_uncertain(scenario, endpoint)


def _is_seen(scenario: Scenario, endpoint: str) -> bool:
    """Whether an endpoint is seen through scans, or made of what is observed."""
    return endpoint in OBSERVED or (endpoint in {PFS, RESPONSE} and is_assessed(scenario))


def null_value(hypothesis: Hypothesis) -> float:
    """Value under the null hypothesis: a hazard ratio, a difference, a rate or a survival."""
    match hypothesis.test:
        case LogrankTest(null_hazard_ratio=ratio):
            return ratio
        case ProportionsTest(null_difference=difference):
            return difference
        case ExactBinomialTest(null_rate=rate):
            return rate
        case LandmarkTest(null_survival=survival):
            return survival
        case RestrictedMeanTest() | MilestoneTest():
            return 0.0
    return 1.0


def null_holds(scenario: Scenario, hypothesis: str) -> bool | None:
    """Whether the null hypothesis is true under the scenario's assumptions.

    It is where the true value is the null one or worse for the experimental arm. None: it cannot be
    told, since there is no single value. What is true does not depend on who reads the scans.
    """
    scenario = _about_the_truth(scenario, hypothesis)
    chosen = scenario.hypotheses[hypothesis]
    test = chosen.test
    if has_states(scenario) and chosen.endpoint not in scenario.binary_endpoints:
        return None
    if chosen.endpoint in TIMES and test.effect in {"log_hazard_ratio", "none"}:
        log_hr = log_hazard_ratio_in_all_truths(scenario, hypothesis)
        return None if log_hr is None else log_hr > math.log(null_value(chosen)) - _ROUNDING
    if chosen.endpoint in OBSERVED or is_uncertain(scenario, chosen.endpoint):
        return None
    if isinstance(test, ProportionsTest):
        return _difference(scenario, chosen) < test.null_difference + _ROUNDING
    if test.effect in {"rate"}:
        value: float | None = _of_rates(scenario, chosen)
    else:
        value = _of_curves(scenario, chosen)
    return None if value is None else value < null_value(chosen) + _ROUNDING


def _about_the_truth(scenario: Scenario, hypothesis: str) -> Scenario:
    """The scenario with a hypothesis about the endpoint itself, not the investigator's reading."""
    chosen = scenario.hypotheses[hypothesis]
    if chosen.endpoint not in READINGS:
        return scenario
    read = chosen.model_copy(update={"endpoint": READINGS[chosen.endpoint]})
    return scenario.model_copy(update={"hypotheses": scenario.hypotheses | {hypothesis: read}})


def arm_survival(
    scenario: Scenario, endpoint: str, arm: str, months: Sequence[float] | FloatArray
) -> FloatArray:
    """Survival of an arm over all strata at ``months``, of the same shape."""
    cells = strata_cells(scenario)
    hazards = event_hazards(scenario, endpoint)[arm]
    parts = [c.prevalence * h.survival(months) for c, h in zip(cells, hazards, strict=True)]
    return np.asarray(np.sum(parts, axis=0))


def restricted_mean(scenario: Scenario, endpoint: str, arm: str, tau_months: float) -> float:
    """Restricted mean survival time of an arm over all strata, in months.

    The integral of the survival function up to ``tau_months``, by Gauss and Legendre's rule between
    the months at which a hazard changes, and months that halve towards 0: there a Weibull's
    survival may be steep.
    """
    nodes, weights = _gauss_legendre()
    hazards: tuple[Hazard, ...] = event_hazards(scenario, endpoint)[arm]
    starts = {start for hazard in hazards for start in hazard.starts_months if start < tau_months}
    halving = (tau_months * 0.5**k for k in range(_PANELS))
    knots = np.array(sorted({*starts, *halving}))
    middle, half = 0.5 * (knots[1:] + knots[:-1]), 0.5 * np.diff(knots)
    months = middle[:, None] + half[:, None] * nodes
    survival = arm_survival(scenario, endpoint, arm, months)
    return float(np.sum(half[:, None] * weights * survival))


@cache
def _gauss_legendre() -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of the rule, which take longer to find than to use."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return np.asarray(nodes), np.asarray(weights)


def median(scenario: Scenario, endpoint: str, arm: str) -> float:
    """Median of an arm over all strata, in months; infinite if half never have the event."""
    hazards = event_hazards(scenario, endpoint)[arm]
    medians = [float(hazard.quantile(0.5)) for hazard in hazards]
    low, high = min(medians), max(medians)
    if low == high:
        return low
    if high == math.inf:
        high = max(1.0, 2.0 * low)
        while high < 1e6 and arm_survival(scenario, endpoint, arm, [high])[0] > 0.5:
            high *= 2.0
        if arm_survival(scenario, endpoint, arm, [high])[0] > 0.5:
            return math.inf
    for _ in range(_HALVINGS):
        centre = 0.5 * (low + high)
        above = arm_survival(scenario, endpoint, arm, [centre])[0] > 0.5
        low, high = (centre, high) if above else (low, centre)
    return 0.5 * (low + high)


def arm_rate(scenario: Scenario, endpoint: str, arm: str) -> float:
    """Eventual rate of a binary endpoint in an arm, over all strata."""
    cells = strata_cells(scenario)
    rates = endpoint_rates(scenario, endpoint)[arm]
    return math.fsum(c.prevalence * rate for c, rate in zip(cells, rates, strict=True))


def _of_curves(scenario: Scenario, hypothesis: Hypothesis) -> float | None:
    """Difference in restricted means or in survival, or survival, that a test estimates."""
    test, endpoint = hypothesis.test, hypothesis.endpoint
    arms = hypothesis.arms.names
    if isinstance(test, RestrictedMeanTest):
        first, second = (restricted_mean(scenario, endpoint, arm, test.tau_months) for arm in arms)
        return first - second
    if not isinstance(test, MilestoneTest | LandmarkTest):
        return None
    levels = [float(arm_survival(scenario, endpoint, arm, [test.at_months])[0]) for arm in arms]
    if isinstance(test, LandmarkTest):
        return levels[0]
    if test.transform == "none":
        return levels[0] - levels[1]
    if not all(0.0 < level < 1.0 for level in levels):
        return None
    return math.log(-math.log(levels[1])) - math.log(-math.log(levels[0]))


def _of_estimate(scenario: Scenario, chosen: ArmEstimate) -> float:
    """Value that an estimate without a test is of."""
    endpoint, arm = chosen.endpoint, chosen.arm
    if chosen.kind == "rate":
        return arm_rate(scenario, endpoint, arm)
    if chosen.kind == "median":
        return median(scenario, endpoint, arm)
    assert chosen.at_months is not None
    if chosen.kind == "rmst":
        return restricted_mean(scenario, endpoint, arm, chosen.at_months)
    return float(arm_survival(scenario, endpoint, arm, [chosen.at_months])[0])


def _of_rates(scenario: Scenario, chosen: Hypothesis) -> float | None:
    """Rate, difference in rates or log odds ratio that a binary test estimates."""
    if chosen.arms.control is None:
        return arm_rate(scenario, chosen.endpoint, chosen.arms.experimental)
    if chosen.test.effect == "rate_difference":
        return _difference(scenario, chosen)
    if chosen.test.stratified:
        by_arm = [endpoint_rates(scenario, chosen.endpoint)[arm] for arm in chosen.arms.names]
        ratios = {round(_log_odds(p) - _log_odds(q), 12) for p, q in zip(*by_arm, strict=True)}
        return ratios.pop() if len(ratios) == 1 else None
    p, q = (arm_rate(scenario, chosen.endpoint, arm) for arm in chosen.arms.names)
    ratio = _log_odds(p) - _log_odds(q)
    return ratio if math.isfinite(ratio) else None


def _difference(scenario: Scenario, chosen: Hypothesis) -> float:
    """Difference in eventual rates of the two arms."""
    p, q = (arm_rate(scenario, chosen.endpoint, arm) for arm in chosen.arms.names)
    return p - q


def _log_odds(p: float) -> float:
    """Log odds; infinite for 0 and 1."""
    if p in {0.0, 1.0}:
        return math.inf if p == 1.0 else -math.inf
    return math.log(p / (1.0 - p))
