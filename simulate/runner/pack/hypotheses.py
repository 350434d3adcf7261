"""Hypotheses and estimates as arrays."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import NormalDist
from typing import NamedTuple

from simulate.engine import codes, proportions
from simulate.engine.hypotheses import ESTIMATE_ODDS_RATIO
from simulate.engine.plan import Hypotheses
from simulate.runner.pack.course import endpoint_numbers
from simulate.runner.pack.values import floats, integers
from simulate.scenario.binary_tests import ExactBinomialTest, ProportionsTest
from simulate.scenario.endpoints import DURATION_OF_RESPONSE, TIME_TO_RESPONSE
from simulate.scenario.hypotheses import ArmEstimate, Hypothesis, Test
from simulate.scenario.models import Scenario
from simulate.scenario.survival_tests import (
    LandmarkTest,
    LogrankTest,
    MaxComboTest,
    MilestoneTest,
    RestrictedMeanTest,
    WeightedLogrankTest,
    Weights,
)

COX = {
    "none": codes.ESTIMATE_NONE,
    "cox_breslow": codes.ESTIMATE_BRESLOW,
    "cox_efron": codes.ESTIMATE_EFRON,
}
METHODS = {
    "z_pooled": proportions.PROPORTIONS_POOLED,
    "z_unpooled": proportions.PROPORTIONS_UNPOOLED,
    "miettinen_nurminen": proportions.PROPORTIONS_MIETTINEN_NURMINEN,
    "fisher": proportions.PROPORTIONS_FISHER,
    "mantel_haenszel": proportions.PROPORTIONS_MANTEL_HAENSZEL,
}
ESTIMATES = {
    "median": codes.ESTIMATE_OF_MEDIAN,
    "survival": codes.ESTIMATE_OF_SURVIVAL,
    "rmst": codes.ESTIMATE_OF_RESTRICTED_MEAN,
    "rate": codes.ESTIMATE_OF_RATE,
    "last_survival": codes.ESTIMATE_OF_LAST_SURVIVAL,
    "share_event_free": codes.ESTIMATE_OF_SHARE_EVENT_FREE,
    "minimum": codes.ESTIMATE_OF_MINIMUM,
    "maximum": codes.ESTIMATE_OF_MAXIMUM,
}
ENDPOINTS_OF_RESPONDERS = {
    DURATION_OF_RESPONSE: codes.ENDPOINT_DURATION_OF_RESPONSE,
    TIME_TO_RESPONSE: codes.ENDPOINT_TIME_TO_RESPONSE,
}
NO_WEIGHTS = (codes.WEIGHTS_NONE, 0.0, 0.0)
Component = tuple[int, float, float]


class _Packed(NamedTuple):
    """One test or estimate as numbers; see `simulate.engine.plan.Hypotheses`."""

    kind: int
    estimate: int = 0
    null_value: float = 0.0
    method: int = 0
    months: float = 0.0
    components: tuple[Component, ...] = ()
    quantile: float = 0.0


def pack_hypotheses(scenario: Scenario) -> Hypotheses:
    """Arrays of the hypotheses, followed by the estimates."""
    arms = list(scenario.arms)
    numbers = endpoint_numbers(scenario) | ENDPOINTS_OF_RESPONDERS
    chosen: list[Hypothesis | ArmEstimate] = [
        *scenario.hypotheses.values(),
        *scenario.estimates.values(),
    ]
    packed = [_packed_test(c.test) if isinstance(c, Hypothesis) else _estimate(c) for c in chosen]
    pairs = [c.arms.names if isinstance(c, Hypothesis) else (c.arm,) for c in chosen]
    components = [component for one in packed for component in one.components]
    return Hypotheses(
        kind=integers(one.kind for one in packed),
        endpoint=integers(numbers[c.endpoint] for c in chosen),
        experimental_arm=integers(arms.index(pair[0]) for pair in pairs),
        control_arm=integers(arms.index(pair[1]) if len(pair) > 1 else -1 for pair in pairs),
        stratified=integers(int(isinstance(c, Hypothesis) and c.test.stratified) for c in chosen),
        estimate=integers(one.estimate for one in packed),
        null_value=floats(one.null_value for one in packed),
        method=integers(one.method for one in packed),
        months=floats(one.months for one in packed),
        quantile=floats(one.quantile for one in packed),
        first_component=integers(_starts(len(one.components) for one in packed)),
        weight_kind=integers(kind for kind, _, _ in components),
        first_parameter=floats(first for _, first, _ in components),
        second_parameter=floats(second for _, _, second in components),
    )


def _packed_test(test: Test) -> _Packed:
    """A test as numbers."""
    match test:
        case LogrankTest() | WeightedLogrankTest() | MaxComboTest():
            return _of_risk_sets(test)
        case RestrictedMeanTest() | MilestoneTest() | LandmarkTest():
            return _of_curves(test)
        case ProportionsTest():
            return _Packed(
                codes.TEST_PROPORTIONS,
                ESTIMATE_ODDS_RATIO if test.estimate == "odds_ratio" else 0,
                test.null_difference,
                METHODS[test.method],
                test.minimum_follow_up_months or 0.0,
            )
        case ExactBinomialTest():
            months = test.minimum_follow_up_months or 0.0
            return _Packed(codes.TEST_EXACT_BINOMIAL, null_value=test.null_rate, months=months)


def _of_risk_sets(test: LogrankTest | WeightedLogrankTest | MaxComboTest) -> _Packed:
    """A log-rank test of any kind as numbers."""
    cox = COX[test.estimate]
    match test:
        case LogrankTest():
            return _Packed(codes.TEST_LOGRANK, cox, test.null_hazard_ratio)
        case WeightedLogrankTest():
            return _Packed(codes.TEST_WEIGHTED, cox, 1.0, components=(_weights(test),))
        case MaxComboTest():
            components = tuple(map(_weights, test.components))
            return _Packed(codes.TEST_MAXCOMBO, cox, 1.0, components=components)


def _of_curves(test: RestrictedMeanTest | MilestoneTest | LandmarkTest) -> _Packed:
    """A test of Kaplan-Meier curves as numbers."""
    match test:
        case RestrictedMeanTest():
            return _Packed(codes.TEST_RESTRICTED_MEAN, months=test.tau_months)
        case MilestoneTest():
            method = int(test.transform == "log_log")
            return _Packed(codes.TEST_MILESTONE, method=method, months=test.at_months)
        case LandmarkTest():
            null = test.null_survival
            return _Packed(codes.TEST_LANDMARK, null_value=null, months=test.at_months)


def _estimate(chosen: ArmEstimate) -> _Packed:
    """An estimate without a test as numbers."""
    months = chosen.at_months or chosen.minimum_follow_up_months or 0.0
    quantile = NormalDist().inv_cdf(0.5 + 0.5 * chosen.level)
    return _Packed(ESTIMATES[chosen.kind], months=months, quantile=quantile)


def _weights(weights: Weights) -> Component:
    """Kind of weights, and their two parameters."""
    if weights.fleming_harrington is not None:
        exponents = weights.fleming_harrington.exponents
        # Without exponents it is the plain test, whose weights are 1.
        return (codes.WEIGHTS_FLEMING_HARRINGTON, *exponents)
    modest = weights.modestly_weighted
    if modest is not None and modest.delay_months is not None:
        return codes.WEIGHTS_MODEST_BY_MONTH, modest.delay_months, 0.0
    assert modest is not None
    assert modest.survival_floor is not None
    return codes.WEIGHTS_MODEST_BY_SURVIVAL, modest.survival_floor, 0.0


def _starts(lengths: Iterable[int]) -> list[int]:
    """Where each of several runs begins, and where the last one ends."""
    starts = [0]
    for length in lengths:
        starts.append(starts[-1] + length)
    return starts
